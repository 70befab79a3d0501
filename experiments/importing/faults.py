"""Problems of an export's cells, each at its row and column as the file has them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.importing.raw import RawExport

LISTED = 1000  # of one kind in one file: more would only say the same again


def faults(
    export: RawExport, column: str, bad: NDArray[np.bool_], rule: str, mend: str
) -> list[Problem]:
    """A problem per True in `bad` [n], with the cell of `column` as written."""
    at = np.flatnonzero(bad)[:LISTED]
    if not len(at):
        return []
    values = export.cells[column].take(pa.array(at)).to_pylist()
    rows = export.rows[at].tolist()
    return [
        Problem(export.file, row, column, value, rule, mend)
        for row, value in zip(rows, values, strict=True)
    ]
