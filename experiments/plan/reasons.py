"""Why a row of the plan changes, in one line each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.plan.reference import Table

# The budget counts as used up when less than this share is left.
_USED = 1e-4
_DAY, _FLIGHT, _POOL, _OWN = "day budget", "flight budget", "pool supply", "own maximum"


def binding_limits(world: World, table: Table, worth: Floats) -> np.ndarray:
    """What keeps each row `[D, L]` from more money, as text.

    Empty where nothing does, and where the next unit of money would not bring back what the
    objective charges for it: no limit is needed to keep money from there.

    Args:
        world: The plan's market.
        table: What is spent.
        worth: What the objective pays for the next unit of money `[D, L]`.
    """
    by_day = table.spend.sum(axis=1, keepdims=True)
    limits = np.full(table.spend.shape, "", dtype=object)
    if table.spend.sum() >= world.budget * (1 - _USED):
        limits[:] = _FLIGHT
    limits[np.broadcast_to(by_day >= world.per_day_max * (1 - _USED), limits.shape)] = _DAY
    limits[table.pool_full] = _POOL
    limits[table.spend >= world.max_spend - 0.01] = _OWN
    limits[worth <= world.catalog.worth(world.objective)[1]] = ""
    return limits


def reasons(plan: pd.DataFrame) -> list[str]:
    """One line per row from its budgets, its limit and the profit of its next unit of money."""
    columns = ("planned_budget", "current_budget", "marginal_poas", "binding_limit", "currency")
    return [_reason(*row) for row in zip(*(plan[name] for name in columns), strict=True)]


_AT_LIMIT = {
    _POOL: "; every impression of the placement is used",
    _DAY: "; the day's budget is used",
    _FLIGHT: "; the budget is used",
    _OWN: "; it is at its maximum",
    "": "",
}


def _reason(planned: float, current: float, marginal: float, limit: str, currency: str) -> str:
    text = f"the next 1.00 {currency} would bring {marginal:.2f} profit{_AT_LIMIT[limit]}"
    if planned == current == 0:
        return f"not funded: {text}"
    if planned == 0:
        return f"stopped: {text}"
    if current == 0:
        return f"new: {text}"
    if abs(planned - current) < 0.005:
        return f"unchanged: {text}"
    return f"{'raised' if planned > current else 'lowered'}: {text}"
