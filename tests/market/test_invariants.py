"""What holds in every market, whatever is asked for: limits, counts, books."""

from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.market.build import started
from tests.market.strategies import FLIGHTS, flights, properties

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World

Flight = tuple[World, list[Floats], int]
BOTH = ("spend", "subsidy")


def _near(budget: float) -> float:
    return 1e-9 * max(1.0, budget)


def _days(flight: Flight, *, expected: bool = False) -> Iterator[tuple[Market, Floats]]:
    """A market before each day's decision, with what is asked for."""
    world, asked, seed = flight
    market = started(world, seed, FLIGHTS, expected=expected)
    for today in asked:
        yield market, today


@properties
@given(flight=flights(), expected=st.booleans())
def test_limits_of_days_and_line_items_hold_whatever_is_asked(
    flight: Flight, expected: bool
) -> None:
    world = flight[0]
    for market, today in _days(flight, expected=expected):
        day = market.day
        outcome = market.step(today)
        assert (outcome.spend >= 0).all()
        assert (outcome.spend <= outcome.asked).all()
        assert (outcome.asked <= world.max_spend).all()
        assert (outcome.asked[:, ~world.live[day]] == 0).all()
        assert (outcome.total("asked") <= world.per_day_max + _near(world.budget)).all()
        assert (outcome.asked[~(today > 0)] == 0).all()


@properties
@given(flight=flights(("spend",)), expected=st.booleans())
def test_a_budget_for_media_is_kept(flight: Flight, expected: bool) -> None:
    world = flight[0]
    slack = _near(world.budget)
    spent = np.full(FLIGHTS, world.initial.spent)
    for market, today in _days(flight, expected=expected):
        left = market.budget_left
        outcome = market.step(today)
        assert (outcome.total("asked") <= left + slack).all()
        spent = spent + outcome.total("spend")
        assert (spent <= np.maximum(world.budget, world.initial.spent) + slack).all()


@properties
@given(flight=flights(BOTH, drifts=False), expected=st.booleans())
def test_planned_spend_and_its_subsidy_fit_into_what_is_left(
    flight: Flight, expected: bool
) -> None:
    # Under drift `test_accounting` says what does not hold yet.
    world = flight[0]
    for market, today in _days(flight, expected=expected):
        left, subsidy = market.payable, market.subsidy_per_impression
        assert subsidy is not None
        cost, reach = market.unit_cost, np.broadcast_to(market.reach, today.shape)
        asked = market.step(today).asked
        shown = response.impressions(asked, cost, reach, world.dynamics.saturation)
        needed = (asked + subsidy * shown).sum(axis=1)
        assert (needed <= left + _near(world.budget)).all()


@properties
@given(flight=flights())
def test_money_in_is_money_out(flight: Flight) -> None:
    world, asked, seed = flight
    if world.covers == BOTH:  # what was pending before is paid for: `test_accounting` looks at it
        pending = np.zeros_like(world.initial.pending)
        world = replace(world, initial=replace(world.initial, pending=pending))
    unit_subsidy = world.catalog.unit_subsidy[world.catalog.promotion]
    used = np.full(FLIGHTS, world.initial.spent)
    for market, today in _days((world, asked, seed)):
        outcome = market.step(today)
        used = used + outcome.total("spend")
        held = 0.0
        if world.covers == BOTH:
            used = used + (outcome.observed * unit_subsidy).sum(axis=1)
            held = market.reserve
        left = np.maximum(world.budget - used - held, 0.0)
        np.testing.assert_allclose(market.budget_left, left, atol=_near(world.budget))


@properties
@given(flight=flights(), expected=st.booleans())
def test_counts_fit_into_each_other(flight: Flight, expected: bool) -> None:
    world = flight[0]
    slack = 1e-9 if expected else 0.0
    for market, today in _days(flight, expected=expected):
        supply = market.exogenous.supply[:, market.day]
        outcome = market.step(today)
        shown = world.catalog.by_pool.sum(outcome.impressions)
        assert (shown <= supply * (1 + slack)).all()
        assert (outcome.clicks <= outcome.impressions * (1 + slack)).all()
        wanted = outcome.conversions + outcome.lost + outcome.unredeemed
        assert (wanted <= outcome.clicks * (1 + slack)).all()
        _finite_and_not_negative(outcome)
        for belief in (market.first_belief.now, market.second_belief.now):
            assert np.isfinite(belief.mean).all()
            assert (belief.sd >= 0).all()
        counted = ("impressions", "clicks", "conversions", "lost", "unredeemed", "observed")
        for name in () if expected else counted:
            values = getattr(outcome, name)
            np.testing.assert_array_equal(values, np.rint(values), err_msg=name)


def _finite_and_not_negative(outcome: DayOutcome) -> None:
    for field in fields(outcome):
        values = getattr(outcome, field.name)
        assert np.isfinite(values).all(), field.name
        if field.name not in ("profit", "objective", "mean_objective"):
            assert (values >= 0).all(), field.name


@properties
@given(flight=flights(), expected=st.booleans())
def test_stock_is_accounted_for_exactly(flight: Flight, expected: bool) -> None:
    catalog = flight[0].catalog
    sold = np.zeros((FLIGHTS, catalog.num_promotions))
    for market, today in _days(flight, expected=expected):
        outcome = market.step(today)
        sold += catalog.by_promotion.sum(outcome.conversions)
        left = market.stock_left
        assert (left >= 0).all()
        stock = np.broadcast_to(catalog.stock, sold.shape)
        np.testing.assert_allclose(sold + left, stock)
        # Orders are lost only for want of stock.
        lost = catalog.by_promotion.sum(outcome.lost) > 0
        refused = catalog.by_promotion.sum(outcome.unredeemed) > 0
        assert (left[lost & ~refused] == 0).all()


@properties
@given(flight=flights(), expected=st.booleans())
def test_every_conversion_is_seen_or_pending(flight: Flight, expected: bool) -> None:
    world = flight[0]
    owed = world.initial.pending.sum(axis=0)
    for market, today in _days(flight, expected=expected):
        outcome = market.step(today)
        owed = owed + outcome.conversions - outcome.observed
        assert (market.pending >= 0).all()
        np.testing.assert_allclose(market.pending, owed, rtol=1e-9, atol=1e-9)


@properties
@given(flight=flights())
def test_money_follows_from_conversions(flight: Flight) -> None:
    world, catalog = flight[0], flight[0].catalog
    worth, spend_weight = catalog.worth(world.objective)
    item = catalog.promotion
    for market, today in _days(flight):
        outcome = market.step(today)
        sold = outcome.conversions
        for name, each in (
            ("conversion_value", catalog.conversion_value),
            ("subsidy", catalog.unit_subsidy),
            ("profit", catalog.profit_per_conversion()),
        ):
            np.testing.assert_allclose(getattr(outcome, name), sold * each[item], atol=1e-9)
        objective = sold * worth[item] - spend_weight * outcome.spend
        np.testing.assert_allclose(outcome.objective, objective, atol=1e-9)


@properties
@given(flight=flights(BOTH), expected=st.booleans())
def test_an_overrun_is_what_passes_the_budget_and_is_reported(
    flight: Flight, expected: bool
) -> None:
    world = flight[0]
    used = np.full(FLIGHTS, world.initial.spent)
    for market, today in _days(flight, expected=expected):
        outcome = market.step(today)
        used = used + outcome.total("spend") + outcome.total("subsidy")
        excess = np.maximum(used - world.budget, 0.0)
        np.testing.assert_allclose(market.overrun, excess, atol=_near(world.budget))
        if world.overrun == "book":
            assert (outcome.unredeemed == 0).all()


@properties
@given(flight=flights(BOTH), expected=st.booleans())
def test_spend_and_subsidy_stay_inside_a_budget_that_covers_both(
    flight: Flight, expected: bool
) -> None:
    world = flight[0]
    used = np.full(FLIGHTS, world.initial.spent)
    most = np.maximum(world.budget, world.initial.spent) + _near(world.budget)
    for market, today in _days(flight, expected=expected):
        outcome = market.step(today)
        used = used + outcome.total("spend") + outcome.total("subsidy")
        if world.overrun == "close":
            assert (used <= most).all()
