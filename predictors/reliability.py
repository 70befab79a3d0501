"""Predicted against observed rates, and how often counts fall where they were said to fall.

R is rows, I line items.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from promopilot.predictors.bootstrap import Resampling, interval
from promopilot.predictors.contenders import OURS, Outcome
from promopilot.predictors.dataset import Floats, Masks
from promopilot.predictors.predictive import (
    LEAST_EVENTS,
    ItemCounts,
    covered,
    pit_histogram,
    transform,
)
from promopilot.predictors.scores import BINS, equal_bins


@dataclass(frozen=True)
class Bin:
    """Rows with like predictions; ten bins hold a tenth of the trials each."""

    stage: str
    bin: int  # 0 is the lowest
    trials: float
    predicted: float  # mean rate
    observed: float
    binomial_low: float  # 95 %, were trials independent (Jeffreys)
    binomial_high: float
    low: float | None  # 95 %, whole groups resampled
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self)


def reliability(outcome: Outcome, again: Resampling) -> list[Bin]:
    """Returns the predictor's bins, lowest first; bins without trials are left out."""
    shown = outcome.trials > 0
    if not shown.any():
        return []
    part, again = outcome.pick(shown), again.pick(shown)
    rate, trials, events = part.rates[OURS], part.trials, part.events
    code = equal_bins(rate, trials)
    out = []
    for index in range(BINS):
        inside = code == index
        if not inside.any():
            continue
        n, k = float(trials[inside].sum()), float(events[inside].sum())
        drawn = again.sums(np.where(inside, events, 0.0)), again.sums(np.where(inside, trials, 0.0))
        share = np.divide(*drawn, out=np.full(len(drawn[0]), np.nan), where=drawn[1] > 0)
        low, high = interval(share) or (None, None)
        out.append(
            Bin(
                stage=outcome.stage,
                bin=index,
                trials=n,
                predicted=float((trials * rate)[inside].sum() / n),
                observed=k / n,
                binomial_low=float(beta.ppf(0.025, k + 0.5, n - k + 0.5)),
                binomial_high=float(beta.ppf(0.975, k + 0.5, n - k + 0.5)),
                low=low,
                high=high,
            )
        )
    return out


@dataclass(frozen=True)
class Coverage:
    """How often counts of line items lay inside their 80 % predictive interval."""

    stage: str
    which: str  # "all", "seen" or "new" promotions, or those of an "unknown_group"
    items: int  # line items with at least 20 expected events
    promotions: int
    coverage: float
    low: float | None  # 95 %, whole groups resampled
    high: float | None
    pit: tuple[float, ...]  # share of items in each tenth of the probability integral transform

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"pit": list(self.pit)}


def coverage(outcome: Outcome, again: Resampling, parts: dict[str, Masks]) -> list[Coverage]:
    """Judges the predictor's uncertainty on items with at least 20 expected events.

    Args:
        outcome: of line items, also where tests are ranked by promotion.
        again: draws of the same rows.
        parts: rows [R] by which promotions they are of; parts without such items are left out.
    """
    items = line_items(outcome)
    judged = items.counts.trials * items.counts.rate >= LEAST_EVENTS
    found = transform(items.counts)
    inside = covered(found)
    out = []
    for name, rows in parts.items():
        chosen = judged & rows[items.row]
        if not chosen.any():
            continue
        unit = again.unit[items.row[chosen]]
        drawn = Resampling(unit, again.weights)
        mean = np.divide(drawn.sums(inside[chosen]), np.maximum(drawn.sums(np.ones(len(unit))), 1))
        low, high = interval(mean) or (None, None)
        picked = type(found)(found.low[chosen], found.high[chosen])
        out.append(
            Coverage(
                stage=outcome.stage,
                which=name,
                items=int(chosen.sum()),
                promotions=len(np.unique(items.counts.promotion[chosen])),
                coverage=float(inside[chosen].mean()),
                low=low,
                high=high,
                pit=tuple(pit_histogram(picked).tolist()),
            )
        )
    return out


@dataclass(frozen=True)
class LineItems:
    """Rows summed to line items, and a row of each."""

    counts: ItemCounts
    row: np.ndarray  # [I]


def line_items(outcome: Outcome) -> LineItems:
    """Sums an outcome's rows; the rate is the mean over trials, as is the standard error."""
    shown = np.flatnonzero(outcome.trials > 0)
    _, first, code = np.unique(outcome.item[shown], return_index=True, return_inverse=True)

    def summed(values: Floats) -> Floats:
        return np.bincount(code, values[shown], minlength=len(first)).astype(np.float64)

    trials = summed(outcome.trials)
    return LineItems(
        ItemCounts(
            promotion=outcome.promotion[shown][first],
            trials=trials,
            rate=summed(outcome.trials * outcome.rates[OURS]) / trials,
            sd=summed(outcome.trials * outcome.sd) / trials,
            events=summed(outcome.events),
        ),
        shown[first],
    )
