"""A market under limits.yaml: each key does what it says. All together: test_limits_judged.py."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import Uniform
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.reference import TablePolicy, reference_table
from promopilot.experiments.plan.whole_cents import mix_in_cents

SIZE = SyntheticSize(promotions=4, placements=2, segments=1, days=6)
BASIS = ["data"] * 6 + ["prior"] * 2
FREE = synthetic_world(SIZE)
DAY = float(FREE.current_mix.sum(axis=1).mean())  # money


def under(text: str | dict[str, Any], world: World = FREE) -> World:
    text = text if isinstance(text, str) else json.dumps(text)
    return limited(world, parse_limits(text, "limits.yaml"), BASIS)


def planned(world: World, make: Callable[[World], Any] = Replanner) -> np.ndarray:
    """Spend [D, L] of the exported table."""
    return reference_table(make(world), world).spend


def of(world: World, *, promotion: int | None = None, placement: int | None = None) -> np.ndarray:
    catalog = world.catalog
    chosen = np.ones(catalog.num_line_items, dtype=bool)
    if promotion is not None:
        chosen &= catalog.promotion == promotion
    if placement is not None:
        chosen &= catalog.placement == placement
    return chosen


def test_an_empty_file_changes_nothing() -> None:
    world = under("")
    assert world.limits is None
    assert (world.budget, world.per_day_max, world.covers) == (FREE.budget, np.inf, ("spend",))


def test_the_budgets_of_the_file_replace_those_of_the_run() -> None:
    world = under("budget: {total: 300, per_day: {max: 60}, covers: [subsidy, spend]}")
    assert (world.budget, world.per_day_max, world.covers) == (300, 60, ("spend", "subsidy"))
    kept = under("budget: {per_day: {max: 60}}", replace(FREE, budget=123.0))
    assert (kept.budget, kept.per_day_max) == (123, 60)


def test_what_is_blacked_out_may_not_be_funded_and_days_elsewhere_do_not_matter() -> None:
    world = under(
        "blackout: [{placement: placement-0, dates: [2024-01-02, 2031-01-01]},"
        " {promotion: promotion-1, from: 2024-01-05, to: 2024-01-31}]"
    )
    off = ~world.live
    np.testing.assert_array_equal(off[1], of(world, placement=0))
    np.testing.assert_array_equal(off[4:], np.tile(of(world, promotion=1), (2, 1)))
    assert not off[[0, 2, 3]].any()


def test_the_bound_of_one_line_item_is_its_own() -> None:
    world = under("bounds: [{line_item: promotion-1/placement-0/segment-0, min: 2, max: 9}]")
    item = of(world, promotion=1, placement=0)
    assert world.max_spend[item] == 9
    assert world.limits is not None
    assert world.limits.min_spend[item] == 2
    assert world.limits.groups == ()


def test_bounds_hold_for_what_an_entry_selects_added_together() -> None:
    world = under(
        "bounds: [{promotion: promotion-2, min: 30, max: 31}, {placement: '*-0', max_share: 0.3}]"
    )
    spend = planned(world)
    spent = spend[:, of(world, promotion=2)].sum(axis=1)
    assert (spent >= 30).all()
    assert (spent <= 31).all()
    assert (spend[:, of(world, placement=0)].sum(axis=1) <= 0.3 * spend.sum(axis=1) + 1e-6).all()


def test_relative_bounds_and_locks_refer_to_the_current_mix() -> None:
    world = under(
        "bounds: [{promotion: promotion-0, relative: [0.9, 1.1]}]\n"
        "locks: [{promotion: promotion-3}]"
    )
    spend, mix = planned(world), world.current_mix
    part, now = (of_day[:, of(world, promotion=0)].sum(axis=1) for of_day in (spend, mix))
    assert (part >= 0.9 * now - 1e-6).all()
    assert (part <= 1.1 * now + 1e-6).all()
    locked = of(world, promotion=3)
    np.testing.assert_array_equal(spend[:, locked], mix_in_cents(world)[:, locked] / 100)


@pytest.mark.parametrize("make", [Replanner, lambda _: Uniform()])
def test_the_sum_of_a_flight_is_kept_by_any_policy(make: Callable[[World], Any]) -> None:
    text = (
        "bounds: [{promotion: promotion-0, min: 200, per: flight},"
        " {promotion: promotion-1, max: 40, per: flight},"
        " {promotion: promotion-2, max_share: 0.1, per: flight}]"
    )
    world = under(text)
    spend = planned(world, make)
    assert spend[:, of(world, promotion=0)].sum() >= 200 - 1e-6
    assert spend[:, of(world, promotion=1)].sum() <= 40 + 1e-6
    assert spend[:, of(world, promotion=2)].sum() <= 0.1 * spend.sum() + 1e-6
    # On sampled days too, whatever is asked.
    market = Market(world)
    market.reset(1, np.arange(4))
    policy, asked = make(world), np.zeros((4, 8))
    while not market.done:
        asked += market.step(policy.spend(market)).asked
    assert (asked[:, of(world, promotion=0)].sum(axis=1) >= 200 - 1e-6).all()
    assert (asked[:, of(world, promotion=1)].sum(axis=1) <= 40 + 1e-6).all()


def test_a_flights_maximum_is_spread_over_its_days() -> None:
    world = under("bounds: [{promotion: promotion-1, max: 40, per: flight}]")
    by_day = planned(world)[:, of(world, promotion=1)].sum(axis=1)
    assert by_day.sum() == pytest.approx(40, abs=0.1)
    assert by_day.max() < 2 * 40 / 6


def test_small_changes_are_dropped() -> None:
    free, held = planned(FREE), planned(under("step: {min_change: 0.3}"))
    mix = FREE.current_mix

    def small(spend: np.ndarray) -> int:
        change = np.abs(spend - mix)
        return int(((change > 0.01) & (change < 0.3 * mix - 0.01)).sum())

    assert small(free) > 0
    assert small(held) == 0


def test_exploration_goes_evenly_to_what_is_not_learnt_yet() -> None:
    world = under("exploration: 0.2")
    spend = planned(world)
    total = spend.sum(axis=1, keepdims=True)
    assert (spend[:, 6:] >= 0.1 * total - 0.01).all()
    learnt = limited(FREE, parse_limits("exploration: 0.2", "limits.yaml"), ["data"] * 8)
    assert learnt.limits is not None
    assert learnt.limits.explored.all()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "bounds: [{promotion: promotion-1, min: 50}, {placement: '*', max_share: 0.4}]",
            "on 2024-01-01: bounds[0]: promotion promotion-1 needs at least 50 a day; bounds[1]: "
            "placement * may have at most 40.0% of a day's spend.",
        ),
        (
            "bounds: [{segment: segment-0, relative: [0.7, 1.3]}, {segment: segment-0, max: 2}]",
            "bounds[0]: segment segment-0 needs at least 0.7 times what it spends now (52.95); "
            "bounds[1]: segment segment-0 may spend at most 2 a day.",
        ),
        (
            "bounds: [{segment: segment-0, relative: [0, 0.5]}, {segment: segment-0, min: 60}]",
            "bounds[0]: segment segment-0 may spend at most 0.5 times what it spends now (37.82); "
            "bounds[1]: segment segment-0 needs at least 60 a day.",
        ),
        (
            "bounds: [{promotion: promotion-1, min: 500, per: flight},"
            " {promotion: promotion-1, max: 50}]",
            "bounds[1]: promotion promotion-1 may spend at most 50 a day; bounds[0]: promotion "
            "promotion-1 needs at least 500 over the flight.",
        ),
        (
            "groups: [{promotions: [promotion-1, promotion-2], min: 90}]\n"
            "budget: {per_day: {max: 80}}",
            "a day may spend at most 80; groups[0]: the group of promotions promotion-1, "
            "promotion-2 needs at least 90 a day.",
        ),
        (
            "locks: [{promotion: promotion-3}]\nbounds: [{promotion: promotion-3, max: 10}]",
            "locks: promotion promotion-3 is locked at what it spends now (18.91); bounds[0]: "
            "promotion promotion-3 may spend at most 10 a day.",
        ),
        (
            "targets: {roas: 50}",
            "The target roas of 50 cannot be met: the first money spent on the best line item is "
            "expected to bring ",
        ),
        (
            "targets: {roas: 20}\nbounds: [{segment: '*', min: 70}]",
            "The target roas of 20 cannot be met: the best attainable under the other limits is ",
        ),
        ("targets: {cpa: 0.01}", "The target cpa of 0.01 cannot be met: "),
    ],
)
def test_what_cannot_all_hold_is_named_in_the_files_words(text: str, named: str) -> None:
    with pytest.raises(InfeasibleError) as told:
        under(text)
    assert named in str(told.value)


def test_a_target_is_met_by_what_the_plan_is_expected_to_bring() -> None:
    calm = synthetic_world(replace(SIZE, shift_sd=0.0, own_sd=0.0))

    def total(name: str, world: World) -> float:
        market = Market(world, expected=True)
        market.reset_to_mean()
        policy = TablePolicy(planned(world))
        spent = 0.0
        while not market.done:
            spent += float(getattr(market.step(policy.spend(market)), name).sum())
        return spent

    def roas(world: World) -> float:
        return total("conversion_value", world) / total("asked", world)

    goal = 1.3 * roas(calm)
    world = under({"targets": {"roas": goal}}, calm)
    assert world.limits is not None
    assert world.limits.target is not None
    assert world.limits.target.price > 0
    assert roas(world) == pytest.approx(goal, rel=2e-3)  # met, and money is not left for nothing
    assert total("asked", world) < total("asked", calm)
    easy = under({"targets": {"roas": 0.5 * goal}}, calm)
    np.testing.assert_allclose(planned(easy), planned(calm), atol=0.011)


def test_a_plan_is_aimed_at_its_target_on_the_test_flights() -> None:
    world = aimed(under("targets: {cpa: 3}"), Replanner, seed=3, flights=64)
    assert world.limits is not None
    table = TablePolicy(reference_table(Replanner(world), world).spend)
    market = Market(world)
    market.reset(3, np.arange(64))
    spent = conversions = 0.0
    while not market.done:
        outcome = market.step(table.spend(market))
        spent, conversions = spent + outcome.asked.sum(), conversions + outcome.conversions.sum()
    assert spent <= 3 * conversions
    assert aimed(FREE, Replanner, seed=3, flights=64) is FREE


def test_limits_of_the_file_survive_the_worlds_files(tmp_path: Path) -> None:
    world = under(
        "bounds: [{promotion: promotion-0, relative: [0.9, 1.1]},"
        " {promotion: promotion-1, max: 40, per: flight}]\n"
        "step: {min_change: 0.1}\ntargets: {roas: 1}"
    )
    save_world(world, tmp_path)
    again = load_world(tmp_path).limits
    assert again is not None
    assert world.limits is not None
    assert (again.min_change, again.target) == (0.1, world.limits.target)
    for mine, other in zip(again.groups, world.limits.groups, strict=True):
        for name in ("items", "min", "max"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))
        assert (mine.name, mine.words, mine.whole_flight) == (
            *(other.name, other.words, other.whole_flight),
        )
