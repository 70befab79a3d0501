"""Linear constraints on the spend of a whole flight that stand for one limit in words."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.sparse import csr_array

from promopilot.envs.arrays import Floats


@dataclass(frozen=True)
class Named:
    """Rows of  matrix x <= high  that stand for one limit in an analyst's words."""

    text: str  # completes "these limits cannot all hold: ..."
    matrix: csr_array  # [rows, D x L + D]
    high: Floats  # [rows]
    day: int | None = None  # where it is of one day alone
    entry: str = ""  # where an analyst wrote it, "bounds[2]"
    amount: str = ""  # money that the text only speaks of

    @property
    def told(self) -> str:
        """The limit with its place in the file and its money."""
        text = f"{self.entry}: {self.text}" if self.entry else self.text
        return f"{text} ({self.amount})" if self.amount else text
