"""Fatigue: the power law, its half-life, and what was usual while rates were learnt."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market.build import SMALL, always, quiet_world, started, with_parts

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World

SAME_DAY = 2 ** (-1 / 7)
KNOWN = replace(SMALL, shift_sd=0.0, own_sd=0.0)


def _known(**changes: object) -> World:
    """Nothing is drawn and nothing couples the days; supply is whole."""
    world = quiet_world(KNOWN)
    return with_parts(world, supply=np.rint(world.supply), **changes)


def _tired(**changes: object) -> World:
    return _known(dynamics={"fatigue_exponent": 0.43}, **changes)


def _exposures(world: World, shown: Floats) -> Floats:
    """[L] exposures per person of each line item's promotion and segment, over placements."""
    c = world.catalog
    found = np.zeros(c.num_line_items)
    for i in range(c.num_line_items):
        twins = (c.promotion == c.promotion[i]) & (c.segment == c.segment[i])
        found[i] = shown[0, twins].sum() / world.segment_size[c.segment[i]]
    return found


def test_fatigue_follows_the_power_law_and_its_half_life() -> None:
    world = _tired()
    market = started(world, 0, 1, expected=True)
    recent = np.zeros(world.catalog.num_line_items)
    for day, money in enumerate((40.0, 5.0, 0.0, 20.0)):
        np.testing.assert_allclose(market.fatigue[0, world.catalog.audience], recent)
        np.testing.assert_allclose(market.fatigue_factor[0], (1 + recent) ** -0.43)
        outcome = market.step(always(market, money))
        clicks = outcome.impressions[0] * world.rates.first[day] * (1 + recent) ** -0.43
        np.testing.assert_allclose(outcome.clicks[0], clicks, rtol=1e-9)
        recent = (recent + _exposures(world, outcome.impressions)) * SAME_DAY
    assert recent.min() > 0.1


def test_fatigue_is_relative_to_what_it_was_while_rates_were_learnt() -> None:
    audiences = quiet_world(KNOWN).catalog.by_audience.size
    world = _tired(
        initial={"fatigue": np.full(audiences, 2.0)},
        usual_fatigue_factor=np.full(audiences, 3.0**-0.43),
    )
    market = started(world, 0, 1, expected=True)
    np.testing.assert_allclose(market.fatigue_factor, 1.0)
    np.testing.assert_allclose(market.true_rates[0][0], world.rates.first[0], rtol=1e-6)
    market.step(always(market, 0.0))
    rested = (1 + 2 * SAME_DAY) / 3
    np.testing.assert_allclose(market.fatigue_factor, rested**-0.43)
    np.testing.assert_allclose(market.true_rates[0][0], world.rates.first[1] * rested**-0.43)


def test_rates_stay_rates_where_an_audience_is_much_less_tired_than_usual() -> None:
    audiences = quiet_world(KNOWN).catalog.by_audience.size
    world = _tired(usual_fatigue_factor=np.full(audiences, 0.01))
    market = started(world, 0, 1, expected=True)
    np.testing.assert_array_equal(market.true_rates[0], 1.0)
    outcome = market.step(always(market, 5.0))
    np.testing.assert_allclose(outcome.clicks, outcome.impressions)


@pytest.mark.parametrize("exponent", [0.43, 1e-9])
def test_what_is_believed_of_a_known_market_is_true(exponent: float) -> None:
    audiences = quiet_world(KNOWN).catalog.by_audience.size
    usual = np.full(audiences, 0.7)
    world = _known(dynamics={"fatigue_exponent": exponent}, usual_fatigue_factor=usual)
    _assert_belief_is_true(world)


def test_what_is_believed_without_fatigue_is_true() -> None:
    audiences = quiet_world(KNOWN).catalog.by_audience.size
    _assert_belief_is_true(_known(usual_fatigue_factor=np.full(audiences, 0.7)))


def _assert_belief_is_true(world: World) -> None:
    market = started(world, 0, 1, expected=True)
    while not market.done:
        first, second = market.true_rates
        np.testing.assert_allclose(market.expected_rate, first * second, rtol=1e-6)
        market.step(always(market, 20.0))
