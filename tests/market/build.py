"""Small worlds with chosen parts replaced, and a flight played to its end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay, steady
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

SMALL = SyntheticSize(promotions=3, placements=2, segments=2, days=4)
CHAPELLE = Delay(fast_share=0.36, fast_days=0.3 / 24, slow_days=97 / 24)


def with_parts(
    world: World,
    *,
    catalog: dict[str, Any] | None = None,
    dynamics: dict[str, Any] | None = None,
    initial: dict[str, Any] | None = None,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    **top: Any,
) -> World:
    """The same world with fields of its parts replaced."""
    rates = replace(
        world.rates,
        first_stage=replace(world.rates.first_stage, **first or {}),
        second_stage=replace(world.rates.second_stage, **second or {}),
    )
    return replace(
        world,
        **{
            "catalog": replace(world.catalog, **catalog or {}),
            "dynamics": replace(world.dynamics, **dynamics or {}),
            "initial": replace(world.initial, **initial or {}),
            "rates": rates,
            **top,
        },
    )


def quiet_world(size: SyntheticSize | None = None, *, budget_factor: float = 5.0) -> World:
    """Hidden shifts of rates, and nothing else that moves; money is no object."""
    world = synthetic_world(size or SMALL)
    c = world.catalog
    dynamics = steady(len(c.pools), len(c.placement_ids), c.num_promotions)
    return replace(world, dynamics=dynamics, budget=world.budget * budget_factor)


def without_clicks(world: World) -> World:
    """The same conversions per impression, with no clicks recorded."""
    first = world.rates.first_stage
    certain = Stage(
        rate=np.ones_like(first.rate),
        shared_sd=np.zeros_like(first.shared_sd),
        own_sd=np.zeros_like(first.own_sd),
    )
    joint = replace(first, rate=first.rate * world.rates.second)
    return replace(world, rates=Rates(joint, certain, has_clicks=False))


def started(world: World, seed: int, flights: int, *, expected: bool = False) -> Market:
    """A market before the first day of flights 0, 1, ..."""
    market = Market(world, expected=expected)
    market.reset(seed, np.arange(flights))
    return market


def even(market: Market) -> Floats:
    """What is left, spread evenly over line items and the days to come."""
    share = market.world.catalog.num_line_items * (market.world.days - market.day)
    return np.tile(market.budget_left[:, None] / share, market.world.catalog.num_line_items)


def play(market: Market, policy: Callable[[Market], Floats] = even) -> list[DayOutcome]:
    """Every day's accounting under a policy, to the flight's end."""
    days = []
    while not market.done:
        days.append(market.step(policy(market)))
    return days


def always(market: Market, money: float) -> Floats:
    """`money` on every line item `[N, L]`."""
    return np.full((market.num_flights, market.world.catalog.num_line_items), money)


def summed(days: list[DayOutcome], name: str) -> Floats:
    """A column of the accounting over all days `[N, L]`."""
    return np.asarray(np.sum([getattr(day, name) for day in days], axis=0))


def same(left: Any, right: Any) -> bool:
    """Whether two arrays agree bit for bit."""
    return bool(np.array_equal(left, right, equal_nan=True))
