"""Worlds and actions for property tests: every option of a market, and every bad number."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.market.build import CHAPELLE, with_parts, without_clicks

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import IMMEDIATE, Delay
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

properties = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FLIGHTS = 3
_BY_ITEM = ("unit_cost", "reach_share", "max_spend", "recent_roas")

saturations = st.sampled_from(
    [
        Saturation(),
        Saturation("michaelis_menten"),
        *(Saturation("hill", slope) for slope in (0.5, 1.0, 2.5)),
    ]
)
delays = st.sampled_from([IMMEDIATE, CHAPELLE, Delay(0.0, 0.0, 30.0), Delay(0.5, 1, 3, 0.5, 0.5)])
money = st.one_of(
    st.floats(0, 2000),
    st.floats(),  # not a number, infinite, negative, out of range
    st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 1e30, 0.0]),
)


@st.composite
def worlds(
    draw: st.DrawFn, covers: tuple[str, ...] | None = None, drifts: bool | None = None
) -> World:
    """Any small world; `covers`, and whether rates drift, where given."""
    drifts = draw(st.booleans()) if drifts is None else drifts
    size = SyntheticSize(
        promotions=draw(st.integers(1, 3)),
        placements=draw(st.integers(1, 2)),
        segments=draw(st.integers(1, 2)),
        days=draw(st.integers(1, 4)),
        shift_sd=draw(st.sampled_from([0.0, 0.3])),
        stock=draw(st.sampled_from([np.inf, np.inf, 0.0, 1.0, 60.0])),
    )
    either = [("spend",), ("spend", "subsidy")]
    world = synthetic_world(size, covers=covers or draw(st.sampled_from(either)))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    if draw(st.booleans()):
        world = _ragged(world, rng)
    if draw(st.booleans()):
        world = without_clicks(world)
    live = rng.random(world.live.shape) < draw(st.sampled_from([0.5, 1.0]))
    live &= rng.random((world.days, 1)) < draw(st.sampled_from([0.5, 1.0]))  # blackout days
    kept = rng.random(world.supply.shape) < draw(st.sampled_from([0.7, 1.0]))
    most = np.where(rng.random(live.shape[1]) < 0.5, rng.uniform(0, 50, live.shape[1]), np.inf)
    budget = world.budget * draw(st.sampled_from([1e-6, 0.1, 0.3, 1.0, 100.0]))
    world = with_parts(
        world,
        dynamics={
            "saturation": draw(saturations),
            "delay": draw(delays),
            "drift_sd": draw(st.sampled_from([0.1, 0.3] if drifts else [0.0])),
            "shock_probability": draw(st.sampled_from([0.0, 0.2] if drifts else [0.0])),
        },
        live=live,
        supply=world.supply * kept * draw(st.sampled_from([1e-4, 1.0, 1.0])),
        max_spend=draw(st.sampled_from([world.max_spend, most])),
        per_day_max=draw(st.sampled_from([np.inf, np.inf, np.inf, 0.0, 40.0])),
        budget=budget,
        overrun=draw(st.sampled_from(["close", "book"])),
        objective=draw(st.sampled_from(["net_profit", "profit", "revenue", "conversions"])),
    )
    return _with_a_past(world, rng, draw(st.booleans()), draw(st.sampled_from([0, 0, 0.5, 1.2])))


def _ragged(world: World, rng: np.random.Generator) -> World:
    """Some of the line items: with promotions, pools and audiences that have none."""
    c, rates = world.catalog, world.rates
    kept = np.sort(rng.choice(c.num_line_items, rng.integers(1, c.num_line_items + 1), False))
    some = {name: getattr(c, name)[kept] for name in ("promotion", "placement", "segment")}
    pools = np.unique(c.pool[kept])
    first, second = (
        replace(stage, rate=stage.rate[:, kept].copy(), own_sd=stage.own_sd[kept])
        for stage in rates.stages
    )
    dynamics = replace(
        world.dynamics,
        supply_sd=world.dynamics.supply_sd[pools],
        supply_level_sd=world.dynamics.supply_level_sd[pools],
    )
    return replace(
        world,
        catalog=replace(c, **some),
        rates=replace(rates, first_stage=first, second_stage=second),
        dynamics=dynamics,
        initial=replace(world.initial, pending=world.initial.pending[:, kept].copy()),
        supply=world.supply[:, pools].copy(),
        live=world.live[:, kept].copy(),
        current_spend=world.current_spend[:, kept].copy(),
        **{name: getattr(world, name)[kept] for name in _BY_ITEM},
    )


def _with_a_past(world: World, rng: np.random.Generator, tired: bool, spent: float) -> World:
    """The world with a share of its budget spent, and, if `tired`, with all else in the pipe."""
    world = with_parts(world, initial={"spent": world.budget * spent})
    if not tired:
        return world
    audiences, items = world.catalog.by_audience.size, world.catalog.num_line_items
    return replace(
        with_parts(
            world,
            initial={
                "fatigue": rng.uniform(0, 3, audiences),
                "pending": rng.integers(0, 20, (2, items)).astype(float),
                "log_price": rng.normal(0, 0.3, len(world.catalog.placement_ids)),
            },
        ),
        usual_fatigue_factor=rng.uniform(0.5, 1, audiences),
    )


@st.composite
def spends(draw: st.DrawFn, world: World) -> list[Floats]:
    """What is asked for on every day `[N, L]`: anything."""
    count = world.days * FLIGHTS * world.catalog.num_line_items
    # A few numbers, dealt out: shrinks better than a number per cell, and reaches as far.
    few = draw(st.lists(money, min_size=1, max_size=12))
    dealt = np.random.default_rng(draw(st.integers(0, 999))).choice(few, count)
    return list(dealt.reshape(world.days, FLIGHTS, -1))


@st.composite
def flights(
    draw: st.DrawFn, covers: tuple[str, ...] | None = None, drifts: bool | None = None
) -> tuple[World, list[Floats], int]:
    """A world, what is asked for in it, and a seed."""
    world = draw(worlds(covers, drifts))
    return world, draw(spends(world)), draw(st.integers(-(2**63), 2**64))
