"""How the numbers of a file are written: as the mapping says, else as they tell themselves."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.numbers import NumberStyle, number_style


def style_of(mapping: Mapping, columns: Sequence[pa.ChunkedArray]) -> NumberStyle:
    """The style of a file's numbers.

    Args:
        mapping: Its `numbers` decide where they are given.
        columns: The file's numeric columns, as text.
    """
    if mapping.numbers is None:
        return number_style(columns)
    return NumberStyle(mapping.numbers.decimal, mapping.numbers.thousands)
