"""How fast the day's split is, alone and against a general solver, and how close under limits.

Problems are random: exponential reach, net profit. Seconds are of one core's work.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from promopilot.experiments.bench.figure import Figure, figure

if TYPE_CHECKING:
    from promopilot.envs.day_limits import DayLimits

_PROMOTIONS, _PLACEMENTS = 20, 14
_PEERS = 3  # problems that the general solver gets: it takes seconds for each


def measure(problems: int = 10_000, limited: int = 200) -> dict[str, Figure]:
    """Measures for some twenty seconds.

    Returns:
        `split_10000_x_40`: problems of 40 line items with a budget and bounds; `slsqp_ratio` and
        `slsqp_shortfall`: one problem of 280 line items against scipy's SLSQP with exact
        gradients, its time over ours and by how much our value is below its, at least 0;
        `limited_ms` and `limited_gap`: the same 280 with maxima, minima and largest shares of
        promotions and placements, per problem, and the largest gap to the bound over the value.
    """
    import numpy as np

    from promopilot.envs.allocator import Allocator
    from promopilot.envs.grouping import Grouping

    rng = np.random.default_rng(0)
    small = Allocator(Grouping.of(np.zeros(40, dtype=np.int64), 1), 1.0)
    many = _drawn(rng, problems, 40)
    seconds = _seconds(lambda: small.split(**many))
    ratios, shortfalls = [], []
    large = Allocator(Grouping.of(np.zeros(280, dtype=np.int64), 1), 1.0)
    for _ in range(_PEERS):
        one = _drawn(rng, 1, 280)
        ours = _seconds(lambda one=one: large.split(**one))
        theirs, value = _slsqp(one)
        split = large.split(**one)
        mine = float((one["worth"] * split.impressions - split.spend).sum())
        ratios.append(theirs / ours)
        shortfalls.append(max(1 - mine / value, 0.0))
    given, limits = _drawn(rng, limited, 280), _limits(rng)
    pools = Grouping.of(np.tile(np.arange(_PLACEMENTS), _PROMOTIONS), _PLACEMENTS)
    given["supply"] = np.full(_PLACEMENTS, 1e9)
    within = Allocator(pools, 1.0)
    took = _seconds(lambda: within.split(**given, limits=limits))
    split = within.split(**given, limits=limits)
    value = (given["worth"] * split.impressions - split.spend).sum(axis=1)
    if split.gap is None:
        raise RuntimeError("limits were given, but the split has no gap to its bound")
    return {
        f"split_{problems}_x_40": figure(seconds, "s", at_most=0.5),
        "slsqp_ratio": figure(float(np.median(ratios)), "x", at_least=100),
        "slsqp_shortfall": figure(max(shortfalls), "of the value", at_most=1e-9),
        "limited_ms": figure(1000 * took / limited, "ms"),
        "limited_gap": figure(
            float((split.gap / np.abs(value)).max()), "of the value", at_most=1e-6
        ),
    }


def _drawn(rng: Any, flights: int, items: int) -> dict[str, Any]:
    import numpy as np

    cost = rng.uniform(0.002, 0.01, (flights, items))
    reach = rng.uniform(200, 2000, (flights, items))
    whole = (cost * reach).sum(axis=1)
    return {
        "worth": rng.uniform(0.5, 5, (flights, items)) * cost,
        "unit_cost": cost,
        "reach": reach,
        "supply": np.full(1, 1e9),
        "budget": whole * rng.uniform(0.05, 0.5, flights),
        "max_spend": rng.uniform(0.1, 2, (flights, items)) * cost * reach,
    }


def _limits(rng: Any) -> DayLimits:
    """Limits of promotions and placements that a plan in proportion keeps at any budget drawn."""
    import numpy as np

    from promopilot.envs.day_limits import DayLimits

    promotion, placement = np.divmod(np.arange(280), _PLACEMENTS)
    groups = np.concatenate(
        [promotion == np.arange(_PROMOTIONS)[:, None], placement == np.arange(_PLACEMENTS)[:, None]]
    )
    low = np.where(np.arange(len(groups)) % 3 == 0, rng.uniform(0.5, 2, len(groups)), 0.0)
    high = np.where(np.arange(len(groups)) % 3 == 1, rng.uniform(10, 60, len(groups)), np.inf)
    share = np.where(np.arange(len(groups)) % 7 == 2, 0.1, 1.0)
    return DayLimits(np.zeros(280), groups, low, high, share)


def _slsqp(one: dict[str, Any]) -> tuple[float, float]:
    """Seconds that scipy's SLSQP takes for a problem, and the value it finds."""
    import numpy as np
    from scipy.optimize import minimize

    worth, cost, reach, top = (
        one[name][0] for name in ("worth", "unit_cost", "reach", "max_spend")
    )
    budget = float(one["budget"][0])

    def loss(x: Any) -> tuple[float, Any]:
        left = np.exp(-x / (cost * reach))
        value = float((worth * reach * (1 - left) - x).sum())
        return -value, 1 - worth / cost * left

    began = time.process_time()
    found = minimize(  # type: ignore[call-overload]
        loss,
        np.minimum(top, budget / len(top)) / 2,
        jac=True,
        bounds=[(0, t) for t in top],
        constraints=[
            {"type": "ineq", "fun": lambda x: budget - x.sum(), "jac": lambda x: -np.ones_like(x)}
        ],
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    return time.process_time() - began, -float(found.fun)


def _seconds(solve: Any, rounds: int = 3) -> float:
    """The shortest of several rounds, after one that compiles."""
    solve()
    took = []
    for _ in range(rounds):
        began = time.process_time()
        solve()
        took.append(time.process_time() - began)
    return min(took)
