import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from promopilot.envs import response
from promopilot.envs.allocator import Allocator
from promopilot.envs.grouping import Grouping

ITEMS, POOLS = 12, 3


def problem(seed: int, spend_weight: float, bounded: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    pool = np.r_[np.arange(POOLS), rng.integers(0, POOLS, ITEMS - POOLS)]
    supply = rng.uniform(200, 2000, POOLS)
    return {
        "pool": pool,
        "worth": rng.normal(0.01, 0.01, (2, ITEMS)),
        "unit_cost": rng.uniform(0.002, 0.01, (2, ITEMS)),
        "reach": supply[pool] * rng.uniform(0.2, 1.0, ITEMS),
        "supply": supply,
        "budget": rng.uniform(0.5, 20, 2),
        "max_spend": rng.uniform(0.1, 3, ITEMS) if bounded else np.full(ITEMS, np.inf),
        "spend_weight": np.array(spend_weight),
    }


def solve(p: dict[str, np.ndarray]):
    allocator = Allocator(Grouping.of(p["pool"], POOLS), float(p["spend_weight"]))
    names = ("worth", "unit_cost", "reach", "supply", "budget", "max_spend")
    return allocator.split(*(p[name] for name in names))


problems = st.builds(problem, st.integers(0, 10_000), st.sampled_from([0.0, 1.0]), st.booleans())


@settings(max_examples=150, deadline=None)
@given(problems)
def test_limits_hold_exactly(p: dict[str, np.ndarray]) -> None:
    split = solve(p)
    pooled = Grouping.of(p["pool"], POOLS).sum(split.impressions)
    assert (split.spend >= 0).all()
    assert (split.spend.sum(axis=1) <= p["budget"] * (1 + 1e-12)).all()
    assert (pooled <= p["supply"] * (1 + 1e-12)).all()
    assert (split.spend <= p["max_spend"] * (1 + 1e-9)).all()
    assert (split.spend[p["worth"] <= 0] == 0).all()


@settings(max_examples=150, deadline=None)
@given(problems)
def test_the_split_is_optimal_by_its_own_duals(p: dict[str, np.ndarray]) -> None:
    """The dual function at the returned prices bounds every feasible value from above."""
    split = solve(p)
    k = max(float(p["spend_weight"]), 1e-6)  # money is never worth less to the allocator
    for n in range(2):
        w, c, r = p["worth"][n], p["unit_cost"][n], p["reach"]
        value = (w * split.impressions[n]).sum() - k * split.spend[n].sum()
        price = k + split.budget_price[n]
        mu = split.pool_price[n]
        net = w - mu[p["pool"]]
        top = response.impressions(np.minimum(p["max_spend"], 1e300), c, r)
        best = np.where(
            net > c * price, np.minimum(r * (1 - c * price / np.maximum(net, c * price)), top), 0
        )
        lagrangian = (net * best - price * response.cost(best, c, r)).sum()
        bound = lagrangian + (price - k) * p["budget"][n] + (mu * p["supply"]).sum()
        assert bound - value <= 1e-7 * max(1.0, abs(value))


@pytest.mark.parametrize("seed", range(6))
def test_no_general_solver_finds_more(seed: int) -> None:
    p = problem(seed, 1.0, bounded=seed % 2 == 0)
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


def test_a_budget_nobody_can_use_stays_unspent() -> None:
    p = problem(1, 1.0, bounded=False) | {"budget": np.array([1e6, 1e6])}
    split = solve(p)
    assert (split.budget_price == 0).all()
    assert (split.spend.sum(axis=1) < 1e6).all()


def test_equal_line_items_get_equal_money() -> None:
    p = problem(0, 1.0, bounded=False)
    p |= {"worth": np.full((2, ITEMS), 0.02), "unit_cost": np.full((2, ITEMS), 0.005)}
    p |= {"reach": np.full(ITEMS, 100.0), "supply": np.full(POOLS, 1e6), "budget": np.ones(2)}
    np.testing.assert_allclose(solve(p).spend, 1 / ITEMS, rtol=1e-9)
