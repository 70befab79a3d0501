"""The report: one self-contained HTML page made from the files of a finished run folder."""

from promopilot.experiments.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
