"""Rows that say nothing of their own: totals, which would count twice, blank ones, headers."""

from __future__ import annotations

import re
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.importing.headers import Platform, recognise

# The word alone, or followed by what was added up: "Total: Campaigns", "Gesamt: Konto",
# "总计：广告系列". A campaign "Total Wine" is none.
_WORDS: Final = (
    r"(grand )?totals?|total (g[ée]n[ée]ral|general)"
    r"|totales|totaux|gesamt|gesamtsumme|gesamtergebnis|insgesamt|summe"
    r"|总计|合计|总和|小计|總計|合計|subtotals?|zwischensumme|sous-total|subtotales"
)
# What Meta writes there in some reports: "Results from 12 campaigns".
_COUNTED: Final = r"(results from|ergebnisse (von|aus)|r[ée]sultats de|resultados de) \d.*"
_TOTAL: Final = rf"(?i)^\s*(({_WORDS})\s*([:：].*)?|{_COUNTED})\s*$"
_NOTHING: Final = r"^\s*(-+|—|–)?\s*$"
_WHERE_NAMED = 4  # columns from the left in which a total may be named
_NAMES: Final = ("campaign", "campaign_id", "adset", "adset_id", "ad", "ad_id")


def is_total(cell: str) -> bool:
    """Whether a cell is the name of a total row."""
    return re.match(_TOTAL, cell) is not None


def total_rows(cells: pa.Table) -> NDArray[np.bool_]:
    """Which rows are totals.

    A row is one if its first filled cell says so, or if it names no campaign, ad set or ad where
    the table has columns for them (as Meta's do); but a row of one day never is.

    Args:
        cells: n rows of text.

    Returns:
        [n]
    """
    named = np.zeros(cells.num_rows, dtype=np.bool_)
    before = np.ones(cells.num_rows, dtype=np.bool_)  # nothing stands to the left
    for column in cells.columns[:_WHERE_NAMED]:
        named |= before & _matches(column, _TOTAL)
        before &= _empty(column)
    columns = recognise(cells.column_names, Platform.GENERIC).columns
    if "date" not in columns:
        return named
    day = cells[columns["date"]]
    no_day = _empty(day) | _matches(day, _TOTAL)
    if "date_end" in columns:  # a period is no day
        no_day |= pc.not_equal(day, cells[columns["date_end"]]).fill_null(True).to_numpy()
    nameless = [_empty(cells[columns[name]]) for name in _NAMES if name in columns]
    if nameless:
        named |= reduce(np.logical_and, nameless)
    return np.asarray(named & no_day)


def blank_rows(cells: pa.Table) -> NDArray[np.bool_]:
    """[n] Which rows hold nothing."""
    filled = [pc.is_valid(column).to_numpy() for column in cells.columns]
    return np.asarray(~reduce(np.logical_or, filled))


def repeated_headers(cells: pa.Table) -> NDArray[np.bool_]:
    """[n] Which rows are the header once more, as where files were put one below the other."""
    same = [
        pc.equal(column, name).fill_null(False).to_numpy()
        for name, column in zip(cells.column_names, cells.columns, strict=True)
    ]
    return np.asarray(reduce(np.logical_and, same))


def _matches(column: pa.ChunkedArray, pattern: str) -> NDArray[np.bool_]:
    codes = pc.dictionary_encode(column).combine_chunks()
    hits = pc.match_substring_regex(codes.dictionary, pattern).to_numpy(zero_copy_only=False)
    at = codes.indices.fill_null(len(hits)).to_numpy(zero_copy_only=False)
    return np.asarray(np.append(hits, False)[at], dtype=np.bool_)


def _empty(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(_matches(column, _NOTHING) | pc.is_null(column).to_numpy())
