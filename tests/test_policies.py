from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from promopilot.agents.comparison import gain_pct, gap_closed, mean_interval
from promopilot.agents.policy import shares_today
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import CurrentMix, RoasProportional, Uniform
from promopilot.agents.static_optimum import StaticOptimum
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.policies import POLICIES as EVERY
from promopilot.experiments.policies import make_policy
from tests.worlds import calm_world

FLIGHTS = np.arange(20)
POLICIES = [
    lambda world: CurrentMix(),
    lambda world: Uniform(),
    lambda world: RoasProportional(),
    StaticOptimum,
    Replanner,
]


@pytest.mark.parametrize("make", POLICIES)
@pytest.mark.parametrize("budget", [0.01, 300.0, 1e7])
def test_no_policy_spends_more_than_the_budget(make, budget: float) -> None:
    world = synthetic_world().with_budget(budget)
    rollout = roll_out(make(world), world, 1, FLIGHTS)
    assert (rollout.spent <= budget * (1 + 1e-9)).all()


def test_a_limit_per_day_holds() -> None:
    world = replace(synthetic_world(), per_day_max=50.0)
    for make in POLICIES:
        by_day = roll_out(make(world), world, 1, FLIGHTS).by_day.spend.sum(axis=1)
        assert (by_day <= 50.0 + 1e-9).all()


def test_the_current_mix_is_scaled_down_to_a_smaller_budget_and_never_up() -> None:
    world = synthetic_world()
    market = Market(world.with_budget(world.budget / 2))
    np.testing.assert_allclose(CurrentMix().spend(market)[0], world.current_spend[0] / 2)
    market = Market(world.with_budget(world.budget * 2))
    np.testing.assert_allclose(CurrentMix().spend(market)[0], world.current_spend[0])


def test_uniform_leaves_out_what_is_not_live() -> None:
    world = synthetic_world()
    live = world.live.copy()
    live[:, :10] = False
    world = replace(world, live=live)
    spend = Uniform().spend(Market(world))[0]
    assert (spend[:10] == 0).all()
    np.testing.assert_allclose(spend.sum(), world.budget / world.days)


def test_money_goes_by_past_returns_to_what_is_live_and_had_any() -> None:
    world = synthetic_world()
    live, roas = world.live.copy(), world.recent_roas.copy()
    live[:, :10] = False
    roas[10:12] = 0.0
    spend = RoasProportional().spend(Market(replace(world, live=live, recent_roas=roas)))[0]
    assert (spend[:12] == 0).all()
    np.testing.assert_allclose(spend[12:] / spend[12], roas[12:] / roas[12])
    np.testing.assert_allclose(spend.sum(), world.budget / world.days)


def test_money_spent_before_the_flight_is_not_split_again() -> None:
    world = synthetic_world()
    used = replace(world, initial=replace(world.initial, spent=0.75 * world.budget))
    for policy in (Uniform(), RoasProportional()):
        spend = policy.spend(Market(used))
        np.testing.assert_allclose(spend, 0.25 * policy.spend(Market(world)))


def test_without_any_past_returns_money_is_split_evenly() -> None:
    world = synthetic_world()
    world = replace(world, recent_roas=np.zeros_like(world.recent_roas))
    market = Market(world)
    np.testing.assert_allclose(RoasProportional().spend(market), Uniform().spend(market))


def test_what_a_synthetic_world_returned_is_what_its_current_mix_brings_in_the_mean() -> None:
    world = calm_world(SyntheticSize(days=14))
    market = Market(world, expected=True)
    days = []
    while not market.done:
        days.append(market.step(world.current_spend.mean(axis=0)[None]))
    value, spend = (
        sum(getattr(day, name)[0] for day in days) for name in ("conversion_value", "spend")
    )
    np.testing.assert_allclose(world.recent_roas, value / spend, rtol=1e-3)


class _Timid(Uniform):
    """Leaves the first two days of odd flights to the re-planner."""

    def fallback(self, market: Market) -> np.ndarray:
        return (market.day < 2) & (market.flights % 2 == 1)


def test_decisions_left_to_the_replanner_are_counted() -> None:
    world = synthetic_world()
    assert roll_out(_Timid(), world, 1, FLIGHTS).fallback_share == pytest.approx(1 / world.days)
    assert roll_out(Uniform(), world, 1, FLIGHTS).fallback_share is None


def test_progress_rises_to_one_day_by_day() -> None:
    world = synthetic_world()
    told: list[float] = []
    roll_out(Uniform(), world, 1, FLIGHTS, progress=lambda what, share: told.append(share))
    np.testing.assert_allclose(told, np.arange(1, world.days + 1) / world.days)


def expected_value(policy, world) -> float:
    market = Market(world, expected=True)
    market.reset_to_mean()
    return sum(float(market.step(policy.spend(market)).objective.sum()) for _ in range(world.days))


def test_a_static_plan_is_optimal_where_nothing_is_uncertain_and_no_day_touches_another() -> None:
    world = calm_world(SyntheticSize(promotions=4, placements=2, segments=1, days=5))
    static, replanner = (expected_value(p, world) for p in (StaticOptimum(world), Replanner(world)))
    assert replanner == pytest.approx(static, rel=1e-6)

    def loss(day: np.ndarray) -> float:
        market = Market(world, expected=True)
        market.reset(0, np.arange(1))
        return -float(market.step(day[None]).objective.sum())

    start = StaticOptimum(world).spend(Market(world))[0]
    limit = {"type": "ineq", "fun": lambda x: world.budget / world.days - x.sum()}
    found = minimize(
        loss, start * 0.7, bounds=[(0, None)] * len(start), constraints=[limit], method="SLSQP"
    )
    assert static / world.days >= -found.fun * (1 - 1e-6)


def test_replanning_beats_a_static_plan_where_rates_are_unknown() -> None:
    world = synthetic_world(SyntheticSize(promotions=8, shift_sd=0.5))
    static = roll_out(StaticOptimum(world), world, 2, np.arange(100)).value
    adaptive = roll_out(Replanner(world), world, 2, np.arange(100)).value
    _, low, _ = gain_pct(adaptive, static, 0)
    assert low > 0


def test_scarce_stock_is_not_promoted_beyond_what_it_holds() -> None:
    world = synthetic_world(SyntheticSize(stock=20.0))
    books = roll_out(Replanner(world), world, 0, FLIGHTS).by_day
    free = roll_out(Uniform(), world, 0, FLIGHTS).by_day
    assert books.lost.sum() / books.conversions.sum() < 0.2
    assert books.lost.sum() < free.lost.sum() / 2


def test_policies_on_the_same_flights_are_paired() -> None:
    world = synthetic_world()
    a = roll_out(StaticOptimum(world), world, 3, np.arange(200)).value
    b = roll_out(Replanner(world), world, 3, np.arange(200)).value
    paired = np.std(a - b)
    shuffled = np.std(a - np.random.default_rng(0).permutation(b))
    assert paired < shuffled


def test_books_of_a_rollout_agree_with_each_other() -> None:
    world = synthetic_world()
    rollout = roll_out(Replanner(world), world, 3, FLIGHTS)
    assert rollout.by_day.spend.sum() == pytest.approx(rollout.spent.mean())
    assert rollout.by_day.objective.sum() == pytest.approx(rollout.value.mean())
    np.testing.assert_allclose(
        rollout.profit.sum(axis=1) - rollout.spend.sum(axis=1), rollout.value
    )


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        low, high = mean_interval(rng.normal(1.0, 1.0, 60), seed)
        hits += low <= 1.0 <= high
    # 95 % of 100, less what a binomial would miss once in a thousand times.
    assert 87 <= hits <= 100


def test_the_share_of_a_gap_is_a_ratio_of_mean_gains() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(100, 20, 400)
    goal = base + rng.normal(4, 2, 400)
    share, low, high = gap_closed(base + 0.7 * (goal - base), base, goal, 0)
    assert share == pytest.approx(0.7)
    assert low == pytest.approx(high) == pytest.approx(0.7)
    share, low, high = gap_closed(base + rng.normal(2, 4, 400), base, goal, 0)
    assert low < 0.5 < high
    assert 0.15 < high - low < 0.30  # 2 * 1.96 * 4 / sqrt(400) / 4, and a little for the gap


def test_a_gain_is_in_per_cent_of_the_baselines_size() -> None:
    base = np.array([-10.0, -10.0, -10.0])
    gain, low, high = gain_pct(base + 1.0, base, 0)
    assert gain == pytest.approx(10.0)
    assert low == pytest.approx(high) == pytest.approx(10.0)
    assert gain_pct(base, np.zeros(3), 0) is None


@pytest.mark.parametrize("name", [name for name, entry in EVERY.items() if not entry.artifact])
def test_every_policy_gives_the_shares_that_offline_evaluation_needs(name: str, tmp_path) -> None:
    world = synthetic_world()
    market = Market(world)
    market.reset(5, np.arange(3))
    policy = make_policy(name, world, tmp_path)
    for _ in range(2):
        shares = shares_today(policy, market)
        assert shares.shape == (3, len(world.catalog.pools), world.catalog.num_promotions + 1)
        assert (shares >= -1e-12).all()
        np.testing.assert_allclose(shares.sum(axis=-1), 1.0)
        outcome = market.step(policy.spend(market))
    # On its last day, what the promotions were shown is what their shares said, but for chance.
    shown = world.catalog.by_promotion.sum(outcome.impressions).mean(axis=0)
    said = (shares[..., :-1] * world.supply[market.day - 1][:, None]).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(said, shown, rtol=0.4, atol=400)
