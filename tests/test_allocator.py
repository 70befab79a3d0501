from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from promopilot.agents.static_optimum import StaticOptimum
from promopilot.envs import response
from promopilot.envs.allocator import Allocator, Split
from promopilot.envs.grouping import Grouping
from promopilot.envs.response import Saturation
from promopilot.envs.split.flights import split_flights
from tests.worlds import calm_world

ITEMS, POOLS = 12, 3
CONVEX = (Saturation(), Saturation("michaelis_menten"), Saturation("hill", 0.7))
S_SHAPED = (Saturation("hill", 1.3), Saturation("hill", 3.0))
LEAST = 1e-6  # money is never worth less to the allocator
NAMES = ("worth", "unit_cost", "reach", "supply", "budget", "max_spend", "max_impressions")

Problem = dict[str, np.ndarray]


def problem(seed: int, spend_weight: float, bounded: bool, subsidised: bool = False) -> Problem:
    rng = np.random.default_rng(seed)
    pool = np.r_[np.arange(POOLS), rng.integers(0, POOLS, ITEMS - POOLS)]
    supply = rng.uniform(200, 2000, POOLS)
    p = {
        "pool": pool,
        "worth": rng.normal(0.01, 0.01, (2, ITEMS)),
        "unit_cost": rng.uniform(0.002, 0.01, (2, ITEMS)),
        "reach": supply[pool] * rng.uniform(0.2, 1.0, ITEMS),
        "supply": supply,
        "budget": rng.uniform(0.5, 20, 2),
        "max_spend": rng.uniform(0.1, 3, ITEMS) if bounded else np.full(ITEMS, np.inf),
        "spend_weight": np.array(spend_weight),
    }
    some = rng.uniform(0, 1, (2, ITEMS)) < 0.3
    p["max_impressions"] = np.where(some & bounded, rng.uniform(5, 100, (2, ITEMS)), np.inf)
    p["subsidy"] = rng.uniform(0, 0.01, (2, ITEMS)) * subsidised
    return p


def solve(p: Problem, saturation: Saturation = CONVEX[0]) -> Split:
    pools = Grouping.of(p["pool"], p["supply"].shape[-1])
    allocator = Allocator(pools, float(p["spend_weight"]), saturation)
    return allocator.split(*(p[name] for name in NAMES), subsidy=p["subsidy"])


def value(p: Problem, split: Split) -> np.ndarray:
    k = max(float(p["spend_weight"]), LEAST)
    return (p["worth"] * split.impressions).sum(axis=1) - k * split.spend.sum(axis=1)


def check_limits(p: Problem, split: Split, saturation: Saturation) -> None:
    for of in (split.spend, split.impressions, split.budget_price, split.pool_price):
        assert np.isfinite(of).all()
        assert (of >= 0).all()
    pooled = Grouping.of(p["pool"], p["supply"].shape[-1]).sum(split.impressions)
    outlay = (split.spend + p["subsidy"] * split.impressions).sum(axis=1)
    assert (outlay <= p["budget"] * (1 + 1e-12)).all()
    assert (pooled <= p["supply"] * (1 + 1e-12)).all()
    assert (split.spend <= p["max_spend"]).all()
    assert (split.impressions <= p["max_impressions"]).all()
    assert (np.where(p["worth"] <= 0, split.spend, 0.0) == 0).all()
    c, r = (np.broadcast_to(p[name], split.spend.shape) for name in ("unit_cost", "reach"))
    paid = response.cost(split.impressions, c, r, saturation)
    np.testing.assert_allclose(split.spend, paid, rtol=1e-8, atol=1e-12 * p["budget"].max())


problems = st.builds(
    problem, st.integers(0, 10_000), st.sampled_from([0.0, 1.0]), st.booleans(), st.booleans()
)


@settings(max_examples=150, deadline=None)
@given(problems, st.sampled_from(CONVEX + S_SHAPED))
def test_limits_hold_exactly(p: Problem, saturation: Saturation) -> None:
    check_limits(p, solve(p, saturation), saturation)


def most(net: np.ndarray, price: float, c: np.ndarray, r: np.ndarray, top: np.ndarray, curve):
    """Per line item the largest net y - price x(y), y in 0..top, by halving the marginal cost."""
    low, high = np.zeros_like(top), top.copy()
    for _ in range(200):
        middle = (low + high) / 2
        more = price * response.marginal_cost(middle, c, r, curve) < net
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.maximum(net * low - price * response.cost(low, c, r, curve), 0.0)


@settings(max_examples=200, deadline=None)
@given(problems, st.sampled_from(CONVEX))
def test_the_split_is_optimal_by_its_own_duals(p: Problem, saturation: Saturation) -> None:
    """The dual function at the returned prices bounds every feasible value from above."""
    split = solve(p, saturation)
    k = max(float(p["spend_weight"]), LEAST)
    values = value(p, split)
    for n in range(2):
        c, r = p["unit_cost"][n], p["reach"]
        extra, mu = split.budget_price[n], split.pool_price[n]
        top = response.impressions(np.minimum(p["max_spend"], 1e300), c, r, saturation)
        top = np.minimum(np.minimum(top, response.FULL * r), p["max_impressions"][n])
        net = p["worth"][n] - mu[p["pool"]] - extra * p["subsidy"][n]
        lagrangian = most(net, k + extra, c, r, top, saturation).sum()
        bound = lagrangian + extra * p["budget"][n] + (mu * p["supply"]).sum()
        assert bound - values[n] <= 1e-9 * values[n]


@pytest.mark.parametrize("seed", range(6))
def test_no_general_solver_finds_more(seed: int) -> None:
    p = problem(seed, 1.0, bounded=seed % 2 == 0)
    p["max_impressions"] = np.full((2, ITEMS), np.inf)
    split = solve(p)
    w, c, r = p["worth"][0], p["unit_cost"][0], p["reach"]
    member = np.eye(POOLS)[p["pool"]]
    top = np.minimum(p["max_spend"], 50.0)

    def loss(x: np.ndarray) -> float:
        return float(x.sum() - (w * response.impressions(x, c, r)).sum())

    found = minimize(
        loss,
        np.minimum(np.full(ITEMS, p["budget"][0] / ITEMS / 2), top),
        bounds=[(0, t) for t in top],
        constraints=[
            {"type": "ineq", "fun": lambda x: p["budget"][0] - x.sum()},
            {"type": "ineq", "fun": lambda x: p["supply"] - response.impressions(x, c, r) @ member},
        ],
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert -loss(split.spend[0]) >= -found.fun - 1e-6


def by_conic_solver(p: Problem, saturation: Saturation) -> float:
    """The first flight's best value. Shares of reach may stay below their curve: that is convex."""
    w, c, s = p["worth"][0], p["unit_cost"][0], p["subsidy"][0]
    r, k, budget = p["reach"], max(float(p["spend_weight"]), LEAST), p["budget"][0]
    ratio, share = cp.Variable(len(w), nonneg=True), cp.Variable(len(w), nonneg=True)
    if saturation.family == "exponential":
        curve = 1 - cp.exp(-ratio)
    elif saturation.family == "michaelis_menten":
        curve = 1 - cp.inv_pos(1 + ratio)
    else:
        curve = 1 - cp.inv_pos(1 + cp.power(ratio, saturation.slope, approx=False))
    spend, bought = cp.multiply(c * r, ratio), cp.multiply(r, share)
    member = np.eye(len(p["supply"]))[p["pool"]]
    limits = [
        share <= curve,
        cp.sum(spend + cp.multiply(s, bought)) <= budget,
        cp.multiply(1 / p["supply"], member.T @ bought) <= 1,
    ]
    for limit, of in ((p["max_spend"], spend), (p["max_impressions"][0], bought)):
        if np.isfinite(limit).any():
            limits.append(of[np.isfinite(limit)] <= limit[np.isfinite(limit)])
    found = cp.Problem(cp.Maximize(w @ bought - k * cp.sum(spend)), limits)
    found.solve(solver=cp.CLARABEL)
    assert found.status == "optimal"
    return float(found.value)


@pytest.mark.parametrize("saturation", CONVEX, ids=lambda s: s.family)
@pytest.mark.parametrize("seed", range(20))
def test_the_value_is_that_of_a_conic_solver(seed: int, saturation: Saturation) -> None:
    p = problem(seed, float(seed % 4 > 1), bounded=seed % 3 > 0, subsidised=seed % 2 == 0)
    p["supply"] = p["supply"] * (0.1 if seed % 5 < 2 else 1.0)  # so that pools bind
    split = solve(p, saturation)
    check_limits(p, split, saturation)
    assert value(p, split)[0] == pytest.approx(by_conic_solver(p, saturation), rel=1e-6)


def small_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    items = int(rng.integers(2, 9))
    c, r = rng.uniform(0.002, 0.01, items), rng.uniform(100, 1500, items)
    p = {
        "pool": np.zeros(items, dtype=int),
        "worth": rng.normal(0.02, 0.01, (1, items)),
        "unit_cost": c,
        "reach": r,
        "supply": np.array([1e9]),
        "budget": np.array([rng.uniform(0.05, 0.8) * (c * r).sum()]),
        "max_spend": np.where(rng.random(items) < 0.3, rng.uniform(0.3, 2, items) * c * r, np.inf),
        "max_impressions": np.full(items, np.inf),
        "subsidy": rng.uniform(0, 0.01, items) * (seed % 2),
        "spend_weight": np.array(float(seed % 3 > 0)),
    }
    if seed % 5 == 0:  # every line item jumps at the same price
        p |= {"worth": np.full((1, items), 0.03), "unit_cost": np.full(items, 0.004)}
        p |= {"reach": np.full(items, 500.0)}
    return p


def by_dynamic_programming(p: Problem, saturation: Saturation, steps: int = 600) -> float:
    """The best value on a grid of money, line item by line item."""
    k, outlay = max(float(p["spend_weight"]), LEAST), np.linspace(0, p["budget"][0], steps + 1)
    best = np.zeros(steps + 1)
    for w, c, r, s, top in zip(
        p["worth"][0], p["unit_cost"], p["reach"], p["subsidy"], p["max_spend"], strict=True
    ):
        low, high = np.zeros_like(outlay), outlay
        for _ in range(60):  # spend that with its subsidy needs the grid's money
            x = (low + high) / 2
            fits = x + s * response.impressions(x, c, r, saturation) <= outlay
            low, high = np.where(fits, x, low), np.where(fits, high, x)
        x = np.minimum(low, top)
        gain = np.maximum(w * response.impressions(x, c, r, saturation) - k * x, 0.0)
        with_it = best.copy()
        for b in range(steps + 1):
            with_it[b:] = np.maximum(with_it[b:], best[: steps + 1 - b] + gain[b])
        best = with_it
    return float(best[-1])


@pytest.mark.parametrize("seed", range(20))
def test_s_shaped_line_items_are_worth_what_dynamic_programming_finds(seed: int) -> None:
    p = small_problem(seed)
    saturation = Saturation("hill", (1.2, 1.5, 2.0, 3.0)[seed % 4])
    split = solve(p, saturation)
    check_limits(p, split, saturation)
    assert value(p, split)[0] >= 0.995 * by_dynamic_programming(p, saturation)


@pytest.mark.parametrize("seed", range(10))
def test_s_shaped_line_items_in_pools_are_worth_what_a_grid_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c, r = rng.uniform(0.002, 0.01, 4), rng.uniform(100, 1500, 4)
    p = (
        small_problem(seed)
        | {
            "pool": np.array([0, 0, 1, 1]),
            "worth": (rng.uniform(1, 6, 4) * c)[None],
            "unit_cost": c,
            "reach": r,
            "supply": rng.uniform(0.1, 1, 2) * (r[::2] + r[1::2]),
            "budget": np.array([rng.uniform(0.05, 1) * (c * r).sum()]),
            "subsidy": rng.uniform(0, 1, 4) * c * (seed % 2),
        }
        | dict.fromkeys(("max_spend", "max_impressions"), np.full(4, np.inf))
    )
    saturation = S_SHAPED[seed % 2]
    split = solve(p, saturation)
    check_limits(p, split, saturation)
    y = np.linspace(0, 0.999 * np.minimum(r, p["supply"][p["pool"]]), 61)
    x = response.cost(y, c, r, saturation)
    gain = p["worth"] * y - max(float(p["spend_weight"]), LEAST) * x
    needed = x + p["subsidy"] * y
    of_pool = []  # (money, value) of every pair that fits its pool, in the order of money
    for q in range(2):
        a, b = 2 * q, 2 * q + 1
        fits = y[:, None, a] + y[None, :, b] <= p["supply"][q]
        money = (needed[:, None, a] + needed[None, :, b])[fits]
        order = np.argsort(money)
        of_pool.append((money[order], (gain[:, None, a] + gain[None, :, b])[fits][order]))
    (money, first), (rest, second) = of_pool
    at = np.searchsorted(rest, p["budget"] - money, side="right") - 1
    best = (first + np.maximum.accumulate(second)[at])[at >= 0].max()
    assert value(p, split)[0] >= 0.995 * best


def batch(flights: int) -> Problem:
    """Flights that differ in everything that may differ."""
    parts = [problem(seed, 1.0, bounded=True, subsidised=True) for seed in range(flights)]
    rows = {name: np.stack([part[name] for part in parts]) for name in ("reach", "max_spend")}
    rows |= {
        name: np.stack([part[name][0] for part in parts])
        for name in ("worth", "unit_cost", "budget", "max_impressions", "subsidy")
    }
    rows["supply"] = np.stack([part["supply"] * 0.2 for part in parts])
    return rows | {"pool": parts[0]["pool"], "spend_weight": np.array(1.0)}


PER_FLIGHT = (*NAMES, "subsidy")


@pytest.mark.parametrize("saturation", CONVEX + S_SHAPED, ids=lambda s: f"{s.family}{s.slope}")
def test_a_flight_is_the_same_alone_and_in_a_batch(saturation: Saturation) -> None:
    p = batch(9)
    together = solve(p, saturation)
    for n in range(9):
        alone = solve(p | {name: p[name][n : n + 1] for name in PER_FLIGHT}, saturation)
        for name in ("spend", "impressions", "budget_price", "pool_price"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[n])


def test_what_is_the_same_for_all_flights_may_be_given_once() -> None:
    p = batch(3)
    once = [name for name in PER_FLIGHT if name != "budget"]
    p |= {name: p[name][0] for name in once}
    tiled = p | {name: np.tile(p[name], (3, 1)) for name in once}
    np.testing.assert_array_equal(solve(p).spend, solve(tiled).spend)


def test_whatever_the_arrays_look_like_one_version_is_compiled() -> None:
    p = batch(3)
    expected = solve(p).spend
    p["worth"] = np.asfortranarray(p["worth"])
    p["reach"].flags.writeable = False
    p["unit_cost"] = np.repeat(p["unit_cost"], 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(solve(p).spend, expected)
    p["budget"] = np.array([1, 2, 3])
    solve(p, S_SHAPED[0])
    assert len(split_flights.signatures) == 1


def test_arrays_of_another_shape_are_refused() -> None:
    p = batch(3)
    with pytest.raises(ValueError, match=r"shape \(2, 12\), not \(3, 12\)"):
        solve(p | {"worth": p["worth"][:2]})


DEGENERATE = {
    "nothing is worth anything": {"worth": np.full((2, ITEMS), -0.01)},
    "worth of exactly zero": {"worth": np.zeros((2, ITEMS))},
    "no reach": {"reach": np.zeros(ITEMS)},
    "no budget": {"budget": np.zeros(2)},
    "no spend allowed": {"max_spend": np.zeros(ITEMS)},
    "no impressions allowed": {"max_impressions": np.zeros(ITEMS)},
    "no supply": {"supply": np.zeros(POOLS)},
    "subsidy takes all": {"subsidy": np.full((2, ITEMS), 1e12)},
}


@pytest.mark.parametrize("saturation", CONVEX + S_SHAPED, ids=lambda s: f"{s.family}{s.slope}")
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("spend_weight", [0.0, 1.0])
def test_where_nothing_can_be_bought_nothing_is(
    case: str, saturation: Saturation, spend_weight: float
) -> None:
    p = problem(3, spend_weight, bounded=False, subsidised=True) | DEGENERATE[case]
    split = solve(p, saturation)
    check_limits(p, split, saturation)
    assert split.spend.max() <= 1e-6


scales = st.integers(-6, 6).map(lambda power: 10.0**power)


@settings(max_examples=150, deadline=None)
@given(
    p=problems,
    saturation=st.sampled_from((*CONVEX, *S_SHAPED, Saturation("hill", 0.05))),
    money=scales,
    impressions=scales,
    uneven=scales,
    share=st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 1e9]),
)
def test_any_range_of_scale_is_solved(
    p: Problem,
    saturation: Saturation,
    money: float,
    impressions: float,
    uneven: float,
    share: float,
) -> None:
    """In other units, with one line item far from the others and any budget."""
    for name in ("worth", "unit_cost", "subsidy"):
        p[name] = p[name] * money / impressions
    for name in ("reach", "supply", "max_impressions"):
        p[name] = p[name] * impressions
    for name in ("budget", "max_spend"):
        p[name] = p[name] * money
    for name in ("worth", "unit_cost", "reach"):
        p[name][..., 0] *= uneven
    p["budget"] = p["budget"] * share
    check_limits(p, solve(p, saturation), saturation)


def few(worth: list[float], unit_cost: float, reach: float, supply: float, budget: list[float]):
    """Line items of one pool that differ in worth at most."""
    items = len(worth)
    return {
        "pool": np.zeros(items, dtype=int),
        "worth": np.array([worth]),
        "unit_cost": np.full(items, unit_cost),
        "reach": np.full(items, reach),
        "supply": np.array([supply]),
        "budget": np.array(budget),
        "max_spend": np.full(items, np.inf),
        "max_impressions": np.full(items, np.inf),
        "subsidy": np.zeros(items),
        "spend_weight": np.array(1.0),
    }


@pytest.mark.parametrize("saturation", CONVEX[:2], ids=lambda s: s.family)
def test_where_one_rounding_error_of_a_price_decides_nothing_is_left_over(
    saturation: Saturation,
) -> None:
    supply = few([1.0, 1.0, 0.5], 1e-18, 1000.0, 100.0, [1.0])
    split = solve(supply, saturation)
    check_limits(supply, split, saturation)
    np.testing.assert_allclose(split.impressions[0], [50.0, 50.0, 0.0], rtol=1e-12)
    budget = few([2.0, 2.0, 1.5], 1.0, 1e15, 1e18, [10.0])
    split = solve(budget, saturation)
    check_limits(budget, split, saturation)
    np.testing.assert_allclose(split.spend[0], [5.0, 5.0, 0.0], rtol=1e-12)


def test_the_budget_holds_where_the_last_impressions_cost_most() -> None:
    p = few([1e14, 1e13], 1.0, 1.0, 10.0, list(np.linspace(1.2e6, 1.9e6, 300)))
    split = solve(p, CONVEX[1])
    check_limits(p, split, CONVEX[1])
    np.testing.assert_allclose(split.spend.sum(axis=1), p["budget"], rtol=1e-5)


def test_a_budget_nobody_can_use_stays_unspent() -> None:
    p = problem(1, 1.0, bounded=False) | {"budget": np.array([1e6, 1e6])}
    split = solve(p)
    assert (split.budget_price == 0).all()
    assert (split.spend.sum(axis=1) < 1e6).all()


@pytest.mark.parametrize("saturation", CONVEX, ids=lambda s: s.family)
@pytest.mark.parametrize("subsidised", [False, True])
def test_the_budgets_price_is_what_a_little_more_budget_brings(
    saturation: Saturation, subsidised: bool
) -> None:
    p = problem(4, 1.0, bounded=False, subsidised=subsidised) | {"budget": np.array([1.0, 2.0])}
    more = p | {"budget": p["budget"] + 1e-5}
    split = solve(p, saturation)
    brings = (value(more, solve(more, saturation)) - value(p, split)) / 1e-5
    assert (split.budget_price > 0).all()
    np.testing.assert_allclose(split.budget_price, brings, rtol=1e-4)


def test_equal_line_items_get_equal_money() -> None:
    p = problem(0, 1.0, bounded=False)
    p |= {"worth": np.full((2, ITEMS), 0.02), "unit_cost": np.full((2, ITEMS), 0.005)}
    p |= {"reach": np.full(ITEMS, 100.0), "supply": np.full(POOLS, 1e6), "budget": np.ones(2)}
    np.testing.assert_allclose(solve(p).spend, 1 / ITEMS, rtol=1e-9)


def test_the_static_optimum_of_a_calm_world_is_the_conic_solvers() -> None:
    world = calm_world()
    catalog = world.catalog
    worth, spend_weight = catalog.worth(world.objective)
    rate = (world.rates.first * world.rates.second).mean(axis=0)
    supply = world.supply[0]
    p = {
        "pool": catalog.pool,
        "worth": (rate * worth[catalog.promotion])[None],
        "unit_cost": world.unit_cost[None],
        "reach": world.reach_share * supply[catalog.pool] * world.live.any(axis=0),
        "supply": supply,
        "budget": np.array([world.budget / world.days]),
        "max_spend": world.max_spend,
        "max_impressions": np.full((1, catalog.num_line_items), np.inf),
        "subsidy": np.zeros((1, catalog.num_line_items)),
        "spend_weight": np.array(spend_weight),
    }
    day = int(np.argmax(world.live.sum(axis=1)))
    assert world.live[day].all()
    spend = StaticOptimum(world).spend(SimpleNamespace(world=world, day=day, num_flights=1))[0]
    bought = response.impressions(spend, world.unit_cost, p["reach"], world.dynamics.saturation)
    found = (p["worth"][0] * bought).sum() - spend_weight * spend.sum()
    best = by_conic_solver(p, world.dynamics.saturation)
    assert found == pytest.approx(best, rel=1e-6)
