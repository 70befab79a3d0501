"""Ids and texts out of columns: each row's number in a short list of distinct texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.importing.mapping import BETWEEN

IntArray = NDArray[np.int64]
NOTHING = ("", "--", "-", "—", "–")  # how platforms write that there is none
_ENDS = (".", "!", "?", "…", ":", "。", "！", "？")


@dataclass(frozen=True)
class Coded:
    """A column of n texts as numbers of its K distinct ones."""

    codes: IntArray  # [n] index into `names`; -1 where there is none
    names: tuple[str, ...]  # [K] distinct, spaces tidied


def coded(column: pa.ChunkedArray) -> Coded:
    """A column of text; cells that say "none" have none, and spaces and line breaks are tidied."""
    encoded = column.combine_chunks().dictionary_encode()
    tidy = [" ".join(str(name).split()) for name in encoded.dictionary.to_pylist()]
    known = np.array([name not in NOTHING for name in tidy], dtype=bool)
    numbers, names = pd.factorize(np.array(tidy, dtype=object)[known])
    of_name = np.full(len(tidy) + 1, -1, dtype=np.int64)  # one more: of empty cells
    of_name[:-1][known] = numbers
    codes = encoded.indices.fill_null(len(tidy)).to_numpy(zero_copy_only=False)
    return Coded(of_name[codes], tuple(str(name) for name in names))


def constant(name: str, count: int) -> Coded:
    """The same text in each of `count` rows."""
    return Coded(np.zeros(count, dtype=np.int64), (name,))


def joined(parts: Sequence[Coded], join: Callable[[Sequence[str]], str]) -> Coded:
    """Several columns as one: each row's filled parts, joined.

    Args:
        parts: Columns of n rows each, at least one.
        join: Makes one text of the filled parts of a row.
    """
    numbers = parts[0].codes + 1
    for part in parts[1:]:  # dense again each time, so that products stay small
        numbers = pd.factorize(numbers * (len(part.names) + 1) + part.codes + 1)[0].astype(np.int64)
    numbers, first = _dense(numbers)
    texts = [
        join([part.names[part.codes[row]] for part in parts if part.codes[row] >= 0])
        for row in first.tolist()
    ]
    codes, names = pd.factorize(np.array([text or None for text in texts], dtype=object))
    return Coded(codes.astype(np.int64)[numbers], tuple(str(name) for name in names))


def as_id(parts: Sequence[str]) -> str:
    """Parts of an id as one."""
    return BETWEEN.join(parts)


def as_text(parts: Sequence[str]) -> str:
    """Headlines and descriptions as sentences in a row, none twice."""
    once = list(dict.fromkeys(parts))
    ended = [part if part.endswith(_ENDS) else f"{part}." for part in once[:-1]]
    return " ".join([*ended, *once[-1:]])


def _dense(numbers: IntArray) -> tuple[IntArray, IntArray]:
    """Numbers counted from 0 as they first appear [n], and the row where each does."""
    codes = pd.factorize(numbers)[0].astype(np.int64)
    return codes, np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
