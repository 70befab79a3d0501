"""Why a row of the plan changes, in one line each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.world import World
from promopilot.experiments.plan.reference import Table

# The budget counts as used up when less than this share is left.
_USED = 1e-4
_DAY, _FLIGHT, _POOL, _OWN = "day budget", "flight budget", "pool supply", "own maximum"


def binding_limits(world: World, table: Table) -> np.ndarray:
    """What keeps each row `[D, L]` from more money, as text; empty where nothing does."""
    by_day = table.spend.sum(axis=1, keepdims=True)
    limits = np.full(table.spend.shape, "", dtype=object)
    if table.spend.sum() >= world.budget * (1 - _USED):
        limits[:] = _FLIGHT
    limits[np.broadcast_to(by_day >= world.per_day_max * (1 - _USED), limits.shape)] = _DAY
    limits[table.pool_full] = _POOL
    limits[table.spend >= world.max_spend - 0.01] = _OWN
    return limits


def reasons(plan: pd.DataFrame) -> list[str]:
    """One line per row from its budgets, its limit and the profit of its next unit of money."""
    return [
        _reason(*row)
        for row in zip(
            plan["planned_budget"],
            plan["current_budget"],
            plan["marginal_poas"],
            plan["binding_limit"],
            plan["currency"],
            strict=True,
        )
    ]


def _reason(planned: float, current: float, marginal: float, limit: str, currency: str) -> str:
    next_unit = f"the next 1.00 {currency} would bring {marginal:.2f} profit"
    at_limit = {
        _POOL: "; every impression of the placement is used",
        _DAY: "; the day's budget is used",
        _FLIGHT: "; the budget is used",
        _OWN: "; it is at its maximum",
        "": "",
    }[limit]
    if planned == current == 0:
        return f"not funded: {next_unit}{at_limit}"
    if planned == 0:
        return f"stopped: {next_unit}{at_limit}"
    if current == 0:
        return f"new: {next_unit}{at_limit}"
    if abs(planned - current) < 0.005:
        return f"unchanged: {next_unit}{at_limit}"
    return f"{'raised' if planned > current else 'lowered'}: {next_unit}{at_limit}"
