"""Logs of episodes, whose decisions change what comes after: the log, the policy, estimators."""
