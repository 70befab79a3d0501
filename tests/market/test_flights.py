"""A flight is a function of seed and number: not of its batch, its policy, or an interruption."""

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from tests.market.build import SMALL, even, play, same, started, summed, with_parts

from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.replan import Replan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

BATCH = np.array([3, 0, 11, 2**40, 7, 1])
# Sums over more than 128 line items are taken in blocks, and those must not depend on the batch.
LARGE = SyntheticSize(promotions=18, placements=4, segments=2, days=5, stock=60.0)
WORLDS = {
    "spend": synthetic_world(LARGE),
    "spend and subsidy": synthetic_world(LARGE, covers=("spend", "subsidy")),
    "shocks": with_parts(synthetic_world(SMALL), dynamics={"shock_probability": 0.2}),
}


def _flown(world: World, flights: np.ndarray, seed: int = 9) -> tuple[Market, list[DayOutcome]]:
    """Flights of the re-planner, which looks at beliefs, fatigue, prices and money left."""
    market = Market(world)
    market.reset(seed, flights)
    replan = Replan(world)
    return market, play(market, lambda market: replan(market).spend)


def _assert_same(left: DayOutcome, right: DayOutcome, rows: object = slice(None)) -> None:
    for field in fields(DayOutcome):
        whole = getattr(left, field.name)[rows]
        np.testing.assert_array_equal(whole, getattr(right, field.name), err_msg=field.name)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("rows", [[0], [3], [5, 2], [4, 3, 2, 1, 0], [1, 1, 4]], ids=str)
def test_a_flight_is_the_same_in_any_batch_bit_for_bit(world: World, rows: list[int]) -> None:
    whole, whole_days = _flown(world, BATCH)
    part, part_days = _flown(world, BATCH[rows])
    for field in fields(whole.exogenous):
        drawn = getattr(whole.exogenous, field.name)[rows]
        assert same(drawn, getattr(part.exogenous, field.name)), field.name
    for left, right in zip(whole_days, part_days, strict=True):
        _assert_same(left, right, rows)
    for name in ("first_belief", "second_belief"):
        left, right = getattr(whole, name).now, getattr(part, name).now
        assert same(left.mean[rows], right.mean)
        assert same(left.sd[rows], right.sd)
    assert same(whole.budget_left[rows], part.budget_left)


def test_other_seeds_and_flights_meet_other_worlds() -> None:
    world = WORLDS["spend"]
    _, days = _flown(world, np.array([1, 2]), seed=1)
    _, others = _flown(world, np.array([2, 3]), seed=2)
    sold = {tuple(row) for run in (days, others) for row in summed(run, "conversions")}
    assert len(sold) == 4


def _shortened(world: World, days: int) -> World:
    first, second = world.rates.stages
    return replace(
        world,
        rates=replace(
            world.rates,
            first_stage=replace(first, rate=first.rate[:days]),
            second_stage=replace(second, rate=second.rate[:days]),
        ),
        supply=world.supply[:days],
        live=world.live[:days],
        current_spend=world.current_spend[:days],
    )


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_first_days_do_not_depend_on_the_length(world: World) -> None:
    long, short = started(world, 4, 3), started(_shortened(world, 3), 4, 3)
    for name in ("supply", "price_factor", "first_day", "second_day"):
        left = getattr(long.exogenous, name)[:, :3]
        assert same(left, getattr(short.exogenous, name)), name
    # A limit on expected subsidy looks at beliefs, whose reference day is the flight's average.
    while not short.done and world.covers == ("spend",):
        money = np.full((3, world.catalog.num_line_items), 3.0)
        _assert_same(long.step(money), short.step(money))


@pytest.mark.parametrize("money", [0.0, 1e9, np.nan, np.inf, -np.inf])
def test_policies_on_one_seed_meet_the_same_world(money: float) -> None:
    world = with_parts(synthetic_world(SMALL), dynamics={"shock_probability": 0.1})
    one, other = started(world, 5, 4), started(world, 5, 4)
    play(one)
    while not other.done:
        other.step(np.full((4, 12), money))
    for field in fields(one.exogenous):
        left, right = (getattr(m.exogenous, field.name) for m in (one, other))
        assert same(left, right), field.name


@pytest.mark.parametrize("money", [0.0, 1e9, np.nan])
def test_policies_on_one_seed_meet_the_same_drift_and_shocks(money: float) -> None:
    world = with_parts(
        synthetic_world(SMALL),
        # Without fatigue true rates are shifts, walk, drift and shocks, and nothing else.
        dynamics={"shock_probability": 0.2, "fatigue_exponent": 0.0, "fatigue_exponent_sd": 0.0},
    )
    one, other = started(world, 5, 4), started(world, 5, 4)
    while not one.done:
        for left, right in zip(one.true_rates, other.true_rates, strict=True):
            assert same(left, right)
        assert same(one.unit_cost, other.unit_cost)
        one.step(even(one))
        other.step(np.full((4, 12), money))


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("day", [0, 1, 3])
def test_an_interrupted_flight_goes_on_as_if_nothing_had_happened(world: World, day: int) -> None:
    replan = Replan(world)
    straight = started(world, 2, 4)
    while straight.day < day:
        straight.step(replan(straight).spend)
    again = pickle.loads(pickle.dumps(straight))
    while not straight.done:
        _assert_same(straight.step(replan(straight).spend), again.step(replan(again).spend))
        for name in ("first_belief", "second_belief"):
            left, right = getattr(straight, name).now, getattr(again, name).now
            assert same(left.mean, right.mean)
            assert same(left.sd, right.sd)
    assert same(straight.budget_left, again.budget_left)
    assert same(straight.stock_left, again.stock_left)


def test_a_market_that_was_used_before_is_as_good_as_new() -> None:
    world = WORLDS["spend and subsidy"]
    used = started(world, 1, 5)
    play(used)
    used.reset_to_mean()
    play(used)
    used.reset(6, np.arange(3))
    for left, right in zip(play(used), play(started(world, 6, 3)), strict=True):
        _assert_same(left, right)


def test_the_market_does_not_depend_on_an_array_of_the_caller() -> None:
    world, flights = synthetic_world(SMALL), np.arange(3)
    market = Market(world)
    market.reset(1, flights)
    flights[:] = 9
    for left, right in zip(play(market), play(started(world, 1, 3)), strict=True):
        _assert_same(left, right)
