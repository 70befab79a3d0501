"""The one currency of an export: from its headers, a column, or the mapping."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.ids import NOTHING
from promopilot.experiments.importing.mapping import Mapping


def currency_of(
    mapping: Mapping,
    in_headers: Sequence[str | None],
    texts: Table[str, pa.ChunkedArray],
    files: str,
) -> str | None:
    """The currency of all money; None where nothing says.

    Args:
        mapping: Its `currency` decides where it is given.
        in_headers: That of each file's headers.
        texts: Cells of the rows that count, by field.
        files: Their names, for the message.

    Raises:
        DataError: There are several, or a cell is no code of three letters.
    """
    if mapping.currency is not None:
        return mapping.currency
    found = {code for code in in_headers if code is not None}
    if "currency" in texts:
        cells = pc.unique(texts["currency"]).to_pylist()
        found |= {cell.strip().upper() for cell in cells if cell and cell.strip() not in NOTHING}
    if len(found) > 1:
        rule = "must be one currency in all rows of an import"
        mend = "import each currency into a folder of its own, or convert the money first"
        raise DataError([Problem(files, None, "currency", ", ".join(sorted(found)), rule, mend)])
    for code in found:
        if not (len(code) == 3 and code.isascii() and code.isalpha()):
            rule = "must be a code of three letters, like EUR"
            mend = "correct it, or say `currency: EUR` in a mapping"
            raise DataError([Problem(files, None, "currency", code, rule, mend)])
    return next(iter(found), None)
