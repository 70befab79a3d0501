from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from promopilot.envs import response
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.rates import Stage, mean_rate
from promopilot.envs.replan import Replan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import load_world, save_world
from tests.worlds import CALM, calm_world

SMALL = SyntheticSize(promotions=3, placements=2, segments=2, days=4, stock=60.0)
FLIGHTS = 3
ITEMS = 12

any_spend = arrays(
    np.float64,
    (FLIGHTS, ITEMS),
    elements=st.one_of(
        st.floats(0, 2000), st.floats(-1e6, 1e9), st.just(np.nan), st.just(np.inf), st.just(-np.inf)
    ),
)


@settings(max_examples=60, deadline=None)
@given(spends=st.lists(any_spend, min_size=4, max_size=4), seed=st.integers(0, 1000))
def test_accounting_adds_up_whatever_is_asked(spends: list[np.ndarray], seed: int) -> None:
    world = synthetic_world(SMALL)
    market = Market(world)
    market.reset(seed, np.arange(FLIGHTS))
    catalog = world.catalog
    days = []
    for spend in spends:
        before, supply = market.budget_left, market.exogenous.supply[:, market.day]
        outcome = market.step(spend)
        days.append(outcome)
        assert (outcome.spend >= 0).all()
        assert (outcome.spend <= outcome.asked + 1e-12).all()
        assert (outcome.total("asked") <= before + 1e-9).all()
        np.testing.assert_allclose(before - outcome.total("spend"), market.budget_left, atol=1e-9)
        assert (catalog.by_pool.sum(outcome.impressions) <= supply).all()
        assert (outcome.clicks <= outcome.impressions).all()
        assert (outcome.conversions + outcome.lost <= outcome.clicks).all()
        for counted in (outcome.impressions, outcome.clicks, outcome.conversions):
            np.testing.assert_array_equal(counted, np.rint(counted))
        assert (market.stock_left >= 0).all()
        np.testing.assert_allclose(outcome.objective, outcome.profit - outcome.spend, atol=1e-9)
    sold = catalog.by_promotion.sum(np.sum([day.conversions for day in days], axis=0))
    np.testing.assert_allclose(sold + market.stock_left, np.full_like(sold, 60.0))


def test_a_world_without_noise_pays_what_the_formula_says() -> None:
    world = calm_world()
    market = Market(world, expected=True)
    market.reset(0, np.arange(2))
    spend = np.full((2, world.catalog.num_line_items), 3.0)
    outcome = market.step(spend)
    c = world.catalog
    reach = world.reach_share * world.supply[0][c.pool]
    shown = response.impressions(spend[0], world.unit_cost, reach)
    rate = world.rates.first[0] * world.rates.second[0]
    profit = shown * rate * (c.price * c.margin - c.unit_subsidy)[c.promotion]
    np.testing.assert_allclose(outcome.objective[0], profit - 3.0, rtol=1e-9)


def test_a_full_pool_is_cut_by_one_factor_and_the_rest_returns() -> None:
    world = calm_world(budget=1e9)
    market = Market(world, expected=True)
    market.reset(0, np.arange(1))
    c = world.catalog
    outcome = market.step(np.full((1, c.num_line_items), 1e6))
    np.testing.assert_allclose(
        c.by_pool.sum(outcome.impressions), np.rint(world.supply[:1]), rtol=1e-9
    )
    reach = world.reach_share * world.supply[0][c.pool]
    np.testing.assert_allclose(
        outcome.spend[0], response.cost(outcome.impressions[0], world.unit_cost, reach), rtol=1e-6
    )
    assert outcome.spend.sum() + market.budget_left[0] == pytest.approx(1e9)


def test_fatigue_lowers_clicks_by_the_power_law_and_is_forgotten() -> None:
    world = synthetic_world(SMALL)
    market = Market(world, expected=True)
    market.reset_to_mean()
    c = world.catalog
    outcome = market.step(np.full((1, ITEMS), 20.0))
    people = world.segment_size[c.segment]
    exposures = c.by_audience.sum(outcome.impressions / people)[0, c.audience]
    remembered = exposures * 2 ** (-1 / world.settings.fatigue_half_life_days)
    np.testing.assert_allclose(market.fatigue_factor[0], (1 + remembered) ** -0.43)
    for _ in range(2):
        market.step(np.zeros((1, ITEMS)))
    np.testing.assert_allclose(market.fatigue[0, c.audience], exposures * 2 ** (-3 / 7))


def test_fatigue_is_relative_to_what_it_was_while_rates_were_learnt() -> None:
    world = synthetic_world(SMALL)
    audiences = world.catalog.by_audience.size
    world = replace(
        world,
        initial_fatigue=np.full(audiences, 2.0),
        usual_fatigue_factor=np.full(audiences, 3.0**-0.43),
    )
    market = Market(world, expected=True)
    market.reset_to_mean()
    np.testing.assert_allclose(market.fatigue_factor, 1.0)
    np.testing.assert_allclose(market.true_first_rate[0], world.rates.first[0], rtol=1e-6)
    market.step(np.zeros((1, ITEMS)))
    assert (market.fatigue_factor > 1.0).all()
    assert (market.true_first_rate <= 1.0).all()


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


def test_policies_on_one_seed_meet_the_same_world() -> None:
    world = synthetic_world(SMALL)
    seen = []
    for spend in (0.0, 50.0):
        market = Market(world)
        market.reset(5, np.arange(4))
        market.step(np.full((4, ITEMS), spend))
        seen.append(market.exogenous)
    for name in ("supply", "price_factor", "first_shift", "second_shift"):
        np.testing.assert_array_equal(getattr(seen[0], name), getattr(seen[1], name))


def test_a_flight_is_the_same_alone_and_in_a_batch() -> None:
    world = synthetic_world()
    replan = Replan(world)
    values = []
    for flights in (np.array([3]), np.arange(5)):
        market = Market(world)
        market.reset(9, flights)
        total = 0.0
        while not market.done:
            total = total + market.step(replan(market).spend).total("objective")
        values.append(total[-1] if len(flights) == 1 else total[3])
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_draws_have_the_moments_they_claim() -> None:
    world = synthetic_world(SyntheticSize(days=20))
    market = Market(world)
    market.reset(1, np.arange(3000))
    drawn = market.exogenous
    np.testing.assert_allclose(drawn.price_factor.mean(), 1.0, atol=0.01)
    log_price = np.log(drawn.price_factor)
    np.testing.assert_allclose(log_price.std(), world.settings.price_sd, rtol=0.03)
    lag = np.corrcoef(log_price[:, 9].ravel(), log_price[:, 10].ravel())[0, 1]
    assert lag == pytest.approx(world.settings.price_persistence, abs=0.03)
    np.testing.assert_allclose(drawn.supply.mean(axis=0), world.supply, rtol=0.01)
    # The mean of the drawn rates is the predicted rate, although shifts bend it.
    for drawn_rate, rate in (
        (market.true_first_rate, world.rates.first),
        (market.true_second_rate, world.rates.second),
    ):
        np.testing.assert_allclose(drawn_rate.mean(axis=0), rate[0], rtol=0.05)


def test_belief_finds_the_shift_and_knows_how_well() -> None:
    world = synthetic_world(SyntheticSize(promotions=8, days=10, own_sd=0.0))
    world = replace(world, budget=world.budget * 5)
    market = Market(world)
    market.reset(2, np.arange(200))
    prior_sd = market.first_belief.now.sd.mean()
    even = np.full((200, world.catalog.num_line_items), world.budget / 10 / 48)
    while not market.done:
        market.step(even)
    starts = world.catalog.by_promotion.starts
    for belief, shift, closer in (
        (market.first_belief.now, market.exogenous.first_shift, 4),
        (market.second_belief.now, market.exogenous.second_shift, 1.5),
    ):
        error = belief.mean - shift[:, starts]
        assert error.std() < prior_sd / closer
        z = error / belief.sd
        assert abs(z.mean()) < 0.1
        assert 0.85 < z.std() < 1.15


def test_the_own_shift_keeps_belief_from_certainty() -> None:
    market = Market(synthetic_world(SyntheticSize(own_sd=0.3)))
    market.reset(0, np.arange(50))
    while not market.done:
        market.step(np.full((50, market.world.catalog.num_line_items), 30.0))
    # The prior and six line items, each worth no more than its own spread of 0.3 allows.
    assert (market.first_belief.now.sd > 0.3 / np.sqrt(7)).all()


def test_a_world_survives_its_files(tmp_path) -> None:
    world = synthetic_world(SMALL)
    save_world(world, tmp_path)
    again = load_world(tmp_path)
    assert again.catalog.promotion_ids == world.catalog.promotion_ids
    assert again.start == world.start
    for name in ("supply", "unit_cost", "live", "current_spend", "max_spend"):
        np.testing.assert_array_equal(getattr(again, name), getattr(world, name))
    np.testing.assert_array_equal(again.rates.first, world.rates.first)
    assert again.settings == world.settings


@pytest.mark.parametrize("name", ["world.safetensors", "world.json"])
def test_a_market_cut_short_is_named(tmp_path, name: str) -> None:
    save_world(synthetic_world(SMALL), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(MarketError, match="cannot be read"):
        load_world(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MarketError, match=name):
        load_world(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0.0}, "budget is 0.0"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"objective": "fame"}, "'fame' is not one of"),
        ({"unit_cost": np.zeros(ITEMS)}, "unit_cost holds 0.0"),
        ({"reach_share": np.full(ITEMS, 1.5)}, "reach_share holds 1.5"),
        ({"supply": np.full((4, 4), -1.0)}, "supply holds -1.0"),
        ({"segment_size": np.zeros(2)}, "segment_size holds 0.0"),
        ({"live": np.ones((4, 3), dtype=bool)}, "live has shape"),
    ],
)
def test_a_bad_world_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        replace(synthetic_world(SMALL), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": np.array([1.0, -1.0, 1.0])}, "price of promotion promotion-1 is -1.0"),
        ({"margin": np.full(3, 2.0)}, "margin of promotion promotion-0 is 2.0"),
        ({"stock": np.full(3, -1.0)}, "stock of promotion promotion-0 is -1.0"),
        ({"price": np.ones(2)}, "price has 2 entries, not 3"),
    ],
)
def test_a_bad_catalog_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        replace(synthetic_world(SMALL).catalog, **changes)


def test_spend_of_the_wrong_shape_and_a_day_too_many_are_refused() -> None:
    market = Market(synthetic_world(SMALL, settings=CALM))
    with pytest.raises(MarketError, match="Spend has shape"):
        market.step(np.zeros(3))
    for _ in range(4):
        market.step(np.zeros((1, ITEMS)))
    with pytest.raises(MarketError, match="ended after day 4"):
        market.step(np.zeros((1, ITEMS)))
