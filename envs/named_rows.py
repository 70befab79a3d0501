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
