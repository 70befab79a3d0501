"""A control chart for each promotion and placement: is what comes still what was foreseen?

Each day's count becomes a normal score under what was believed that morning; those of a day well
foreseen are independent, with mean 0 and sd at most 1. Their exponentially weighted moving average
E_t = (1 - w) E_(t-1) + w z_t, E_0 = 0, is out of control when it leaves +- L s_t, with
s_t^2 = w (1 - (1 - w)^(2 t)) / (2 - w) (Lucas and Saccucci, Technometrics 32, 1990; w = 0.2 finds
shifts of about one sd best). L is such that all charts of a flight together raise a false alarm in
one flight of twenty: a single chart then has the chance p with 1 - (1 - p)^charts = 0.05, and its
run length follows from their Markov chain (Brook and Evans, Biometrika 59, 1972).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import betainc, gammaincc, ndtri
from scipy.stats import norm

from promopilot.envs.arrays import Floats

WEIGHT = 0.2
FALSE_ALARMS = 0.05  # chance of any in a flight that goes as believed
_NODES = 161  # of the chain, over the widest limits
_WIDEST = 8.0  # L is searched below this
_NO_SPREAD = 1e-8
_EXTREME = 1e-12


@dataclass(frozen=True)
class Watched:
    """One chart after T days."""

    scores: Floats  # [T] z_t
    average: Floats  # [T] E_t
    limit: Floats  # [T] L s_t

    @property
    def since(self) -> int | None:
        """The day since which things differ, if they do: the likeliest start of one lasting shift.

        It maximises (sum of z from there on)^2 / days, the likelihood ratio of a shifted mean. None
        where E has not left its limits, or has come back through 0 since.
        """
        out = np.flatnonzero(np.abs(self.average) > self.limit)
        if not len(out):
            return None
        side = np.sign(self.average[out[-1]])
        if (np.sign(self.average[out[-1] :]) != side).any():
            return None
        sums = np.cumsum(self.scores[::-1])[::-1]
        likely = np.maximum(side * sums, 0.0) ** 2 / np.arange(len(sums), 0, -1)
        return int(np.argmax(likely[: out[-1] + 1]))


def watch(scores: Floats, charts: int, days: int) -> Watched:
    """Follow one chart.

    Args:
        scores: Normal scores of the days so far `[T]`.
        charts: How many charts the flight has in all.
        days: Days of the flight.
    """
    average, last = np.zeros(len(scores)), 0.0
    for day, score in enumerate(scores):
        last = (1 - WEIGHT) * last + WEIGHT * score
        average[day] = last
    return Watched(scores, average, limit(charts, days) * _sds(len(scores)))


@cache
def limit(charts: int, days: int) -> float:
    """L, by bisection."""
    aim = -np.expm1(np.log1p(-FALSE_ALARMS) / max(charts, 1))
    low, high = 0.0, _WIDEST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(middle, days) > aim else (low, middle)
    return high


def count_scores(counts: Floats, mean: Floats, spread: Floats) -> Floats:
    """Normal scores of counts: Poisson around a mean that itself is known to a relative sd.

    With a gamma for the mean the count is negative binomial; the score is that of half the chance
    of the count itself and all of smaller ones, which for small counts has an sd below 1.

    Args:
        counts: What came.
        mean: What was expected; a score is 0 where that is 0.
        spread: Relative sd of the mean.
    """
    counts = np.maximum(counts, 0.0)
    below = (_chance_below(counts + 1, mean, spread) + _chance_below(counts, mean, spread)) / 2
    return np.where(mean > 0, ndtri(np.clip(below, _EXTREME, 1 - _EXTREME)), 0.0)


def _chance_below(count: Floats, mean: Floats, spread: Floats) -> Floats:
    """Chance of fewer than `count`."""
    mean, spread = np.maximum(mean, 1e-300), np.maximum(spread, _NO_SPREAD)
    size = spread**-2.0
    some = np.maximum(count, 1e-300)
    mixed = betainc(size, some, size / (size + mean))
    plain = gammaincc(some, mean)
    chance = np.where(spread > 1e-4, mixed, plain)
    return np.asarray(np.where(count > 0, chance, 0.0))


def _sds(days: int) -> Floats:
    return np.asarray(
        np.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * (1 + np.arange(days)))))
    )


def _chance(width: float, days: int) -> float:
    """Chance that one chart leaves its limits within so many days, nothing being wrong."""
    sds = _sds(days)
    edge = width * np.sqrt(WEIGHT / (2 - WEIGHT))
    step = 2 * edge / _NODES
    nodes = -edge + step * (np.arange(_NODES) + 0.5)
    bounds = np.append(nodes - step / 2, edge)
    moved = norm.cdf((bounds[None] - (1 - WEIGHT) * nodes[:, None]) / WEIGHT)
    chain = np.diff(moved, axis=1)
    first = np.diff(norm.cdf(bounds / WEIGHT))
    inside = first * (np.abs(nodes) <= width * sds[0])
    for sd in sds[1:]:
        inside = (inside @ chain) * (np.abs(nodes) <= width * sd)
    return float(1 - inside.sum())
