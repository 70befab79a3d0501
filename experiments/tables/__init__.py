"""Reading and checking the contract's tables."""

from promopilot.experiments.tables.check import Report, check_tables
from promopilot.experiments.tables.read import Tables, read_tables

__all__ = ["Report", "Tables", "check_tables", "read_tables"]
