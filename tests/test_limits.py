"""Limits of a world: checked when made, refused where they clash, kept by every policy's days."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import CurrentMix, Uniform
from promopilot.envs.errors import InfeasibleError, MarketError
from promopilot.envs.feasibility import check_limits, contradiction, feasible
from promopilot.envs.limit_rows import totals
from promopilot.envs.limits import Group, Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world
from tests.worlds import calm_world

SIZE = SyntheticSize(promotions=5, placements=2, segments=2, days=6)
ITEMS = 20
NONE = Limits.none(ITEMS)


def limited(seed: int = 0, **changes: object) -> World:
    """A world with every kind of limit, none of which clash."""
    world = synthetic_world(SIZE, seed=seed)
    catalog, rng = world.catalog, np.random.default_rng(seed)
    day = world.current_mix.sum(axis=1).mean()
    cut = catalog.promotion
    limits = Limits(
        min_spend=np.where(rng.random(ITEMS) < 0.2, 0.3 * world.current_mix.min(axis=0), 0.0),
        locked=cut == 2,
        explored=rng.random(ITEMS) < 0.4,
        groups=(
            Group("two promotions", cut < 2, max=0.5 * day),
            Group("promotion-4", cut == 4, min=0.1 * day),
            Group("placement-0", catalog.placement == 0, max_share=0.6),
        ),
        max_step=0.2,
        exploration=0.05,
    )
    return replace(world, limits=limits, **changes)


class Wild:
    """Asks for anything."""

    name = "wild"

    def __init__(self, world: World) -> None:
        self._rng, self._money = np.random.default_rng(0), world.budget / world.days / 5

    def spend(self, market: Market) -> np.ndarray:
        asked = self._rng.exponential(self._money, (market.num_flights, ITEMS))
        asked[self._rng.random(asked.shape) < 0.1] = np.nan
        return asked


def worst(world: World, asked: np.ndarray, last: np.ndarray, day: int) -> dict[str, float]:
    """By how much a day's plans break each kind of limit, at most."""
    limits, catalog = world.limits, world.catalog
    assert limits is not None
    total, free = asked.sum(axis=1), ~limits.locked
    found = {
        "minima": (limits.min_spend - asked)[:, free].max(),
        "locks": np.abs(asked - world.current_mix[day])[:, limits.locked].max(initial=0),
        "maxima": (asked - world.max_spend).max(),
        "day": (total - world.per_day_max).max(),
    }
    for group in limits.groups:
        own = asked[:, group.items].sum(axis=1)
        found[f"{group.name} min"] = (group.min - own).max()
        found[f"{group.name} max"] = (own - group.max).max()
        found[f"{group.name} share"] = (own - group.max_share * total).max()
    chosen = limits.explored & free
    each = limits.exploration / chosen.sum() * total
    found["exploration"] = (each[:, None] - asked[:, chosen]).max()
    steps = catalog.by_promotion.sum(free * 1.0) > 0
    change = limits.max_step * np.maximum(last, equal_share(world)[day])
    moved = np.abs(catalog.by_promotion.sum(asked) - last)
    found["steps"] = (moved - change)[:, steps].max()
    return found


@pytest.mark.parametrize("make", [Replanner, Wild, lambda _: Uniform(), lambda _: CurrentMix()])
@pytest.mark.parametrize("seed", [0, 1])
def test_whatever_is_asked_every_day_keeps_every_limit(make, seed: int) -> None:  # type: ignore[no-untyped-def]
    world = limited(seed)
    market, policy = Market(world), make(world)
    market.reset(3, np.arange(8))
    slight = 1e-9 * world.budget
    spent = np.zeros(8)
    while not market.done:
        day, last = market.day, market.last_spend.copy()
        outcome = market.step(policy.spend(market))
        broken = worst(world, outcome.asked, last, day)
        assert max(broken.values()) <= slight, broken
        spent += outcome.total("spend")
    assert (spent <= world.budget * (1 + 1e-12)).all()


def test_what_the_allocator_asks_passes_unchanged() -> None:
    world = limited()
    market, policy = Market(world), Replanner(world)
    market.reset(3, np.arange(8))
    while not market.done:
        asked = policy.spend(market)
        np.testing.assert_allclose(market.step(asked).asked, asked, atol=1e-9 * world.budget)


def test_where_the_budget_covers_subsidy_maxima_hold_and_money_is_not_overspent() -> None:
    world = replace(limited(), covers=("spend", "subsidy"), budget=limited().budget * 3)
    for policy in (Replanner(world), Wild(world)):
        market = Market(world)
        market.reset(3, np.arange(4))
        while not market.done:
            day, last = market.day, market.last_spend.copy()
            broken = worst(world, market.step(policy.spend(market)).asked, last, day)
            upper = {
                k: v for k, v in broken.items() if k.endswith(("max", "share", "maxima", "day"))
            }
            assert max(upper.values()) <= 1e-9 * world.budget, upper
        assert (market.overrun == 0).all()


def test_yesterdays_spend_is_the_current_mix_on_the_first_day() -> None:
    world = limited()
    market = Market(world)
    first = world.catalog.by_promotion.sum(world.current_mix[0])
    np.testing.assert_array_equal(market.last_spend[0], first)
    asked = market.step(Uniform().spend(market)).asked
    np.testing.assert_array_equal(market.last_spend, world.catalog.by_promotion.sum(asked))


def test_limits_that_allow_everything_change_nothing() -> None:
    free = synthetic_world(SIZE)
    both = []
    for world in (free, replace(free, limits=NONE)):
        market = Market(world)
        market.reset(1, np.arange(3))
        both.append([market.step(Uniform().spend(market)).asked for _ in range(world.days)])
    np.testing.assert_array_equal(*both)


def test_minima_that_are_too_much_for_the_money_are_cut_by_one_factor() -> None:
    world = calm_world(SIZE)
    least = np.linspace(1, 2, ITEMS)
    least *= 1.5 * world.budget / world.days / least.sum()
    market = Market(replace(world, limits=replace(NONE, min_spend=least)))
    part = []
    for _ in range(world.days):
        part.append(market.step(np.zeros((1, ITEMS))).asked[0] / least)
    np.testing.assert_allclose(part[0], part[0][0], rtol=1e-9)
    assert np.ptp(part) < 0.1  # and the days alike
    assert np.mean(part) == pytest.approx(1 / 1.5, rel=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_spend": np.zeros(3)}, r"limits.min_spend has shape \(3,\), not \(20,\)"),
        ({"min_spend": np.full(ITEMS, -1.0)}, "limits.min_spend holds -1.0"),
        ({"max_step": -0.1}, "limits.max_step is -0.1; it must be at least 0"),
        ({"max_step": float("nan")}, "limits.max_step is nan"),
        ({"exploration": 1.5}, "limits.exploration is 1.5; it must be from 0 to 1"),
        ({"exploration": 0.1, "explored": np.zeros(ITEMS, bool)}, "no line item is explored"),
        ({"groups": (Group("g", np.zeros(ITEMS, bool)),)}, "'g' names no line item"),
        ({"groups": (Group("g", np.ones(3, bool)),)}, r"'g' names line items of shape \(3,\)"),
        ({"groups": (Group("g", np.ones(ITEMS, bool), min=-1),)}, "'g' has a minimum of -1"),
        ({"groups": (Group("g", np.ones(ITEMS, bool), max=-1),)}, "'g' has a maximum of -1"),
        ({"groups": (Group("g", np.ones(ITEMS, bool), max_share=2),)}, "'g' has a share of 2"),
    ],
)
def test_limits_that_break_a_rule_are_named(change: dict, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        replace(synthetic_world(SIZE), limits=replace(NONE, **change))


def test_limits_survive_their_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    world = limited()
    save_world(world, tmp_path)
    again = load_world(tmp_path).limits
    assert again is not None
    assert world.limits is not None
    for name in ("min_spend", "locked", "explored"):
        np.testing.assert_array_equal(getattr(again, name), getattr(world.limits, name))
    assert (again.max_step, again.exploration) == (0.2, 0.05)
    for mine, other in zip(again.groups, world.limits.groups, strict=True):
        np.testing.assert_array_equal(mine.items, other.items)
        assert replace(mine, items=other.items) == other


def test_limits_that_can_be_kept_pass() -> None:
    check_limits(limited())
    check_limits(synthetic_world(SIZE))


def test_a_days_clash_is_named_with_its_date_and_nothing_else() -> None:
    world = synthetic_world(SIZE)
    placed = [world.catalog.placement == at for at in range(2)]
    groups = (
        Group("promotion pizza-30", world.catalog.promotion == 0, min=500.0),
        Group("placement home", placed[0], max=150.0),
        Group("placement search", placed[1], max=150.0),
        Group("segment low", world.catalog.segment == 0, max=5_000.0),
    )
    with pytest.raises(InfeasibleError) as told:
        check_limits(replace(world, limits=replace(NONE, groups=groups)))
    assert "on 2024-01-01: promotion pizza-30 needs at least 500 a day; " in str(told.value)
    assert "placement home may spend at most 150 a day" in str(told.value)
    assert "segment low" not in str(told.value)


def test_minima_beyond_the_flights_budget_clash_with_it() -> None:
    world = synthetic_world(SIZE)
    least = np.full(ITEMS, 1.1 * world.budget / world.days / ITEMS)
    with pytest.raises(InfeasibleError, match="the budget leaves"):
        check_limits(replace(world, limits=replace(NONE, min_spend=least)))


def test_a_step_that_cannot_come_down_to_a_maximum_clashes_with_it() -> None:
    world = synthetic_world(SIZE)
    first = world.current_mix[0][world.catalog.promotion == 0].sum()
    group = Group("promotion-0 in all", world.catalog.promotion == 0, max=0.5 * first)
    with pytest.raises(InfeasibleError, match=r"promotion-0 may change by at most 10.0%") as told:
        check_limits(replace(world, limits=replace(NONE, groups=(group,), max_step=0.1)))
    assert "promotion-0 in all may spend at most" in str(told.value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_of_a_clash_every_limit_is_necessary(seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=3))
    day = world.current_mix.sum(axis=1).mean()
    groups = []
    for at in range(int(rng.integers(1, 6))):
        members = rng.random(8) < 0.4
        members[rng.integers(8)] = True
        low = rng.uniform(0, 0.6) * day * (rng.random() < 0.6)
        high = rng.uniform(0, 0.6) * day if rng.random() < 0.6 else np.inf
        share = rng.uniform(0, 1) if rng.random() < 0.4 else 1.0
        groups.append(Group(f"group {at}", members, low, high, share))
    limits = Limits(
        min_spend=np.where(rng.random(8) < 0.3, rng.uniform(0, 0.3, 8) * day, 0.0),
        locked=rng.random(8) < 0.2,
        explored=np.ones(8, dtype=bool),
        groups=tuple(groups),
        max_step=float(rng.choice([np.inf, 0.1])),
        exploration=float(rng.choice([0.0, 0.2])),
    )
    live = np.ones((3, 8), dtype=bool)
    live[1, :2] = rng.random(2) < 0.5
    most = np.where(rng.random(8) < 0.3, rng.uniform(0, 0.3, 8) * day, np.inf)
    per_day = float(rng.choice([np.inf, 0.9 * day]))
    world = replace(world, limits=limits, max_spend=most, per_day_max=per_day, live=live)
    clash, sums = contradiction(world), totals(world)
    if clash:
        assert not feasible(clash, sums)
    for one in clash:
        assert feasible([other for other in clash if other is not one], sums)
