"""What each day was expected to bring when it began, against what came: counts and prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import nbinom, poisson

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.update.chart import Watched, count_scores, watch
from promopilot.experiments.update.days import Happened
from promopilot.experiments.update.prices import Paid
from promopilot.experiments.update.taking import Stage, TakenFlight

RANGE = 0.8  # of what is foreseen: 8 times in 10 it comes to lie inside


@dataclass(frozen=True)
class Series:
    """One thing that is watched, over T days."""

    kind: str  # `clicks`, `conversions` or `price`
    id: str  # of its promotion or placement
    observed: Floats  # [T] counts; of a price its log over the placement's mean
    mean: Floats  # [T] expected on the morning of each day
    sd: Floats  # [T]
    watched: Watched

    def between(self, since: int) -> tuple[float, float, float]:
        """What came from a day on, and the range that was foreseen for it.

        Days' deviations are uncorrelated where all goes as believed, so that variances add up.
        Prices are geometric means, as factors on the placement's mean price.
        """
        mean, sd = self.mean[since:], self.sd[since:]
        if self.kind == "price":
            there = ~np.isnan(self.observed[since:])
            days = max(int(there.sum()), 1)
            centre, width = mean[there].mean(), np.sqrt((sd[there] ** 2).sum()) / days
            reach = float(ndtri((1 + RANGE) / 2)) * width
            low, high = float(np.exp(centre - reach)), float(np.exp(centre + reach))
            return float(np.exp(self.observed[since:][there].mean())), low, high
        low, high = count_range(float(mean.sum()), float((sd**2).sum()))
        return float(self.observed[since:].sum()), low, high


def all_series(world: World, happened: Happened, paid: Paid, flight: TakenFlight) -> list[Series]:
    """Every chart of a flight: each promotion's stages, and each placement's price.

    What was never shown, and prices where no spend is recorded, have none.
    """
    kinds = ("clicks", "conversions")[-len(flight.stages) :]
    charts = len(flight.stages) * world.catalog.num_promotions + len(world.catalog.placement_ids)
    found = []
    for at, kind in enumerate(kinds):
        found += _counts(world, kind, flight.stages[at], at, charts)
    return found + ([] if paid.estimated else _prices(world, paid, charts))


def count_range(mean: float, variance: float) -> tuple[float, float]:
    """The central range of a count of that mean and variance (negative binomial, else Poisson)."""
    low, high = (1 - RANGE) / 2, (1 + RANGE) / 2
    if mean <= 0:
        return 0.0, 0.0
    if variance <= mean * (1 + 1e-9):
        return float(poisson.ppf(low, mean)), float(poisson.ppf(high, mean))
    size = mean**2 / (variance - mean)
    shape = (size, size / (size + mean))
    return float(nbinom.ppf(low, *shape)), float(nbinom.ppf(high, *shape))


def own_share(world: World, stage: int, weights: Floats) -> Floats:
    """Variance `[..., P]` that line items' own unknown rates leave in a promotion's, relative.

    Args:
        world: The market.
        stage: Which one.
        weights: What is expected of each line item `[..., L]`.
    """
    by, own = world.catalog.by_promotion, world.rates.stages[stage].own_sd
    whole = by.sum(weights)
    squares = by.sum((weights * own) ** 2)
    return np.asarray(np.divide(squares, whole**2, out=np.zeros_like(whole), where=whole > 0))


def day_variance(world: World, stage: int) -> float:
    """Variance of a day's log-odds that all promotions share."""
    laws = world.dynamics
    return (laws.first_day_sd, laws.second_day_sd)[stage] ** 2


def _counts(world: World, kind: str, stage: Stage, at: int, charts: int) -> list[Series]:
    catalog = world.catalog
    expected = stage.trials * stage.rate  # [T, L]
    mean, events = catalog.by_promotion.sum(expected), catalog.by_promotion.sum(stage.events)
    relative = stage.sd**2 + own_share(world, at, expected) + day_variance(world, at)
    # Log-odds move a rate p by p (1 - p).
    other = np.divide(
        catalog.by_promotion.sum(expected * (1 - stage.rate)),
        mean,
        out=np.ones_like(mean),
        where=mean > 0,
    )
    spread = np.sqrt(relative) * other
    scores = count_scores(events, mean, spread)
    sd = np.sqrt(mean + (mean * spread) ** 2)
    days = world.days
    return [
        Series(kind, name, events[:, p], mean[:, p], sd[:, p], watch(scores[:, p], charts, days))
        for p, name in enumerate(catalog.promotion_ids)
        if mean[:, p].any()
    ]


def _prices(world: World, paid: Paid, charts: int) -> list[Series]:
    laws, found = world.dynamics, []
    for k, name in enumerate(world.catalog.placement_ids):
        seen = paid.log_factor[:, k]
        if np.isnan(seen).all():
            continue
        mean, sd = _price_forecast(
            seen,
            paid.noise[:, k],
            float(world.initial.log_price[k]),
            (float(laws.price_sd[k]), float(laws.price_persistence[k])),
            float(laws.price_level_sd[k]),
        )
        there = ~np.isnan(seen) & (sd > 0)
        scores = np.where(there, (seen - mean) / np.where(there, sd, 1.0), 0.0)
        found.append(Series("price", name, seen, mean, sd, watch(scores, charts, world.days)))
    return found


def _price_forecast(
    seen: Floats, noise: Floats, before: float, law: tuple[float, float], level_sd: float
) -> tuple[Floats, Floats]:
    """Mean and sd of each day's log factor given the days before it (a Kalman filter).

    Log factor = level + deviation, the deviation an AR(1), seen with a day's own noise.

    Args:
        seen: Log factors `[T]`, NaN where unknown.
        noise: Sd of each one's error `[T]`.
        before: The day before the flight's log price over its median, NaN where unknown.
        law: Stationary sd and persistence of the deviation.
        level_sd: Sd of the level, of which nothing is known before.
    """
    sd, keep = law
    state = np.array([-(sd**2) / 2 + (0.0 if np.isnan(before) else before), 0.0])
    spread = np.diag([sd**2 if np.isnan(before) else 0.0, level_sd**2])
    mean, out = np.zeros(len(seen)), np.zeros(len(seen))
    ones = np.ones(2)
    for day, value in enumerate(seen):
        state = np.array([keep * (state[0] + sd**2 / 2) - sd**2 / 2, state[1]])
        turn = np.diag([keep, 1.0])
        spread = turn @ spread @ turn + np.diag([sd**2 * (1 - keep**2), 0.0])
        mean[day] = state.sum()
        variance = float(ones @ spread @ ones) + noise[day] ** 2
        out[day] = np.sqrt(variance)
        if not np.isnan(value) and variance > 0:
            gain = spread @ ones / variance
            state = state + gain * (value - mean[day])
            spread = spread - np.outer(gain, ones @ spread)
    return mean, out
