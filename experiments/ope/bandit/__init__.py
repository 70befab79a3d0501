"""Logs with one action per decision: the log, the policy, and the estimators that read them."""
