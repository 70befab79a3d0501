"""Everything in a flight that no policy can influence.

Every draw is a function of seed, flight, day and item (see `engine.streams`), so a flight is the
same alone and in a batch, and every policy on one seed meets the same world.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.dynamics import Delay
from promopilot.envs.engine import streams
from promopilot.envs.rates import Stage
from promopilot.envs.world import World

_EDGE = 1e-9
# A share that waits below this is none: no flight has as many conversions.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Exogenous:
    """Draws of N flights. Drift and shocks are drawn day by day, by `engine.streams.wander`."""

    supply: Floats  # [N, D, Q] whole impressions
    price_factor: Floats  # [N, D, K] price of the day over the placement's mean
    first_shift: Floats  # [N, L] hidden shift of the first stage's log-odds, shared + own
    second_shift: Floats  # [N, L] likewise of the second stage
    first_day: Floats  # [N, D] what moves the first stage's log-odds of all line items alike
    second_day: Floats  # [N, D] likewise the second stage's
    reach_factor: Floats  # [N, K] what a line item can reach, over what is believed
    fatigue_exponent: Floats  # [N]
    # [N, 3] delay: fast share, and the shares of the fast and the slow part that wait another day
    delay: Floats
    incrementality: Floats  # [N, P]


def draw(world: World, seed: int, flights: Ints) -> Exogenous:
    """Draw what the given flights `[N]` of a seed meet.

    Supply, price and reach factors have mean one (the log-normal's -sd^2/2 is taken off).
    """
    catalog, dynamics = world.catalog, world.dynamics
    levels = _Levels(world, seed, flights)
    delay = dynamics.delay
    share = expit(logit(np.clip(delay.fast_share, _EDGE, 1 - _EDGE)) + levels.delay_share)
    slow = delay.slow_days * np.exp(levels.delay_days)
    return Exogenous(
        supply=_supply(world, levels, seed, flights),
        price_factor=_prices(world, levels, seed, flights),
        first_shift=_shift(world, world.rates.first_stage, seed, flights, 0),
        second_shift=_shift(world, world.rates.second_stage, seed, flights, 1),
        first_day=levels.first_day,
        second_day=levels.second_day,
        reach_factor=np.exp(levels.reach - dynamics.reach_sd**2 / 2),
        fatigue_exponent=np.maximum(dynamics.fatigue_exponent + levels.fatigue, 0.0),
        delay=np.stack(
            [
                share if 0 < delay.fast_share < 1 else np.full_like(share, delay.fast_share),
                np.full_like(share, _kept(np.array(delay.fast_days))),
                _kept(slow),
            ],
            axis=1,
        ),
        incrementality=np.clip(catalog.incrementality + levels.incrementality, 0.0, 1.0),
    )


def mean_draw(world: World) -> Exogenous:
    """The reference flight: every exogenous draw at its mean, as a batch of one.

    Shifts are those at which each line item has its mean rates, not the shifts' own means.
    """
    dynamics = world.dynamics
    first, second = (stage.shift_to_mean(world.catalog.promotion) for stage in world.rates.stages)
    last = np.nan_to_num(world.initial.log_price)
    kept = dynamics.price_persistence ** (1 + np.arange(world.days))[:, None]
    seen = ~np.isnan(world.initial.log_price)
    price = seen * (last * kept - (dynamics.price_sd * kept) ** 2 / 2)
    return Exogenous(
        supply=np.rint(world.supply)[None],
        price_factor=np.exp(price)[None],
        first_shift=first[None],
        second_shift=second[None],
        first_day=np.zeros((1, world.days)),
        second_day=np.zeros((1, world.days)),
        reach_factor=np.ones((1, len(world.catalog.placement_ids))),
        fatigue_exponent=np.array([dynamics.fatigue_exponent]),
        delay=np.array([mean_delay(dynamics.delay)]),
        incrementality=world.catalog.incrementality[None].copy(),
    )


def mean_delay(delay: Delay) -> tuple[float, float, float]:
    """Fast share, and the shares of the fast and the slow part that wait another day."""
    fast, slow = _kept(np.array([delay.fast_days, delay.slow_days]))
    return float(delay.fast_share), float(fast), float(slow)


class _Levels:
    """What a flight's own market is like, as far as nobody knows it beforehand."""

    def __init__(self, world: World, seed: int, flights: Ints) -> None:
        catalog, dynamics = world.catalog, world.dynamics
        pools, placements = len(catalog.pools), len(catalog.placement_ids)
        # Streams of one number a step, so that a longer flight begins as a shorter one does.
        daily = streams.normals(seed, flights, streams.LEVELS, world.days, 5)
        own = streams.normals(
            seed,
            flights,
            streams.LEVELS,
            1,
            11 + pools + 2 * placements + catalog.num_promotions,
            first_step=streams.LAST_STEP,
        )[:, 0]
        few, pool, price, reach, caused = np.split(
            own, np.cumsum([11, pools, placements, placements]), axis=1
        )
        self.trend = dynamics.trend_sd * few[:, 0]
        self.fatigue = dynamics.fatigue_exponent_sd * few[:, 1]
        self.delay_share = dynamics.delay.fast_share_sd * few[:, 2]
        self.delay_days = dynamics.delay.slow_days_sd * few[:, 3]
        self.weekday = dynamics.weekday_sd * few[:, 4:]
        self.pool = dynamics.supply_level_sd * pool
        self.price = dynamics.price_level_sd * price
        self.reach = dynamics.reach_sd * reach
        self.incrementality = dynamics.incrementality_sd * caused
        # The log-normal's mean is taken off, so that what all share does not lift the mean rate.
        elapsed = 1 + np.arange(world.days)
        supply, self.supply_day, rate, first, second = np.moveaxis(daily, 2, 0)
        self.supply_walk = dynamics.supply_walk_sd * np.cumsum(supply, axis=1)
        self.supply_day = dynamics.supply_day_sd * self.supply_day
        walk = dynamics.rate_walk_sd * np.cumsum(rate, axis=1)
        variance = dynamics.rate_walk_sd**2 * elapsed + dynamics.first_day_sd**2
        self.first_day = walk + dynamics.first_day_sd * first - variance / 2
        self.second_day = dynamics.second_day_sd * second - dynamics.second_day_sd**2 / 2


def _supply(world: World, levels: _Levels, seed: int, flights: Ints) -> Floats:
    dynamics, days = world.dynamics, np.arange(world.days)
    noise = streams.normals(seed, flights, streams.SUPPLY, world.days, len(world.catalog.pools))
    noise *= dynamics.supply_sd
    noise += levels.pool[:, None, :]
    shared = (
        levels.weekday[:, (world.start.weekday() + days) % 7]
        + levels.trend[:, None] * (days + 1)
        + levels.supply_walk
        + levels.supply_day
    )
    noise += shared[:, :, None]
    variance = (
        dynamics.supply_sd**2
        + dynamics.supply_day_sd**2
        + dynamics.supply_level_sd**2
        + dynamics.weekday_sd**2
        + ((dynamics.trend_sd * (days + 1)) ** 2 + dynamics.supply_walk_sd**2 * (days + 1))[:, None]
    )
    noise -= variance / 2
    return np.asarray(np.rint(world.supply * np.exp(noise, out=noise)))


def _prices(world: World, levels: _Levels, seed: int, flights: Ints) -> Floats:
    """AR(1) log prices, from yesterday's price where that is known, else stationary."""
    dynamics, last = world.dynamics, world.initial.log_price
    keep, sd = dynamics.price_persistence, dynamics.price_sd
    steps = streams.normals(seed, flights, streams.PRICE, world.days, len(keep))
    steps *= sd * np.sqrt(1 - keep**2)
    unknown = np.isnan(last)
    steps[:, 0, unknown] /= np.sqrt(1 - keep[unknown] ** 2)
    steps[:, 0] += np.where(unknown, 0.0, keep * np.nan_to_num(last))
    for day in range(1, world.days):
        steps[:, day] += keep * steps[:, day - 1]
    # Where yesterday's price is known an error of the mean shows as prices return to it.
    shown = np.where(unknown, 1.0, 1 - keep ** (1 + np.arange(world.days))[:, None])  # [D, K]
    steps += levels.price[:, None, :] * shown
    steps -= sd**2 / 2 + (dynamics.price_level_sd * shown) ** 2 / 2
    return np.exp(steps, out=steps)


def _shift(world: World, stage: Stage, seed: int, flights: Ints, which: int) -> Floats:
    catalog = world.catalog
    size = catalog.num_promotions
    normal = streams.normals(
        seed, flights, streams.SHIFTS, 1, size + catalog.num_line_items, first_step=which
    )[:, 0]
    own = normal[:, size:]
    own *= stage.own_sd
    own += (normal[:, :size] * stage.shared_sd)[:, catalog.promotion]
    return np.ascontiguousarray(own)


def _kept(mean_days: Floats) -> Floats:
    """Share of an exponential part that is not seen within a day."""
    mean = np.asarray(mean_days, dtype=np.float64)
    kept = np.where(mean > 0, np.exp(-1 / np.where(mean > 0, mean, 1.0)), 0.0)
    return np.where(kept > _NOTHING, kept, 0.0)
