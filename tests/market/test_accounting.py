"""Budgets that cover subsidy: what is held back, what is refused, what is overrun."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market.build import (
    CHAPELLE,
    SMALL,
    always,
    even,
    play,
    quiet_world,
    started,
    summed,
    with_parts,
    without_clicks,
)

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World

FLIGHTS = 400
SIZE = replace(SMALL, days=6)


def _covering(*, delay: Delay = CHAPELLE, share: float = 0.5, **changes: object) -> World:
    """A budget of a share of today's mix has to pay for subsidy too."""
    world = quiet_world(SIZE, budget_factor=share)
    return with_parts(world, dynamics={"delay": delay}, covers=("spend", "subsidy"), **changes)


def _used(days: list, world: World) -> Floats:
    return sum(day.total("spend") + day.total("subsidy") for day in days) + world.initial.spent


def _owed(market: Market) -> Floats:
    """[N] subsidy of what is booked and not yet seen."""
    c = market.world.catalog
    return (market.pending * c.unit_subsidy[c.promotion]).sum(axis=1)


@pytest.mark.parametrize("policy", [even, lambda market: always(market, 1e30)])
def test_a_closed_budget_is_never_passed(policy) -> None:
    world = _covering()
    days = play(started(world, 1, FLIGHTS), policy)
    assert (_used(days, world) <= world.budget * (1 + 1e-9)).all()


def test_refusals_are_counted_and_only_come_when_nothing_is_left() -> None:
    world = _covering(delay=quiet_world().dynamics.delay, share=0.1)
    c = world.catalog
    market = started(world, 1, FLIGHTS)
    used, refused = np.zeros(FLIGHTS), 0.0
    while not market.done:
        outcome = market.step(even(market))
        used += outcome.total("spend") + outcome.total("subsidy")
        refused += outcome.unredeemed.sum()
        left = np.broadcast_to((world.budget - used)[:, None], outcome.spend.shape)
        where = outcome.unredeemed > 0
        each = np.broadcast_to(c.unit_subsidy[c.promotion], where.shape)
        assert (left[where] < each[where]).all()
        assert (used <= world.budget * (1 + 1e-9)).all()
    assert refused > 0


def test_a_booked_overrun_is_reported_and_nothing_is_refused() -> None:
    world = _covering(share=0.1, overrun="book")
    market = started(world, 1, FLIGHTS)
    days = play(market)
    assert summed(days, "unredeemed").sum() == 0
    excess = _used(days, world) - world.budget
    assert 0.05 < (excess > 0).mean() < 0.95  # luck decides: outcomes are around what was planned
    np.testing.assert_allclose(market.overrun, np.maximum(excess, 0.0), atol=1e-9)


def test_a_budget_for_media_knows_no_overrun_and_no_refusal() -> None:
    world = replace(_covering(), covers=("spend",))
    market = started(world, 1, FLIGHTS)
    days = play(market)
    assert summed(days, "unredeemed").sum() == 0
    assert (market.overrun == 0).all()
    np.testing.assert_allclose(summed(days, "spend").sum(axis=1), world.budget)


@pytest.mark.parametrize("clicks", [True, False])
def test_in_expectation_the_reserve_is_what_is_owed(clicks: bool) -> None:
    world = _covering(share=50.0)
    world = world if clicks else without_clicks(world)
    market = Market(world, expected=True)
    market.reset_to_mean()
    while not market.done:
        market.step(always(market, 20.0))
        np.testing.assert_allclose(market.reserve, _owed(market), rtol=0.01)
    assert market.reserve[0] > 10


@pytest.mark.parametrize("clicks", [True, False])
def test_the_reserve_covers_what_is_owed_on_average(clicks: bool) -> None:
    world = _covering(share=50.0)
    market = started(world if clicks else without_clicks(world), 3, FLIGHTS)
    while not market.done:
        market.step(always(market, 20.0))
        short = _owed(market) - market.reserve
        assert abs(short.mean()) < 4 * short.std() / np.sqrt(FLIGHTS) + 0.01 * market.reserve.mean()
        # Known to a fraction of what waits: some days teach more than the prior's 30 %.
        assert short.std() < 0.5 * _owed(market).mean()


def _with_a_pipe(**changes: object) -> World:
    world = _covering(**changes)
    pending = np.full((2, world.catalog.num_line_items), 15.0)
    return with_parts(world, initial={"pending": pending, "spent": world.budget / 2})


def test_in_expectation_what_was_pending_at_the_start_takes_nothing_away() -> None:
    world = _with_a_pipe()
    market = Market(world, expected=True)
    market.reset_to_mean()
    while not market.done:
        np.testing.assert_allclose(market.budget_left, world.budget / 2, rtol=0.02)
        market.step(always(market, 0.0))


def test_what_was_pending_at_the_start_takes_nothing_away() -> None:
    market = started(_with_a_pipe(), 3, 20)
    while not market.done:
        np.testing.assert_allclose(market.budget_left, market.world.budget / 2, rtol=1e-9)
        market.step(always(market, 0.0))


def test_pending_conversions_of_a_rate_of_zero_give_no_money() -> None:
    world = _with_a_pipe()
    market = started(with_parts(world, second={"rate": np.zeros_like(world.rates.second)}), 0, 1)
    assert market.budget_left[0] <= world.budget / 2 + 1e-9


FAMILIES = [Saturation(), Saturation("michaelis_menten"), Saturation("hill", 1.0)]
SLOW_START = Saturation("hill", 0.5)
S_SHAPED = [Saturation("hill", 2.5)]


@pytest.mark.parametrize("saturation", [*FAMILIES, *S_SHAPED, SLOW_START], ids=str)
@pytest.mark.parametrize("costly", [1.0, 30.0])
def test_what_is_left_is_used_and_not_passed(saturation: Saturation, costly: float) -> None:
    world = _covering()
    if saturation.slope == 0.5 and costly == 1.0:
        costly = 60.0
    world = with_parts(
        world,
        catalog={"unit_subsidy": world.catalog.unit_subsidy * costly},
        dynamics={"saturation": saturation},
    )
    market = started(world, 1, 3)
    needed, left = _needed(market, always(market, 1e30))
    assert (needed <= left * (1 + 1e-9)).all()
    least = 0.9 if saturation in S_SHAPED else 1 - 1e-6
    assert (needed >= left * least).all()


def test_a_stock_that_is_not_whole_sells_whole_pieces() -> None:
    world = with_parts(synthetic_world(SIZE), catalog={"stock": np.full(3, 10.5)})
    for day in play(started(world, 0, 20)):
        np.testing.assert_array_equal(day.conversions, np.rint(day.conversions))


def test_what_was_left_before_the_decision_is_what_limits_it() -> None:
    world = with_parts(_covering(), dynamics={"drift_sd": 0.1})
    market = started(world, 1, FLIGHTS)
    while not market.done:
        needed, left = _needed(market, always(market, 1e30))
        assert (needed <= left * (1 + 1e-9)).all()


def _needed(market: Market, money: Floats) -> tuple[Floats, Floats]:
    """Money that a day's limited spend is expected to take, and what there was, `[N]` each."""
    left, subsidy, cost = market.payable, market.subsidy_per_impression, market.unit_cost
    reach = np.broadcast_to(market.reach, cost.shape)
    asked = market.step(money).asked
    shown = response.impressions(asked, cost, reach, market.world.dynamics.saturation)
    return (asked + subsidy * shown).sum(axis=1), left
