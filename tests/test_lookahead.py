from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from promopilot.agents.lookahead.bound import clairvoyant_bound
from promopilot.agents.lookahead.clairvoyant import Clairvoyant
from promopilot.agents.lookahead.mpc import Mpc
from promopilot.agents.lookahead.prices import PriceForecast
from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import Uniform
from promopilot.agents.static_optimum import StaticOptimum
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.exogenous import draw
from promopilot.envs.limits import Limits
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from tests.worlds import calm_world

SIZE = SyntheticSize(promotions=6, placements=3, segments=1, days=10, shift_sd=0.5)


def lively() -> World:
    return synthetic_world(SIZE)


def scarce() -> World:
    return synthetic_world(replace(SIZE, stock=40.0))


def holiday() -> World:
    world = lively()
    supply, rate = world.supply.copy(), world.rates.first_stage.rate.copy()
    supply[6:8] *= 1.5
    rate[6:8] *= 1.5
    stage = replace(world.rates.first_stage, rate=rate)
    return replace(world, supply=supply, rates=replace(world.rates, first_stage=stage))


def subsidised() -> World:
    return synthetic_world(SIZE, covers=("spend", "subsidy"))


def dear_today() -> World:
    world = lively()
    prices = np.full(len(world.catalog.placement_ids), 0.3)
    return replace(world, initial=replace(world.initial, log_price=prices))


def tiring() -> World:
    world = lively()
    return replace(world, dynamics=replace(world.dynamics, fatigue_exponent=0.8))


def day_limited() -> World:
    world = lively()
    return replace(world, per_day_max=world.budget / world.days)


def s_shaped() -> World:
    world = lively()
    return replace(world, dynamics=replace(world.dynamics, saturation=Saturation("hill", 1.6)))


def paid_by_revenue() -> World:
    world = synthetic_world(SIZE, objective="revenue")
    return replace(
        world, dynamics=replace(world.dynamics, saturation=Saturation("michaelis_menten"))
    )


WORLDS = [lively, scarce, holiday, subsidised, dear_today, tiring, day_limited, paid_by_revenue]


def reference_value(policy: Policy, world: World) -> float:
    market = Market(world, expected=True)
    market.reset_to_mean()
    return sum(float(market.step(policy.spend(market)).objective.sum()) for _ in range(world.days))


def values(policy: Policy, world: World, seed: int, flights: Ints) -> Floats:
    """Objective of each flight, outcomes at their expectation."""
    market = Market(world, expected=True)
    market.reset(seed, flights)
    value = np.zeros(len(flights))
    while not market.done:
        value += market.step(policy.spend(market)).total("objective")
    return value


def spends_at_first(policy: Policy, world: World, seed: int, flights: Ints) -> Floats:
    market = Market(world)
    market.reset(seed, flights)
    return policy.spend(market)


@pytest.mark.parametrize("make", WORLDS)
def test_looking_ahead_earns_at_least_what_replanning_earns_where_all_goes_as_expected(
    make,
) -> None:
    world = make()
    ahead, daily = (reference_value(p, world) for p in (Mpc(world), Replanner(world)))
    assert ahead >= daily * (1 - 1e-9)


def test_a_plan_is_never_below_the_replanners_own() -> None:
    for make in WORLDS:
        world = make()
        market = Market(world)
        market.reset(3, np.arange(4))
        clairvoyant = Clairvoyant(world)
        value = clairvoyant.planner.plan(clairvoyant.known(market)).value
        assert (value[:, 0] >= value[:, 1]).all()


def test_nothing_is_gained_by_looking_ahead_where_no_day_touches_another() -> None:
    world = calm_world(SyntheticSize(promotions=4, placements=2, segments=1, days=5))
    static = reference_value(StaticOptimum(world), world)
    assert reference_value(Mpc(world), world) == pytest.approx(static, rel=1e-6)
    assert clairvoyant_bound(world, 0, np.arange(1)) == pytest.approx(static, rel=1e-3)


def tiny_world() -> World:
    world = calm_world(SyntheticSize(promotions=2, placements=1, segments=1, days=3))
    people = np.full(1, 5_000.0)
    dynamics = replace(world.dynamics, fatigue_exponent=0.43)
    return replace(world, dynamics=dynamics, segment_size=people, budget=0.8 * world.budget)


def best_by_force(world: World) -> float:
    """The best constant-free plan that SLSQP finds on the expected market from many starts."""
    shape = (world.days, world.catalog.num_line_items)

    def loss(spend: np.ndarray) -> float:
        market = Market(world, expected=True)
        market.reset(0, np.arange(1))
        days = np.maximum(spend, 0).reshape(shape)
        return -sum(float(market.step(day[None]).objective.sum()) for day in days)

    limit = {"type": "ineq", "fun": lambda x: world.budget - x.sum()}
    rng, found = np.random.default_rng(0), []
    for _ in range(6):
        start = rng.dirichlet(np.ones(np.prod(shape))) * world.budget
        bounds = [(0, world.budget)] * len(start)
        answer = minimize(loss, start, bounds=bounds, constraints=[limit], method="SLSQP")
        found.append(-answer.fun)
    return max(found)


def test_a_tiny_flight_is_planned_as_well_as_by_brute_force_and_the_bound_holds() -> None:
    world = tiny_world()
    best = best_by_force(world)
    for policy in (Mpc(world), Clairvoyant(world)):
        assert reference_value(policy, world) == pytest.approx(best, rel=1e-3)
    bound = clairvoyant_bound(world, 0, np.arange(1))[0]
    assert best * (1 - 1e-9) <= bound <= best * 1.01


@pytest.mark.parametrize("make", [lively, scarce, holiday, subsidised, day_limited])
def test_the_usual_effort_comes_within_a_thousandth_of_a_converged_plan(make) -> None:
    world = make()
    market = Market(world)
    market.reset(5, np.arange(8))
    few, many = (
        policy.planner.plan(policy.believed(market)).value[:, 0].mean()
        for policy in (Mpc(world), Mpc(world, effort=80))
    )
    assert many * (1 - 1e-3) <= few <= many * (1 + 1e-9)


@pytest.mark.parametrize("make", [lively, subsidised, s_shaped])
@pytest.mark.parametrize("budget", [0.01, 300.0, 1e7])
def test_looking_ahead_never_spends_more_than_the_budget(make, budget: float) -> None:
    world = make().with_budget(budget)
    for policy in (Mpc(world), Clairvoyant(world)):
        rollout = roll_out(policy, world, 1, np.arange(4))
        assert (rollout.spent <= budget * (1 + 1e-9)).all()
        assert (rollout.overrun == 0).all()


def test_a_limit_per_day_holds() -> None:
    world = day_limited()
    by_day = roll_out(Mpc(world), world, 1, np.arange(1)).by_day.spend.sum(axis=1)
    assert (by_day <= world.per_day_max * (1 + 1e-9)).all()


def test_what_is_sold_out_or_not_live_gets_nothing() -> None:
    world = scarce()
    stock, live = world.catalog.stock.copy(), world.live.copy()
    stock[2] = 0.0
    live[0, world.catalog.promotion == 4] = False
    world = replace(world, catalog=replace(world.catalog, stock=stock), live=live)
    for policy in (Mpc(world), Clairvoyant(world)):
        spend = spends_at_first(policy, world, 1, np.arange(3))
        assert (spend[:, np.isin(world.catalog.promotion, (2, 4))] == 0).all()
        assert spend.sum() > 0


def test_a_worlds_limits_are_kept_without_the_market_having_to_move_the_plan() -> None:
    world = lively()
    limits = Limits.none(world.catalog.num_line_items)
    least = np.full(world.catalog.num_line_items, 0.002 * world.budget / world.days)
    world = replace(world, limits=replace(limits, min_spend=least, max_step=0.2))
    policy, market = Mpc(world), Market(world)
    market.reset(3, np.arange(3))
    for _ in range(4):
        spend = policy.spend(market)
        asked = market.step(spend).asked
        np.testing.assert_allclose(asked, spend, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [lively, scarce])
def test_a_flight_is_planned_alike_alone_and_in_a_batch(make) -> None:
    world = make()
    for policy in (Mpc(world), Clairvoyant(world)):
        together = spends_at_first(policy, world, 7, np.arange(5))
        alone = spends_at_first(policy, world, 7, np.array([3]))
        np.testing.assert_array_equal(together[3], alone[0])


def test_looking_ahead_gains_where_people_tire_and_stock_is_scarce() -> None:
    flights = np.arange(48)
    for world in (tiring(), scarce()):
        ahead = values(Mpc(world), world, 2, flights)
        daily = values(Replanner(world), world, 2, flights)
        gain = ahead - daily
        assert gain.mean() > 3 * gain.std() / np.sqrt(len(flights))


@pytest.mark.parametrize("make", [*WORLDS, s_shaped])
def test_no_policy_passes_the_bound_and_hindsight_comes_next_to_it(make) -> None:
    world, flights = make(), np.arange(24)
    bound = clairvoyant_bound(world, 4, flights)
    policies = (Uniform(), Replanner(world), Mpc(world), Clairvoyant(world))
    uniform, daily, ahead, hindsight = (values(policy, world, 4, flights) for policy in policies)
    for value in (uniform, daily, ahead, hindsight):
        assert (value <= bound * (1 + 1e-9)).all()
    assert max(uniform.mean(), daily.mean(), ahead.mean()) < hindsight.mean()


@pytest.mark.parametrize("make", WORLDS)
def test_no_plan_is_worth_more_than_the_bound(make) -> None:
    world = make()
    market = Market(world)
    market.reset(6, np.arange(6))
    clairvoyant = Clairvoyant(world)
    plan = clairvoyant.planner.plan(clairvoyant.known(market)).value[:, 0]
    bound = clairvoyant_bound(world, 6, np.arange(6))
    assert (bound >= plan * (1 - 1e-9)).all()
    assert bound.mean() <= plan.mean() * 1.05


def test_a_finer_grid_or_better_prices_only_lower_the_bound_a_little() -> None:
    world, flights = lively(), np.arange(4)
    coarse, fine = (clairvoyant_bound(world, 1, flights, points=k) for k in (12, 96))
    assert (fine < coarse).all()
    poor = clairvoyant_bound(world, 1, flights, effort=1)
    assert (poor >= clairvoyant_bound(world, 1, flights, points=96) * (1 - 1e-9)).all()


def test_expected_prices_are_right_on_average_whatever_todays_price() -> None:
    world = lively()
    dynamics = replace(
        world.dynamics, price_sd=np.full(3, 0.3), price_level_sd=np.array([0.0, 0.1, 0.3])
    )
    known = replace(world.initial, log_price=np.array([np.nan, 0.4, -0.2]))
    world = replace(world, dynamics=dynamics, initial=known)
    met = draw(world, 0, np.arange(20_000)).price_factor
    for day in (0, 3):
        expected = PriceForecast.of(world).factor(day, met[:, day])
        np.testing.assert_allclose(expected[:, 0], met[:, day])
        for high in (False, True):
            some = (met[:, day] > np.median(met[:, day], axis=0)) == high
            wrong = (met[:, day:] - expected)[:, 1:]
            for k in range(3):
                off = wrong[some[:, k], :, k]
                assert (np.abs(off.mean(axis=0)) < 4.5 * off.std(axis=0) / np.sqrt(len(off))).all()


def test_hindsight_knows_the_rates_that_will_be() -> None:
    market = Market(lively())
    market.reset(9, np.arange(3))
    ahead = market.rested_rates_ahead
    for day in range(market.world.days):
        first, second = market.true_rates
        np.testing.assert_allclose(ahead[:, day], first * second, rtol=1e-12)
        np.testing.assert_array_equal(ahead[:, day:], market.rested_rates_ahead)
        market.step(np.zeros_like(first))


def test_an_effort_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="effort is 0; it must be at least 1"):
        Mpc(lively(), effort=0)
