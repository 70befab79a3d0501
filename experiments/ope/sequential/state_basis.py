"""State columns as the few columns of a linear model, for logs of some hundred episodes."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray

# A state column of at most so many values is taken as levels without order.
_LEVELS = 8
# Squares and products of two enter for up to so many columns: 6 make 21. More columns enter as
# lines only: on 34 columns of a market's log, squares brought nothing out of sample.
_CURVED = 6
# Scores are held within this: a line is not drawn further than the states it was drawn through.
_FARTHEST = 4.0


@dataclass(frozen=True)
class StateBasis:
    """How state columns [k, d] are made into a design [k, p]."""

    numbers: tuple[int, ...]  # columns taken as numbers
    mean: FloatArray  # [numbers] over the rows it was made from
    spread: FloatArray  # [numbers] standard deviation over them
    levels: tuple[tuple[int, FloatArray], ...]  # columns of few values, and those values
    gaps: tuple[int, ...]  # columns that are missing in some rows

    def lines(self, state: FloatArray) -> FloatArray:
        """[k, q] what enters straight: standard scores, levels, and where values are missing."""
        levels = [state[:, [column]] == values for column, values in self.levels]
        gaps = ~np.isfinite(state[:, list(self.gaps)])
        return np.hstack([self._scores(state), *levels, gaps]).astype(np.float64)

    def curves(self, state: FloatArray) -> FloatArray:
        """[k, c] squares of the scores and products of two; none where columns are many."""
        scores = self._scores(state)
        if scores.shape[1] > _CURVED:
            return np.empty((len(state), 0))
        first, second = np.triu_indices(scores.shape[1])
        return scores[:, first] * scores[:, second]

    def _scores(self, state: FloatArray) -> FloatArray:
        scores = (state[:, list(self.numbers)] - self.mean) / self.spread
        return np.clip(np.where(np.isfinite(scores), scores, 0.0), -_FARTHEST, _FARTHEST)


def state_basis(state: FloatArray) -> StateBasis:
    """The basis for states [k, d], not finite where missing; columns that do not vary drop out."""
    numbers: list[int] = []
    levels: list[tuple[int, FloatArray]] = []
    gaps: list[int] = []
    known = np.isfinite(state)
    for column in np.flatnonzero(known.any(axis=0)):
        values = np.unique(state[known[:, column], column])
        if 1 < len(values) <= _LEVELS:
            levels.append((int(column), values))
        elif len(values) > 1:
            numbers.append(int(column))
        if not known[:, column].all():
            gaps.append(int(column))
    scored = np.where(known, state, np.nan)[:, numbers]
    return StateBasis(
        numbers=tuple(numbers),
        mean=np.nanmean(scored, axis=0) if numbers else np.empty(0),
        spread=np.nanstd(scored, axis=0) if numbers else np.empty(0),
        levels=tuple(levels),
        gaps=tuple(gaps),
    )
