"""The mistakes of a user that `promopilot.experiments` reports; the CLI prints each as one line."""

from __future__ import annotations

from dataclasses import dataclass


class ConfigError(ValueError):
    """A config that cannot be used: an unknown key, a value out of range, two that contradict."""


class RunFolderError(ValueError):
    """A folder that cannot be written to, read from or resumed."""


class LogError(ValueError):
    """A decision log, policy file or reward file that offline evaluation cannot use."""


class ComparisonError(ValueError):
    """Plans, runs or what happened that cannot be set side by side."""


class ClusterError(ValueError):
    """A Ray cluster that cannot be reached, started or used; what was finished before is kept."""


class SearchError(ValueError):
    """A search of which nothing came; its trials are kept."""


class MissingPackageError(ValueError):
    """An optional package is not installed; the message names the extra that brings it."""


@dataclass(frozen=True)
class Problem:
    """One place in one table that breaks one rule.

    `row` counts as a spreadsheet does: the header is row 1, the first record row 2, in Parquet
    files too, so that both kinds read alike. It is None where the whole file or column is meant.
    """

    file: str  # name of the file within the folder, for example "performance.csv"
    row: int | None
    column: str | None  # the column, or several joined by ", " where a rule compares them
    value: str | None  # as written in the file; None where there is none to show
    rule: str  # what must hold
    mend: str  # what to do about it

    def __str__(self) -> str:
        """The problem as one sentence."""
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.column is not None:
            where += f", column {self.column}"
        what = where if self.value is None else f"{where}: {self.value!r}"
        return f"{what} {self.rule}; {self.mend}"


class DataError(ValueError):
    """Tables that break the contract; `problems` lists every place, the message says the first.

    Args:
        problems: Of a table larger than memory, the first of them.
        more: How many others there are.
    """

    def __init__(self, problems: list[Problem], more: int = 0) -> None:
        self.problems = list(problems)
        more += len(self.problems) - 1
        text = str(self.problems[0]) if self.problems else "the tables cannot be used"
        super().__init__(f"{text} (and {more} more)" if more > 0 else text)
