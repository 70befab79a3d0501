"""Markets that are not as believed: the truth moves, and beliefs learn of it as they may."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import Uniform
from promopilot.envs import response
from promopilot.envs.errors import MarketError
from promopilot.envs.exogenous import Exogenous
from promopilot.envs.market import Market
from promopilot.envs.response import FAMILIES, Saturation
from promopilot.envs.stress import STRESSES, SWAPPED, Stress
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from tests.market.build import SMALL, play, quiet_world, same, started, without_clicks
from tests.market.strategies import properties, worlds

WORLD = synthetic_world(SMALL)
# What a policy may look at on the first day, but for the price, which is seen as it is.
SEEN = (
    *("expected_rate", "worth_per_impression", "reach", "supply", "fatigue_factor", "budget_left"),
    "stock_left",
)


def stressed(world: World, stress: Stress | None, flights: int = 3) -> Market:
    market = Market(world, stress=stress)
    market.reset(7, np.arange(flights))
    return market


def true_log_odds(market: Market) -> np.ndarray:
    return logit(np.stack(market.true_rates))


@properties
@given(worlds(), st.booleans())
def test_no_stress_is_bit_for_bit_the_market_as_it_was(world: World, mean: bool) -> None:
    calm, none = Market(world, expected=mean), Market(world, expected=mean, stress=Stress())
    for market in (calm, none):
        market.reset_to_mean() if mean else market.reset(3, np.arange(3))
    for left, right in zip(play(calm), play(none), strict=True):
        for field in fields(left):
            assert same(getattr(left, field.name), getattr(right, field.name)), field.name


@pytest.mark.parametrize("name", STRESSES)
def test_what_is_believed_on_the_first_day_stays(name: str) -> None:
    calm, market = started(WORLD, 7, 3), stressed(WORLD, STRESSES[name])
    for seen in SEEN:
        assert same(getattr(market, seen), getattr(calm, seen)), seen
    np.testing.assert_allclose(market.unit_cost, calm.unit_cost * STRESSES[name].price)
    if "price" not in name:
        assert same(Replanner(WORLD).spend(market), Replanner(WORLD).spend(calm))


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        *((f"{what}_{way}", what) for what in ("supply", "price") for way in ("low", "high")),
        *((f"{what}_{way}", what) for what in ("fatigue", "rates") for way in ("low", "high")),
        *((name, None) for name in ("saturation_swapped", "shock", "demand_half")),
    ],
)
def test_a_stress_moves_one_kind_of_draw_alone(name: str, moved: str | None) -> None:
    arrays = {
        "supply": ["supply"],
        "price": ["price_factor"],
        "rates": ["first_shift", "second_shift"],
        "fatigue": ["fatigue_exponent"],
    }
    calm, market = started(WORLD, 7, 3), stressed(WORLD, STRESSES[name])
    for field in fields(Exogenous):
        left, right = (getattr(m.exogenous, field.name) for m in (calm, market))
        assert same(left, right) == (field.name not in arrays.get(moved or "", [])), field.name


def test_every_stress_changes_what_happens() -> None:
    usual = roll_out(Uniform(), WORLD, 1, np.arange(8)).value
    for stress in STRESSES.values():
        assert (roll_out(Uniform(), WORLD, 1, np.arange(8), stress=stress).value != usual).all()


def test_supply_is_that_share_of_what_was_drawn() -> None:
    drawn = started(WORLD, 7, 3).exogenous.supply
    fewer = stressed(WORLD, STRESSES["supply_low"]).exogenous.supply
    np.testing.assert_allclose(fewer, 0.7 * drawn, atol=0.5)
    assert same(fewer, np.rint(fewer))


def test_rates_move_by_what_is_believed_possible_of_each_promotion() -> None:
    sd = np.array([0.1, 0.4, 0.0])
    first = replace(WORLD.rates.first_stage, shared_sd=sd)
    world = replace(WORLD, rates=replace(WORLD.rates, first_stage=first))
    for name, sign in (("rates_low", -1), ("rates_high", 1)):
        moved = true_log_odds(stressed(world, STRESSES[name])) - true_log_odds(started(world, 7, 3))
        both = np.hypot(sd, world.rates.second_stage.shared_sd)[world.catalog.promotion]
        np.testing.assert_allclose(moved.sum(axis=0), np.tile(sign * both, (3, 1)), atol=1e-9)


def test_fatigue_follows_the_true_exponent_and_is_believed_as_before() -> None:
    calm, market = started(WORLD, 7, 3), stressed(WORLD, STRESSES["fatigue_high"])
    exponent = calm.exogenous.fatigue_exponent
    for m in (calm, market):
        m.step(np.full((3, WORLD.catalog.num_line_items), 20.0))
    assert same(market.fatigue, calm.fatigue)
    assert same(market.fatigue_factor, calm.fatigue_factor)
    tired = (1 + market.fatigue) ** (-0.3 * exponent[:, None])
    np.testing.assert_allclose(
        market.true_rates[0] / calm.true_rates[0], tired[:, WORLD.catalog.audience]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_swapped_family_buys_by_another_curve(family: str) -> None:
    world = quiet_world()
    world = replace(world, dynamics=replace(world.dynamics, saturation=Saturation(family, 2.0)))
    spend = np.full((1, world.catalog.num_line_items), 5.0)
    found = []
    for stress in (None, STRESSES["saturation_swapped"]):
        market = Market(world, expected=True, stress=stress)
        market.reset(0, np.arange(1))
        reach, cost = market.reach, market.unit_cost
        found.append(market.step(spend))
    for day, curve in zip(found, (Saturation(family, 2.0), SWAPPED[family]), strict=True):
        shown = response.impressions(spend, cost, reach, curve)
        np.testing.assert_allclose(day.impressions, shown)
        np.testing.assert_allclose(day.spend, spend)


def test_a_full_pool_is_charged_by_the_true_curve() -> None:
    world = quiet_world()
    world = replace(world, reach_share=np.ones_like(world.reach_share))
    market = Market(world, expected=True, stress=STRESSES["saturation_swapped"])
    market.reset(0, np.arange(1))
    asked = np.full((1, world.catalog.num_line_items), 150.0)
    day = market.step(asked)
    assert (day.spend < day.asked).any()
    paid = response.cost(
        day.impressions,
        world.unit_cost,
        market.exogenous.supply[:, 0][:, world.catalog.pool],
        Saturation("michaelis_menten"),
    )
    np.testing.assert_allclose(day.spend, paid)


@pytest.mark.parametrize("clicks", [True, False])
def test_half_the_demand_is_half_of_the_mean_rate(clicks: bool) -> None:
    world = WORLD if clicks else without_clicks(WORLD)
    known = [
        replace(s, shared_sd=np.zeros_like(s.shared_sd), own_sd=np.zeros_like(s.own_sd))
        for s in world.rates.stages
    ]
    still = replace(world, rates=replace(world.rates, first_stage=known[0], second_stage=known[1]))
    still = replace(still, dynamics=quiet_world().dynamics)
    for at, stage in enumerate(still.rates.stages):
        rate = stressed(still, STRESSES["demand_half"]).true_rates[at]
        share = 0.5 if at == int(clicks) else 1.0
        np.testing.assert_allclose(rate, np.tile(share * stage.rate[0], (3, 1)), rtol=1e-6)
    for m in (None, STRESSES["demand_half"]):
        market = stressed(world, m, 4000)
        rates = np.prod(market.true_rates, axis=0).mean(axis=0)
        expected = (0.5 if m else 1.0) * world.rates.first[0] * world.rates.second[0]
        np.testing.assert_allclose(rates, expected, rtol=0.05)


def test_the_shock_halves_the_odds_of_two_in_five_from_the_flights_middle() -> None:
    world = quiet_world(SyntheticSize(promotions=10, placements=1, segments=1, days=5))
    calm, market = started(world, 7, 40), stressed(world, STRESSES["shock"], 40)
    for day in range(5):
        fall = true_log_odds(calm)[0] - true_log_odds(market)[0]
        hit = fall > 0.1
        np.testing.assert_allclose(fall, np.log(2) * hit, atol=1e-9)
        assert (hit.sum(axis=1) == (4 if day >= 2 else 0)).all()
        for m in (calm, market):
            m.step(np.zeros((40, world.catalog.num_line_items)))
    assert len(np.unique(hit, axis=0)) > 30  # other promotions in each flight
    assert hit.any(axis=0).all()


def test_the_shock_of_a_flight_depends_on_seed_and_number_alone() -> None:
    def hit(flights: list[int], spend: float) -> np.ndarray:
        market = Market(WORLD, stress=STRESSES["shock"])
        market.reset(7, np.array(flights))
        calm = Market(WORLD)
        calm.reset(7, np.array(flights))
        for m in (market, calm):
            for _ in range(WORLD.days // 2):
                m.step(np.full((len(flights), WORLD.catalog.num_line_items), spend))
        return true_log_odds(market)[0] - true_log_odds(calm)[0] < -0.5

    alone = hit([4], 0.0)
    assert 0 < alone.mean() < 1
    assert same(hit([3, 4, 5], 0.0)[1], alone[0])
    assert same(hit([4], 2.0), alone)


@pytest.mark.parametrize(("name", "sign"), [("rates_high", 1), ("rates_low", -1)])
def test_a_flight_teaches_how_far_the_belief_was_off(name: str, sign: int) -> None:
    world = quiet_world(SyntheticSize(days=10), budget_factor=1.0)
    means = []
    for stress in (None, STRESSES[name]):
        market = stressed(world, stress, 40)
        play(market)
        means.append(market.first_belief.now.mean)
    learnt = sign * (means[1] - means[0]).mean(axis=0)
    assert (learnt > 0.5 * 0.3).all()  # the true move is one standard deviation, 0.3


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"supply": -0.1}, "stress.supply is -0.1; it must be a number of at least 0"),
        ({"price": np.nan}, "stress.price is nan"),
        ({"rates_sd": np.inf}, "stress.rates_sd is inf; it must be a number."),
        ({"shock_share": 1.5}, "stress.shock_share is 1.5; it is at most 1"),
    ],
)
def test_a_stress_out_of_range_is_named(given_: dict[str, float], told: str) -> None:
    with pytest.raises(MarketError, match=told):
        Stress(**given_)


def test_rates_off_by_a_standard_error_move_whichever_stage_is_uncertain() -> None:
    world = synthetic_world()
    for first_sd, second_sd in ((0.0, 0.5), (0.4, 0.0), (0.3, 0.4)):
        stages = [
            replace(stage, shared_sd=np.full_like(stage.shared_sd, sd))
            for stage, sd in zip(world.rates.stages, (first_sd, second_sd), strict=True)
        ]
        uncertain = replace(
            world, rates=replace(world.rates, first_stage=stages[0], second_stage=stages[1])
        )
        plain, off = Market(uncertain), Market(uncertain, stress=STRESSES["rates_low"])
        for market in (plain, off):
            market.reset(0, np.arange(2))
        moved = (
            off.exogenous.first_shift - plain.exogenous.first_shift,
            off.exogenous.second_shift - plain.exogenous.second_shift,
        )
        np.testing.assert_allclose(moved[0] + moved[1], -np.hypot(first_sd, second_sd))


def test_a_shock_hits_one_promotion_at_least() -> None:
    world = synthetic_world(SyntheticSize(promotions=1, days=4))
    market = Market(world, stress=STRESSES["shock"])
    market.reset(0, np.arange(3))
    nothing = np.zeros((3, world.catalog.num_line_items))
    while market.day < 3:
        market.step(nothing)
    assert (market._state.drift < -0.5).all()
