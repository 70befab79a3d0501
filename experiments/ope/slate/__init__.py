"""Logs with several actions per decision, in positions: the log, the policy, the estimators."""
