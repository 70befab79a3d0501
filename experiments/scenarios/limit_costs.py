"""What each limit costs, in the objective: the plan again without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promopilot.experiments.scenarios.loosened import loosened
from promopilot.experiments.scenarios.planner import Planner, cents

SHOWN = 10  # of those that cost most
_NOTHING = 1e-4  # of the plan's value: so little is the rounding of cents


def limit_costs(planner: Planner, progress: Callable[[str, float], None]) -> list[dict[str, Any]]:
    """The limits that keep the plan from more, the dearest first.

    Args:
        planner: The run's; its own budget is planned for.
        progress: Told the share done.

    Returns:
        Per limit its `limit` in words; `cost`: how much more of the objective the reference flight
        would be expected to bring without it, all others kept (None where the plan would then have
        no end); `per_unit`: the same for 1.00 of it, `unit` saying of what (None for limits that
        are no amounts).
    """
    world = planner.world
    own = planner.expected(world.budget).objective(world.objective)[0]
    found, limits = list[dict[str, Any]](), list(loosened(world, planner.table(world.budget)))
    for done, limit in enumerate(limits):
        progress("scenarios: what limits cost", done / len(limits))
        cost = None if limit.without is None else planner.value(limit.without) - own
        each = None if limit.looser is None else planner.value(limit.looser) - own
        most = max(cost or 0.0, each or 0.0)
        if most <= _NOTHING * abs(own):
            continue
        found.append(
            {
                "limit": limit.name,
                "cost": None if cost is None else cents(float(cost)),
                "per_unit": None if each is None else round(float(each) / limit.amount, 4),
                "unit": limit.unit or None,
            }
        )
    found.sort(key=lambda row: -(row["cost"] if row["cost"] is not None else float("inf")))
    return found[:SHOWN]
