"""Offline policy evaluation: what a new policy would have brought, judged from logged decisions.

Two ways in. `evaluate.evaluate` takes a case made from arrays (`bandit.case`, `slate.case`,
`continuous.case`, `sequential.case`) and returns the content of `ope.json`;
`command.evaluate_files` does the same from files.
"""
