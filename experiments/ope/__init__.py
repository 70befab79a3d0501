"""Offline policy evaluation: what a new policy would have brought, judged from logged decisions.

Two ways in. `evaluate.evaluate_log` takes arrays and returns the content of `ope.json`;
`command.evaluate_files` does the same from files. Only bandit logs are read: one decision, one
action, one reward a row.
"""
