"""Features as the columns of a linear model: bent lines, levels, gaps, and products of two."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray

# A feature of so few values is taken as levels without order, which ranks of text are.
_LEVELS = 12
# Where a feature's line may bend: the quartiles.
_BENDS = (0.25, 0.5, 0.75)
# Columns that are products of two features, at most.
_PRODUCTS = 60
# Sums of products over rows, columns x columns for each action, at most: 8 MB, seconds to solve.
# Where they would be more, products are left out, and then bends.
_SUMS = 1_000_000


@dataclass(frozen=True)
class Column:
    """How one feature enters."""

    at: int  # its place among the features
    levels: FloatArray | None  # its values, where few: an indicator each
    fill: float  # stands in where it is missing: the mean
    bends: FloatArray  # where its line bends
    has_gaps: bool  # whether it is missing somewhere

    @property
    def width(self) -> int:
        """Columns of `line`."""
        return 1 if self.levels is None else len(self.levels)

    def line(self, features: FloatArray) -> FloatArray:
        """[m, 1 or number of levels]: the distance from the mean, or the levels."""
        values = features[:, self.at]
        if self.levels is not None:
            return np.asarray(values[:, None] == self.levels, dtype=np.float64)
        return (np.where(np.isfinite(values), values, self.fill) - self.fill)[:, None]

    def rest(self, features: FloatArray) -> FloatArray:
        """[m, bends + gaps]: what the line gains after each bend, and where the value is missing.

        Levels have neither: a missing value is at none of them.
        """
        past = np.maximum(self.line(features) + self.fill - self.bends, 0.0)
        gaps = [~np.isfinite(features[:, self.at])] if self.has_gaps else []
        return np.column_stack([past, *gaps])


@dataclass(frozen=True)
class Basis:
    """A feature matrix [m, d] made into a design [m, k], its first column 1."""

    columns: tuple[Column, ...]
    pairs: tuple[tuple[Column, Column], ...]  # those multiplied with each other
    kept: IntArray  # [k - 1] of the raw columns, those that vary
    mean: FloatArray  # [k - 1] over the rows that the basis was made from
    scale: FloatArray  # [k - 1] standard deviation over them

    @property
    def width(self) -> int:
        """k; 1 where no feature says anything."""
        return 1 + len(self.kept)

    def design(self, features: FloatArray) -> FloatArray:
        """[m, k]: 1, then columns of mean 0 and variance 1 over the rows it was made from."""
        raw = _raw(self.columns, self.pairs, features)[:, self.kept]
        return np.column_stack([np.ones(len(features)), (raw - self.mean) / self.scale])


def basis_of(features: FloatArray, actions: int) -> Basis:
    """The basis for features [n, d] and coefficients per action; not finite is missing, d may be 0.

    Args:
        features: [n, d] of the rows to fit on.
        actions: number of actions, each with coefficients of its own.
    """
    columns = tuple(_column(at, features[:, at]) for at in range(features.shape[1]))
    most = int(np.sqrt(_SUMS / actions))
    if _own(columns) > most:
        columns = tuple(replace(column, bends=np.empty(0)) for column in columns)
    pairs = _pairs(columns, min(_PRODUCTS, most - _own(columns)))
    raw = _raw(columns, pairs, features)
    scale = raw.std(axis=0)
    kept = np.flatnonzero(scale > 1e-9 * np.abs(raw).max(axis=0, initial=0.0))
    return Basis(columns, pairs, kept, raw[:, kept].mean(axis=0), scale[kept])


def _column(at: int, values: FloatArray) -> Column:
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= _LEVELS:
        return Column(at, distinct, 0.0, np.empty(0), False)
    bends = np.unique(np.quantile(known, _BENDS))
    return Column(at, None, float(known.mean()), bends, len(known) < len(values))


def _own(columns: tuple[Column, ...]) -> int:
    return sum(column.width + len(column.bends) + column.has_gaps for column in columns)


def _pairs(columns: tuple[Column, ...], room: int) -> tuple[tuple[Column, Column], ...]:
    """As many pairs as there is room for their columns, those of the fewest first."""
    found = []
    for pair in sorted(combinations(columns, 2), key=lambda two: two[0].width * two[1].width):
        room -= pair[0].width * pair[1].width
        if room < 0:
            break
        found.append(pair)
    return tuple(found)


def _raw(
    columns: tuple[Column, ...], pairs: tuple[tuple[Column, Column], ...], features: FloatArray
) -> FloatArray:
    line = {column.at: column.line(features) for column in columns}
    rest = [column.rest(features) for column in columns if column.levels is None]
    crossed = [
        (line[first.at][:, :, None] * line[second.at][:, None, :]).reshape(len(features), -1)
        for first, second in pairs
    ]
    empty = np.empty((len(features), 0))
    return np.column_stack([empty, *line.values(), *rest, *crossed])
