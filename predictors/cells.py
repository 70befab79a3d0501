"""Days summed to the cells that the network can tell apart, so that a pass costs what it must.

The network sees a day through its weekday and through the offset alone. With small rates days add
up: sum_t n_t e^(o_t + f) = e^f sum_t n_t e^(o_t), so that a cell's offset is the log of its days'
mean odds; exact for Poisson counts, and to the square of the rate for binomial ones.
R is rows (days), C cells, Z stages.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import WEEKDAYS, Floats, Rows


@dataclass(frozen=True)
class Cells:
    """One per promotion x placement x segment x weekday."""

    rows: Rows  # [C] the first day of each: who, where and to whom; its counts mean nothing
    offset: Floats  # [C, Z] logits
    counts: StageCounts  # [C] sums of days, each weighed by its row's weight

    @classmethod
    def of(cls, rows: Rows, counts: StageCounts, offset: Floats) -> "Cells":
        """Sums rows; `counts` and `offset` are theirs, [R] and [R, Z]."""
        key = rows.item * WEEKDAYS + rows.weekday
        _, first, cell = np.unique(key, return_index=True, return_inverse=True)

        def summed(values: Floats) -> Floats:
            weighted = values * rows.weight.reshape((-1,) + (1,) * (values.ndim - 1))
            out = np.zeros((len(first), *values.shape[1:]))
            np.add.at(out, cell, weighted)
            return out

        trials = summed(counts.trials)
        # A cell without trials has no mean to take; its days' plain mean does no harm.
        share = np.where(trials[cell] > 0.0, counts.trials * rows.weight[:, None], 1.0)
        total = np.zeros_like(trials)
        odds = np.zeros_like(trials)
        np.add.at(total, cell, share)
        np.add.at(odds, cell, share * np.exp(offset))
        return cls(
            rows=rows.pick(first),
            offset=np.log(odds / total),
            counts=StageCounts(
                trials,
                summed(counts.successes),
                summed(counts.last_trials),
                summed(counts.last_successes),
                summed(counts.whole_trials),
                summed(counts.whole_successes),
            ),
        )
