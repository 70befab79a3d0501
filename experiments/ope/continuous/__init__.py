"""Logs whose actions are numbers: the log, the policy, the estimators."""
