"""The day's split under limits: optimal where the problem is concave, feasible and bounded else."""

from dataclasses import dataclass, replace
from itertools import product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.envs import response
from promopilot.envs.allocator import Allocator, Split
from promopilot.envs.day_limits import DayLimits
from promopilot.envs.grouping import Grouping
from promopilot.envs.response import Saturation

CONVEX = (Saturation(), Saturation("michaelis_menten"), Saturation("hill", 0.7))
LEAST = 1e-6  # money is never worth less to the allocator


@dataclass(frozen=True)
class Problem:
    """One flight's day."""

    pool: np.ndarray
    worth: np.ndarray
    cost: np.ndarray
    reach: np.ndarray
    supply: np.ndarray
    budget: float
    most: np.ndarray
    subsidy: np.ndarray
    charge: float
    limits: DayLimits

    @property
    def price(self) -> float:
        return max(self.charge, LEAST)


def problem(seed: int, *, minima: bool, pools: bool, subsidised: bool) -> Problem:
    """Random groups that overlap, with maxima; minima and largest shares too where wanted.

    A plan in proportion to reach keeps the minima.
    """
    rng = np.random.default_rng(seed)
    items, groups = int(rng.integers(4, 16)), int(rng.integers(1, 5))
    pool = np.r_[0, rng.integers(0, 3, items - 1)]
    supply = rng.uniform(200, 2000, 3)
    reach = supply[pool] * rng.uniform(0.2, 1, items)
    budget = rng.uniform(0.5, 20)
    members = rng.random((groups, items)) < 0.4
    members[np.arange(groups), rng.integers(0, items, groups)] = True
    plan = rng.uniform(0.1, 1, items)
    plan *= rng.uniform(0.2, 0.9) * budget / plan.sum()
    own = members @ plan
    least = np.where(rng.random(items) < 0.3, rng.uniform(0, 1, items) * plan, 0.0)
    low = np.where(rng.random(groups) < 0.4, rng.uniform(0.2, 1, groups) * own, 0.0)
    share = np.where(rng.random(groups) < 0.4, own / plan.sum() * 1.05, 1.0)
    high = np.where(rng.random(groups) < 0.7, own * rng.uniform(1, 3, groups), np.inf)
    most = np.where(rng.random(items) < 0.5, plan * rng.uniform(1, 5, items), np.inf)
    worth = rng.normal(0.01, 0.01, items)
    return Problem(
        pool=pool,
        worth=np.abs(worth) if minima else worth,
        cost=rng.uniform(0.002, 0.01, items),
        reach=reach,
        supply=supply * rng.choice([0.1, 0.5, 1.0]) if pools else np.full(3, 1e9),
        budget=budget,
        most=most,
        subsidy=rng.uniform(0, 0.01, items) * subsidised,
        charge=float(rng.integers(0, 2)),
        limits=DayLimits(
            least * minima, members, low * minima, high, share if minima else np.ones(groups)
        ),
    )


def convex(seed: int) -> Problem:
    """Maxima with pools and subsidy, or minima too without either."""
    if seed % 2:
        return problem(seed, minima=True, pools=False, subsidised=False)
    return problem(seed, minima=False, pools=True, subsidised=seed % 4 == 0)


def solve(p: Problem, saturation: Saturation, **changes: object) -> Split:
    p = replace(p, **changes)
    allocator = Allocator(Grouping.of(p.pool, len(p.supply)), p.charge, saturation)
    money = np.array([p.budget])
    return allocator.split(
        *(p.worth, p.cost, p.reach, p.supply, money, p.most),
        subsidy=p.subsidy,
        limits=p.limits,
    )


def value(p: Problem, split: Split) -> float:
    return float(p.worth @ split.impressions[0] - p.price * split.spend[0].sum())


def violation(p: Problem, split: Split, *, minima: float = 1.0) -> float:
    """By how much the worst limit is broken, over the budget (pools: over their supply)."""
    x, y, limits = split.spend[0], split.impressions[0], p.limits
    used = limits.groups @ x
    over = [
        x.sum() + p.subsidy @ y - p.budget,
        *(x - p.most),
        *(minima * limits.min_spend - x),
        *(used - limits.group_max),
        *(minima * limits.group_min - used),
        *(used - limits.max_share * x.sum()),
    ]
    pooled = np.bincount(p.pool, y, len(p.supply)) / p.supply - 1
    return max(max(over) / p.budget, float(pooled.max()))


def by_conic_solver(p: Problem, saturation: Saturation) -> float:
    """The best value. Shares of reach may stay below their curve: where it is convex none does."""
    limits, items = p.limits, len(p.worth)
    ratio, share = cp.Variable(items, nonneg=True), cp.Variable(items, nonneg=True)
    if saturation.family == "exponential":
        curve = 1 - cp.exp(-ratio)
    elif saturation.family == "michaelis_menten":
        curve = 1 - cp.inv_pos(1 + ratio)
    else:
        curve = 1 - cp.inv_pos(1 + cp.power(ratio, saturation.slope, approx=False))
    x, y = cp.multiply(p.cost * p.reach, ratio), cp.multiply(p.reach, share)
    used = limits.groups.astype(float) @ x
    kept = [
        share <= curve,
        cp.sum(x + cp.multiply(p.subsidy, y)) <= p.budget,
        cp.multiply(1 / p.supply, np.eye(len(p.supply))[p.pool].T @ y) <= 1,
        x >= limits.min_spend,
        used >= limits.group_min,
        used <= limits.max_share * cp.sum(x),
    ]
    for limit, of in ((p.most, x), (limits.group_max, used)):
        if np.isfinite(limit).any():
            kept.append(of[np.isfinite(limit)] <= limit[np.isfinite(limit)])
    found = cp.Problem(cp.Maximize(p.worth @ y - p.price * cp.sum(x)), kept)
    found.solve(solver=cp.CLARABEL)
    assert found.status == "optimal"
    return float(found.value)


def check_against_conic_solver(seed: int) -> None:
    p, saturation = convex(seed), CONVEX[seed % 3]
    split = solve(p, saturation)
    assert violation(p, split) <= 1e-9
    assert value(p, split) == pytest.approx(by_conic_solver(p, saturation), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("seed", range(40))
def test_the_value_is_that_of_a_conic_solver(seed: int) -> None:
    check_against_conic_solver(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 300))
def test_the_value_is_that_of_a_conic_solver_everywhere(seed: int) -> None:
    check_against_conic_solver(seed)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CONVEX))
def test_where_the_problem_is_concave_the_gap_is_a_rounding_error(
    seed: int, saturation: Saturation
) -> None:
    p = convex(seed)
    split = solve(p, saturation)
    assert violation(p, split) <= 1e-9
    assert split.gap is not None
    assert 0 <= split.gap[0] <= 1e-9 * max(abs(value(p, split)), p.price * p.budget, 1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CONVEX), st.booleans())
def test_every_plan_keeps_its_limits(seed: int, saturation: Saturation, subsidised: bool) -> None:
    """Minima before supply: what they alone overfill a pool with is cut by the pool."""
    p = problem(seed, minima=True, pools=True, subsidised=subsidised)
    split = solve(p, saturation)
    part = 1.0
    needed = p.limits.min_spend.sum() + p.limits.group_min.sum()
    if subsidised and needed > 0:  # the budget need not cover the subsidy of minima
        kept = split.spend[0][p.limits.min_spend > 0] / p.limits.min_spend[p.limits.min_spend > 0]
        used = p.limits.groups @ split.spend[0]
        low = p.limits.group_min
        part = min([1.0, *kept, *(used[low > 0] / low[low > 0])])
    assert violation(p, split, minima=part) <= 1e-9
    assert np.isfinite(split.gap).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_above_all_that_a_grid_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = Problem(
        pool=np.zeros(3, dtype=int),
        worth=rng.uniform(0.005, 0.03, 3),
        cost=rng.uniform(0.002, 0.01, 3),
        reach=rng.uniform(200, 600, 3),
        supply=np.array([rng.uniform(200, 500)]),
        budget=3.0,
        most=np.full(3, 2.0),
        subsidy=rng.uniform(0, 0.004, 3) * (seed % 2),
        charge=1.0,
        limits=DayLimits(
            np.array([0.3, 0.0, 0.0]),
            np.array([[True, True, False], [False, True, True]]),
            np.array([0.8, 0.0]),
            np.array([np.inf, 1.9]),
            np.array([1.0, 0.7]),
        ),
    )
    split = solve(p, CONVEX[seed % 3])
    best = -np.inf
    for x in product(np.linspace(0, 2, 21), repeat=3):
        spend = np.array(x)
        shown = response.impressions(spend, p.cost, p.reach, CONVEX[seed % 3])
        tried = Split(spend[None], shown[None], np.zeros(1), np.zeros((1, 1)))
        if violation(p, tried) <= 1e-9:
            best = max(best, value(p, tried))
    assert violation(p, split) <= 1e-9
    assert split.gap is not None
    assert value(p, split) + split.gap[0] >= best
    assert value(p, split) >= best - 1e-9 * abs(best)


def test_prices_are_what_the_optimum_gains_by_a_looser_limit() -> None:
    p = replace(
        problem(5, minima=True, pools=False, subsidised=False),
        budget=4.0,
        most=np.full(11, 1.2),
        worth=np.linspace(0.004, 0.03, 11),
        cost=np.full(11, 0.004),
        reach=np.full(11, 300.0),
        pool=np.zeros(11, dtype=int),
        subsidy=np.zeros(11),
        charge=1.0,
        limits=DayLimits(
            np.r_[0.3, np.zeros(10)],
            np.array([np.arange(11) > 8, np.arange(11) < 4, np.arange(11) > 5]),
            np.array([0.0, 1.0, 0.0]),
            np.array([0.5, np.inf, np.inf]),
            np.array([1.0, 1.0, 0.6]),
        ),
    )
    split, step = solve(p, CONVEX[0]), 1e-5
    group, item = split.group_price, split.item_price
    assert group is not None
    assert item is not None
    assert split.share_price is not None

    def gain(**looser: np.ndarray) -> float:
        limits = replace(p.limits, **looser)
        return (value(p, solve(p, CONVEX[0], limits=limits)) - value(p, split)) / step

    one = np.eye(3)
    assert group[0, 0] > 0 > group[0, 1]
    assert gain(group_max=p.limits.group_max + step * one[0]) == pytest.approx(
        group[0, 0], rel=1e-3
    )
    assert gain(group_min=p.limits.group_min + step * one[1]) == pytest.approx(
        group[0, 1], rel=1e-3
    )
    assert gain(min_spend=p.limits.min_spend + step * np.eye(11)[0]) == pytest.approx(
        item[0, 0], rel=1e-3
    )
    more = value(p, solve(p, CONVEX[0], budget=p.budget + step)) - value(p, split)
    assert more / step == pytest.approx(split.budget_price[0], rel=1e-3, abs=1e-4)
    assert split.share_price[0, 2] >= 0 == split.share_price[0, 0]


def test_without_limits_the_split_is_the_usual_one() -> None:
    p = problem(4, minima=False, pools=True, subsidised=True)
    none = DayLimits.none(len(p.worth))
    allocator = Allocator(Grouping.of(p.pool, 3), p.charge)
    given = (p.worth, p.cost, p.reach, p.supply, np.array([p.budget]), p.most)
    usual = allocator.split(*given, subsidy=p.subsidy)
    limited = allocator.split(*given, subsidy=p.subsidy, limits=none)
    np.testing.assert_allclose(limited.spend, usual.spend, atol=1e-7 * p.budget)
    np.testing.assert_allclose(limited.pool_price, usual.pool_price, atol=1e-9)


def test_a_flight_is_the_same_alone_and_in_a_batch() -> None:
    p = problem(7, minima=True, pools=True, subsidised=False)
    allocator = Allocator(Grouping.of(p.pool, 3), p.charge)
    money = p.budget * np.array([0.7, 1.0, 1.3])
    given = (p.worth, p.cost, p.reach, p.supply)
    together = allocator.split(*given, money, p.most, limits=p.limits)
    for n in range(3):
        alone = allocator.split(*given, money[n : n + 1], p.most, limits=p.limits)
        np.testing.assert_array_equal(alone.spend[0], together.spend[n])


def test_a_line_item_worth_nothing_still_spends_its_minimum() -> None:
    p = problem(1, minima=True, pools=False, subsidised=False)
    least = np.zeros(len(p.worth))
    least[0] = 0.01 * p.budget
    limits = replace(DayLimits.none(len(p.worth)), min_spend=least)
    worth = p.worth.copy()
    worth[:2] = -0.01
    split = solve(p, CONVEX[0], worth=worth, limits=limits, most=np.full(len(worth), np.inf))
    assert split.spend[0, 0] == pytest.approx(least[0], rel=1e-12)
    assert split.spend[0, 1] == 0


def test_minima_beyond_the_money_are_scaled_down_by_one_factor() -> None:
    p = problem(1, minima=False, pools=False, subsidised=False)
    items = len(p.worth)
    least = np.linspace(0.5, 1.5, items)
    limits = replace(DayLimits.none(items), min_spend=least * 2 * p.budget / least.sum())
    split = solve(p, CONVEX[0], limits=limits, most=np.full(items, np.inf))
    np.testing.assert_allclose(split.spend[0], limits.min_spend / 2, rtol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_all_money_is_spent_where_it_must_be(seed: int) -> None:
    p = problem(seed, minima=False, pools=False, subsidised=False)
    limits = replace(DayLimits.none(len(p.worth)), spend_all=True)
    free = np.full(len(p.worth), np.inf)
    split = solve(p, CONVEX[0], limits=limits, most=free, worth=p.worth * 0.1, charge=1.0)
    assert split.spend.sum() == pytest.approx(p.budget, rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_small_changes_are_dropped_and_limits_still_hold(seed: int) -> None:
    p = problem(seed, minima=True, pools=False, subsidised=False)
    exact = solve(p, CONVEX[0])
    rng = np.random.default_rng(seed)
    now = exact.spend[0] * rng.uniform(0.97, 1.03, len(p.worth))
    limits = replace(p.limits, min_change=0.05, current=now)
    split = solve(p, CONVEX[0], limits=limits)
    assert violation(p, split) <= 1e-9
    assert (split.spend[0] == now).any()
    moved = split.spend[0] != now
    np.testing.assert_array_equal(split.spend[0][moved], exact.spend[0][moved])
    assert split.gap is not None
    assert value(p, split) + split.gap[0] == pytest.approx(value(p, exact), rel=1e-9)


def by_dynamic_programming(p: Problem, saturation: Saturation, steps: int = 400) -> float:
    """The best value on a grid of money, line item by line item, each from its least on."""
    money = np.linspace(0, p.budget, steps + 1)
    best = np.zeros(steps + 1)
    for w, c, r, top, least in zip(
        p.worth, p.cost, p.reach, p.most, p.limits.min_spend, strict=True
    ):
        x = np.minimum(money, top)
        gain = w * response.impressions(x, np.array(c), np.array(r), saturation) - p.price * x
        gain = np.maximum.accumulate(np.where(x >= least, gain, -np.inf))
        with_it = np.full(steps + 1, -np.inf)
        for b in range(steps + 1):
            with_it[b:] = np.maximum(with_it[b:], best[: steps + 1 - b] + gain[b])
        best = with_it
    return float(best[-1])


@pytest.mark.parametrize("seed", range(12))
def test_s_shaped_line_items_with_bounds_are_worth_what_dynamic_programming_finds(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    items = int(rng.integers(3, 9))
    cost, reach = rng.uniform(0.002, 0.01, items), rng.uniform(100, 1500, items)
    budget = rng.uniform(0.2, 0.8) * (cost * reach).sum()
    most = np.where(rng.random(items) < 0.3, rng.uniform(0.3, 2, items) * cost * reach, np.inf)
    least = np.where(rng.random(items) < 0.4, rng.uniform(0, 0.15, items), 0.0)
    least = np.minimum(least * budget, most)
    p = Problem(
        pool=np.zeros(items, dtype=int),
        worth=np.abs(rng.normal(0.02, 0.01, items)),
        cost=cost,
        reach=reach,
        supply=np.array([1e9]),
        budget=budget,
        most=most,
        subsidy=np.zeros(items),
        charge=1.0,
        limits=replace(DayLimits.none(items), min_spend=least),
    )
    saturation = Saturation("hill", (1.2, 1.5, 2.0)[seed % 3])
    split = solve(p, saturation)
    best = by_dynamic_programming(p, saturation)
    assert violation(p, split) <= 1e-9
    assert value(p, split) >= best - 0.005 * abs(best)
    assert split.gap is not None
    assert value(p, split) + split.gap[0] >= best - 1e-9 * abs(best)
