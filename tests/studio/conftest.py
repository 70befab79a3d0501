"""The finished run of the report's tests, to play with."""

from tests.report.conftest import make_run, run

__all__ = ["make_run", "run"]
