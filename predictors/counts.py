"""Trials and successes of each stage of the funnel, from rows with absent labels masked out.

R is rows, Z stages.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.dataset import Floats, Rows


@dataclass(frozen=True)
class StageCounts:
    """Binomial counts; where a label is absent both are 0, so that it says nothing.

    Conversions not yet seen when a row was read are no failures: trials are those matured, though
    never fewer than the conversions that have come.
    """

    trials: Floats  # [R, Z]
    successes: Floats  # [R, Z]
    # Events of the last recorded stage among impressions: what a log-loss is taken of.
    last_trials: Floats  # [R]
    last_successes: Floats  # [R]
    # The same where it adds to the likelihood: all that a row without clicks has to say where other
    # rows record clicks, and the entire-space term elsewhere.
    whole_trials: Floats  # [R]
    whole_successes: Floats  # [R]

    @classmethod
    def of(cls, rows: Rows, entire_space: float = 0.0) -> "StageCounts":
        """Counts of rows; `entire_space` is the weight of the product in rows that have both."""
        shown = rows.impressions.astype(np.float64)
        nothing = np.zeros(len(rows))
        clicks = nothing if rows.clicks is None else rows.clicks.astype(np.float64)
        bought = nothing if rows.conversions is None else rows.conversions.astype(np.float64)
        matured = shown * rows.matured
        if rows.stages == ("ctcvr",):
            known = rows.conversions_known
            successes = np.where(known, bought, 0.0)
            trials = np.maximum(np.where(known, matured, 0.0), successes)
            return cls(trials[:, None], successes[:, None], trials, successes, nothing, nothing)
        first = np.where(rows.clicks_known, shown, 0.0)
        if rows.stages == ("ctr",):
            return cls(first[:, None], clicks[:, None], first, clicks, nothing, nothing)
        both = rows.clicks_known & rows.conversions_known
        second = np.maximum(np.where(both, clicks * rows.matured, 0.0), np.where(both, bought, 0.0))
        last = np.maximum(np.where(rows.conversions_known, matured, 0.0), bought)
        share = np.where(both, entire_space, 1.0)
        return cls(
            np.stack([first, second], axis=1),
            np.stack([clicks, np.where(both, bought, 0.0)], axis=1),
            last,
            bought,
            share * last,
            share * bought,
        )
