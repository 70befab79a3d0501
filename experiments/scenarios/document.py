"""`scenarios.json` and `scenarios.csv` of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.atomic import digest, write_text_atomic
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.whole_cents import mix_in_cents
from promopilot.experiments.scenarios.break_even import break_even
from promopilot.experiments.scenarios.budgets import figures, scenarios
from promopilot.experiments.scenarios.limit_costs import limit_costs
from promopilot.experiments.scenarios.planner import Planner, cents
from promopilot.experiments.scenarios.target import Target
from promopilot.experiments.scenarios.targets import answer
from promopilot.experiments.scenarios.totals import played
from promopilot.experiments.simulation import SIMULATIONS

SCENARIOS = "scenarios.json"


def scenarios_of(
    planner: Planner,
    budgets: Sequence[float],
    targets: Sequence[Target],
    progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """The content of `scenarios.json`.

    Args:
        planner: The run's.
        budgets: In place of the usual grid; empty for that.
        targets: Questions to answer.
        progress: Told the share done of each part.

    Raises:
        InfeasibleError: The limits cannot be kept with the run's own budget.
    """
    world = planner.world
    planner.table(world.budget)
    found = break_even(planner, progress)
    # Nobody stops redeeming today's mix when this budget is used: it fits one that pays for media
    # alone.
    unclosed, mix = replace(world, covers=("spend",)), mix_in_cents(world) / 100
    today = played(unclosed, mix, planner.seed, planner.flights)
    marked = {"run": world.budget}
    if today.planned > 0:
        marked["current_mix"] = today.outlay(world.covers)
    if found.kind in ("crosses", "no_use"):
        marked["break_even"] = found.budget
    rows, refused = scenarios(planner, marked, budgets, progress)
    return {
        "policy": planner.policy,
        "objective": world.objective,
        "currency": world.currency,
        "start": world.start.isoformat(),
        "days": world.days,
        "flights": planner.flights,
        "seed": planner.seed,
        "rests_on": planner.rests_on,
        "budget": world.budget,
        "covers": list(world.covers),
        "has_stock": bool(np.isfinite(world.catalog.stock).any()),  # whether anything can sell out
        "current_mix": figures(today)
        | {"held_for_subsidy": cents(today.outlay(world.covers) - today.planned)},
        "scenarios": [row.as_row() for row in rows],
        # Budgets with which the limits cannot be kept, and why.
        "refused": [{"budget": one.budget, "why": one.why} for one in refused],
        "break_even": {
            "kind": found.kind,
            "budget": found.budget,
            "marginal_poas": found.marginal_poas,
        },
        "targets": [answer(planner, target, progress) for target in targets],
        "limits": limit_costs(planner, progress),
    }


def write_scenarios(document: dict[str, Any], out: Path) -> list[Path]:
    """Write the document to `out` and its budgets as a CSV beside it; return both.

    Raises:
        RunFolderError: `out` cannot be written.
    """
    table = out.with_suffix(".csv")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"cannot write {out}: {(error.strerror or '').lower()}") from error
    write_text_atomic(table, scenarios_csv(document))
    write_text_atomic(out, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return [out, table]


def scenarios_csv(document: dict[str, Any]) -> str:
    """A row per budget; what is missing is empty, and `refused` says why a budget has no plan."""
    refused = [{"budget": one["budget"], "refused": one["why"]} for one in document["refused"]]
    frame = pd.DataFrame([*document["scenarios"], *refused]).sort_values("budget", kind="stable")
    if not refused:
        frame["refused"] = ""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def scenarios_of_run(run: Path) -> dict[str, Any]:
    """What `promopilot scenarios` wrote of a run as it is now; empty where of an earlier one."""
    document, found = read_scenarios(run), run / SIMULATIONS
    own = found.is_file() and document.get("rests_on") == digest(found)
    # What an earlier version wrote says less.
    told = own and all("marginal_net_profit" in row for row in document["scenarios"])
    return document if told else {}


def read_scenarios(run: Path) -> dict[str, Any]:
    """What `promopilot scenarios` wrote into a run; empty where it was not asked."""
    path = run / SCENARIOS
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
