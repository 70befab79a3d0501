"""Reading and checking the contract's tables."""

from promopilot.experiments.tables.read import Report, Tables, check_tables, read_tables

__all__ = ["Report", "Tables", "check_tables", "read_tables"]
