"""The market as its users call it; what it promises is tested in `tests/market`."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numba import typeof
from scipy.special import expit

from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.rates import Stage, mean_rate
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from tests.worlds import calm_world

SMALL = SyntheticSize(promotions=3, placements=2, segments=2, days=4)
ITEMS = 12


def _started(flights: int = 3, **changes: object) -> Market:
    market = Market(replace(synthetic_world(SMALL), **changes))
    market.reset(1, np.arange(flights))
    return market


def test_a_new_market_is_one_flight_on_its_first_day() -> None:
    market = Market(synthetic_world(SMALL))
    assert (market.num_flights, market.day, market.done) == (1, 0, False)
    np.testing.assert_array_equal(market.budget_left, [market.world.budget])


def test_spend_of_the_wrong_shape_is_refused_and_costs_no_day() -> None:
    market = _started()
    for wrong in (np.zeros(3), np.zeros((1, ITEMS)), np.zeros((3, ITEMS + 1))):
        with pytest.raises(MarketError, match=r"Spend has shape .* must be \(3, 12\)"):
            market.step(wrong)
    assert market.day == 0


def test_a_day_too_many_is_refused() -> None:
    market = _started()
    for day in range(4):
        assert market.day == day
        assert not market.done
        market.step(np.zeros((3, ITEMS)))
    assert market.done
    for go_on in (
        lambda: market.step(np.zeros((3, ITEMS))),
        lambda: market.book(*np.zeros((4, 3, ITEMS))),
    ):
        with pytest.raises(MarketError, match="ended after day 4; reset it"):
            go_on()
    market.reset(1, np.arange(3))
    market.step(np.zeros((3, ITEMS)))


def test_spend_may_be_whole_numbers_or_a_view() -> None:
    money = np.full((3, ITEMS), 7.0)
    turned = np.asfortranarray(np.repeat(money, 2, axis=1))[:, ::2]
    expected = _started().step(money).objective
    for same in (money.astype(int), money.tolist(), turned):
        np.testing.assert_array_equal(_started().step(same).objective, expected)


def test_what_is_asked_for_is_left_as_it_was() -> None:
    money = np.full((3, ITEMS), 1e9)
    _started().step(money)
    assert (money == 1e9).all()


def test_totals_are_sums_over_line_items() -> None:
    outcome = _started().step(np.full((3, ITEMS), 9.0))
    np.testing.assert_allclose(outcome.total("spend"), 9.0 * ITEMS)
    np.testing.assert_allclose(outcome.total("objective"), outcome.objective.sum(axis=1))


def test_what_a_line_item_can_reach_is_its_share_of_a_live_pool() -> None:
    live = np.ones((4, ITEMS), dtype=bool)
    live[0, 5] = False
    market = _started(live=live)
    world = market.world
    reach = world.reach_share * world.supply[0][world.catalog.pool]
    reach[5] = 0.0
    np.testing.assert_array_equal(market.reach, reach)


def test_subsidy_matters_where_the_budget_covers_it() -> None:
    assert _started().subsidy_per_impression is None
    market = _started(covers=("spend", "subsidy"))
    c = market.world.catalog
    expected = market.expected_rate * c.unit_subsidy[c.promotion]
    np.testing.assert_allclose(market.subsidy_per_impression, expected)


@pytest.mark.parametrize("objective", ["net_profit", "profit", "revenue", "conversions"])
def test_impressions_are_worth_what_the_objective_pays(objective: str) -> None:
    market = _started(objective=objective)
    c = market.world.catalog
    worth = {
        "net_profit": c.price * c.margin - c.unit_subsidy,
        "profit": c.price * c.margin - c.unit_subsidy,
        "revenue": c.conversion_value,
        "conversions": np.ones(3),
    }[objective]
    np.testing.assert_allclose(
        market.worth_per_impression, market.expected_rate * worth[c.promotion]
    )


def test_a_day_that_was_filled_elsewhere_is_booked_like_any_other() -> None:
    market, twin = _started(), _started()
    money = np.full((3, ITEMS), 9.0)
    played = twin.step(money)
    booked = market.book(
        played.spend, played.impressions, played.clicks, played.conversions + played.lost
    )
    for name in ("spend", "impressions", "clicks", "conversions", "objective", "mean_objective"):
        np.testing.assert_array_equal(getattr(booked, name), getattr(played, name))
    np.testing.assert_array_equal(market.budget_left, twin.budget_left)
    np.testing.assert_array_equal(market.fatigue, twin.fatigue)
    np.testing.assert_array_equal(market.first_belief.now.mean, twin.first_belief.now.mean)


def test_the_reference_flight_stands_at_its_means() -> None:
    market = Market(synthetic_world(SMALL), expected=True)
    market.reset_to_mean()
    rates = market.world.rates
    for day in range(4):
        first, second = market.true_rates
        np.testing.assert_allclose(first[0], rates.first[day], rtol=1e-6)
        np.testing.assert_allclose(second[0], rates.second[day], rtol=1e-6)
        np.testing.assert_allclose(market.unit_cost[0], market.world.unit_cost)
        market.step(np.zeros((1, ITEMS)))


def test_nothing_is_drawn_in_a_calm_world() -> None:
    market = Market(calm_world(SMALL), expected=True)
    market.reset(0, np.arange(5))
    outcome = market.step(np.full((5, ITEMS), 3.0))
    np.testing.assert_array_equal(outcome.objective, np.tile(outcome.objective[0], (5, 1)))


@pytest.mark.parametrize("sd", [0.0, 0.3, 1.0])
def test_the_mean_of_a_shifted_rate_is_the_rate(sd: float) -> None:
    rate = np.array([[1e-4, 0.02, 0.3, 0.9]])
    stage = Stage(rate, np.full(1, sd), np.full(4, sd / 2))
    centre = stage.centre(np.zeros(4, dtype=np.int64))
    np.testing.assert_allclose(
        mean_rate(centre, np.zeros(4), np.full(4, 1.25 * sd**2)), rate, rtol=1e-4
    )
    shifts = np.random.default_rng(0).normal(0, np.sqrt(1.25) * sd, (400_000, 1))
    np.testing.assert_allclose(expit(centre + shifts).mean(axis=0), rate[0], rtol=0.02)


def _compiled_for(market: Market) -> tuple:
    """What the engine is compiled for: types, layouts and whether arrays may be written."""
    return tuple(typeof(part) for part in (market._fixed, market._flights, market._state))


def test_one_compilation_serves_every_way_into_the_market() -> None:
    kind = _compiled_for(_started())
    mean = Market(synthetic_world(SMALL), expected=True)
    mean.reset_to_mean()
    again = pickle.loads(pickle.dumps(_started(5, covers=("spend", "subsidy"))))
    for market in (_started(1), mean, again, _started(objective="revenue")):
        assert _compiled_for(market) == kind


@pytest.mark.parametrize("change", ["read-only", "by column"])
def test_arrays_of_any_layout_need_no_compilation_of_their_own(change: str) -> None:
    live = np.ones((4, ITEMS), dtype=bool, order="F" if change == "by column" else "C")
    live.flags.writeable = change != "read-only"  # as Ray's object store gives it
    assert _compiled_for(_started(live=live)) == _compiled_for(_started())
