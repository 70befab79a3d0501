"""What each limit costs, in the objective: the plan again without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from promopilot.envs.errors import InfeasibleError
from promopilot.envs.world import World
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.scenarios.next_unit import next_unit
from promopilot.experiments.scenarios.planner import Planner, cents
from promopilot.experiments.scenarios.touched import NEAR, Limit, budget_limit, maxima
from promopilot.experiments.scenarios.touched_own import own_limits

LIMIT_COSTS = "limit_costs.json"  # of a run's own plan
SHOWN = 10  # of those that cost most
_MANY_CELLS = 10_000  # days x line items: with limits such a plan takes up to a minute
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
        are no amounts); `refused`: why no plan was found without it, None where there is one.
    """
    world = planner.world
    own = float(planner.expected(world.budget).objective(world.objective)[0])
    found, limits = list[dict[str, Any]](), list(_touched(planner))
    for done, limit in enumerate(limits):
        progress("what limits cost", done / len(limits))
        row: dict[str, Any] = {"limit": limit.name, "cost": None, "per_unit": None}
        row |= {"unit": limit.unit or None, "refused": None}
        try:
            cost = _gain(planner, limit.without, own)
            each = _per_unit(planner, limit, own)
        except InfeasibleError as error:
            found.append(row | {"unit": None, "refused": str(error)})
            continue
        most = max(cost or 0.0, (each or 0.0) * max(limit.amount, 1.0))
        if most > _NOTHING * abs(own):
            row["cost"] = None if cost is None else cents(cost)
            row["per_unit"] = None if each is None else round(each, 4)
            found.append(row)
    found.sort(key=_dearest_first)
    return found[:SHOWN]


def write_limit_costs(
    planner: Planner, folder: Path, progress: Callable[[str, float], None]
) -> None:
    """Write `limit_costs.json`: what each limit costs the run's own plan.

    Nothing is written where that would take long, as the plan of a large market under limits of
    the analyst's own does once for every limit: `promopilot scenarios` works it out when asked.

    Args:
        planner: The run's.
        folder: Where to.
        progress: Told the share done.
    """
    world = planner.world
    if world.limits is not None and world.live.size > _MANY_CELLS:
        return
    document = {"objective": world.objective, "limits": limit_costs(planner, progress)}
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    write_text_atomic(folder / LIMIT_COSTS, text)


def read_limit_costs(run: Path) -> dict[str, Any]:
    """What `write_limit_costs` wrote into a run; empty where it wrote nothing."""
    path = run / LIMIT_COSTS
    if not path.is_file():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _dearest_first(row: dict[str, Any]) -> tuple[bool, float]:
    """What has no end before all others, and what could not be planned behind them."""
    cost = row["cost"]
    return row["refused"] is not None, float("-inf") if cost is None else -cost


def _touched(planner: Planner) -> Iterator[Limit]:
    """The limits that the plan of the run's budget touches, each dropped from that plan's world."""
    asked, budget = planner.world, planner.world.budget
    # A target may be stricter there than asked for, so that the test flights meet it.
    world, table = planner.world_of(budget), planner.table(budget)
    outlay = planner.expected(budget).outlay(world.covers)
    if outlay >= (budget - world.initial.spent) * (1 - NEAR):
        yield budget_limit(world)
    yield from maxima(world, table)
    yield from own_limits(world, table, None if asked.limits is None else asked.limits.target)


def _gain(planner: Planner, world: World | None, own: float) -> float | None:
    return None if world is None else planner.value(world) - own


def _per_unit(planner: Planner, limit: Limit, own: float) -> float | None:
    """What 1.00 of a limit brings; of the budget, what its next unit does."""
    if limit.unit and limit.looser is None:
        following = next_unit(planner, planner.world.budget)
        return None if following is None else following.objective
    gain = _gain(planner, limit.looser, own)
    return None if gain is None else gain / limit.amount
