"""Markets simple enough that the answer is a formula."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market.build import SMALL, always, quiet_world, started, with_parts

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

KNOWN = replace(SMALL, shift_sd=0.0, own_sd=0.0)


def _known(**changes: object) -> World:
    """Nothing is drawn and nothing couples the days; supply is whole."""
    world = quiet_world(KNOWN)
    return with_parts(world, supply=np.rint(world.supply), **changes)


FAMILIES = {
    "exponential": (Saturation(), lambda z: 1 - np.exp(-z), lambda u: -np.log(1 - u)),
    "michaelis_menten": (
        Saturation("michaelis_menten"),
        lambda z: z / (1 + z),
        lambda u: u / (1 - u),
    ),
    **{
        f"hill {s}": (
            Saturation("hill", s),
            lambda z, s=s: z**s / (1 + z**s),
            lambda u, s=s: (u / (1 - u)) ** (1 / s),
        )
        for s in (0.5, 1.0, 2.5)
    },
}
each_family = pytest.mark.parametrize("family", FAMILIES)


def _reach(world: World, day: int = 0) -> Floats:
    return world.reach_share * world.supply[day][world.catalog.pool]


@each_family
def test_the_return_is_the_formula(family: str) -> None:
    saturation, bought, _ = FAMILIES[family]
    world = _known(dynamics={"saturation": saturation})
    market = started(world, 0, 2, expected=True)
    c = world.catalog
    for day, money in enumerate((3.0, 30.0)):
        outcome = market.step(always(market, money))
        reach = _reach(world, day)
        shown = reach * bought(money / (world.unit_cost * reach))
        sold = shown * world.rates.first[day] * world.rates.second[day]
        paid = (c.price * c.margin - c.unit_subsidy)[c.promotion]
        for name, value in (
            *(("impressions", shown), ("spend", money), ("conversions", sold)),
            ("clicks", shown * world.rates.first[day]),
            ("conversion_value", sold * c.conversion_value[c.promotion]),
            *(("subsidy", sold * c.unit_subsidy[c.promotion]), ("profit", sold * paid)),
            *(("objective", sold * paid - money), ("mean_objective", sold * paid - money)),
        ):
            expected = np.broadcast_to(value, outcome.spend.shape)
            np.testing.assert_allclose(getattr(outcome, name), expected, rtol=1e-9, err_msg=name)


@each_family
def test_a_full_pool_is_cut_by_one_factor_and_the_rest_returns(family: str) -> None:
    saturation, bought, paid = FAMILIES[family]
    world = _known(dynamics={"saturation": saturation}, budget=1e9, reach_share=np.full(12, 0.6))
    market = started(world, 0, 1, expected=True)
    c = world.catalog
    money = np.linspace(20, 90, c.num_line_items)[None] * 10
    outcome = market.step(money)
    reach = _reach(world)
    wanted = reach * bought(money / (world.unit_cost * reach))
    over = c.by_pool.sum(wanted) / world.supply[0]
    assert (over > 1).any()
    cut = wanted / np.maximum(over, 1)[:, c.pool]
    np.testing.assert_allclose(outcome.impressions, cut, rtol=1e-9)
    full = over[:, c.pool] > 1
    owed = world.unit_cost * reach * paid(cut / reach)
    np.testing.assert_allclose(outcome.spend[full], owed[full], rtol=1e-9)
    np.testing.assert_array_equal(outcome.spend[~full], money[~full])
    assert (outcome.spend[full] < money[full]).all()
    assert market.budget_left[0] == pytest.approx(1e9 - outcome.spend.sum(), abs=1e-6)


def test_money_over_a_limit_is_scaled_down_by_one_factor() -> None:
    world = _known(per_day_max=60.0)
    market = started(world, 0, 1, expected=True)
    money = np.arange(1.0, 13.0)[None] * 10
    np.testing.assert_allclose(market.step(money).asked, money * 60 / money.sum(), rtol=1e-12)
    poor = started(world.with_budget(30.0), 0, 1, expected=True)
    shares = np.minimum(money, 30.0)
    np.testing.assert_allclose(poor.step(money).asked, shares * 30 / shares.sum(), rtol=1e-12)


def test_a_price_stretches_the_curve() -> None:
    world = _known(
        dynamics={"price_persistence": np.full(2, 0.5)},
        initial={"log_price": np.log([4.0, 0.25])},
    )
    market = started(world, 0, 1, expected=True)
    c, reach = world.catalog, _reach(world)
    for day in range(2):
        factor = np.array([4.0, 0.25])[c.placement] ** (0.5 ** (day + 1))
        np.testing.assert_allclose(market.unit_cost[0], world.unit_cost * factor)
        shown = market.step(always(market, 9.0)).impressions[0]
        reach = _reach(world, day)
        expected = reach * (1 - np.exp(-9.0 / (world.unit_cost * factor * reach)))
        np.testing.assert_allclose(shown, expected, rtol=1e-9)


def test_stock_runs_out_to_the_last_piece() -> None:
    size = replace(KNOWN, stock=30.0)
    world = with_parts(synthetic_world(size), dynamics=vars(_known().dynamics), budget=1e6)
    market = Market(world, expected=True)
    market.reset_to_mean()
    sold = np.zeros(3)
    while not market.done:
        outcome = market.step(always(market, 60.0))
        wanted = outcome.clicks * world.rates.second[0]
        np.testing.assert_allclose(outcome.conversions + outcome.lost, wanted)
        sold += world.catalog.by_promotion.sum(outcome.conversions)[0]
    np.testing.assert_allclose(sold, 30.0)
    np.testing.assert_allclose(market.stock_left, 0.0, atol=1e-9)


def test_no_supply_costs_nothing_and_shows_nothing() -> None:
    world = _known()
    supply = world.supply.copy()
    supply[:, 0] = 0.0
    market = started(replace(world, supply=supply), 0, 1, expected=True)
    outcome = market.step(always(market, 5.0))
    nothing = world.catalog.pool == 0
    assert (outcome.spend[:, nothing] == 0).all()
    assert (outcome.impressions[:, nothing] == 0).all()
    assert (outcome.spend[:, ~nothing] == 5.0).all()


def test_a_large_market_is_still_the_formula() -> None:
    world = quiet_world(SyntheticSize(promotions=40, placements=5, segments=2, days=1, shift_sd=0))
    market = started(world, 0, 1, expected=True)
    outcome = market.step(always(market, 0.5))
    reach = _reach(world)
    shown = reach * (1 - np.exp(-0.5 / (world.unit_cost * reach)))
    over = np.maximum(world.catalog.by_pool.sum(shown) / np.rint(world.supply[0]), 1.0)
    expected = shown / over[world.catalog.pool]
    np.testing.assert_allclose(outcome.impressions[0], expected, rtol=1e-9)
