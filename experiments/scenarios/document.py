"""`scenarios.json` and `scenarios.csv` of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.rounding import days_in_cents
from promopilot.experiments.scenarios.break_even import break_even
from promopilot.experiments.scenarios.budgets import figures, scenarios
from promopilot.experiments.scenarios.limit_costs import limit_costs
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.scenarios.targets import Target, answer
from promopilot.experiments.scenarios.totals import played

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
    """
    world = planner.world
    found = break_even(planner, progress)
    mix = world.current_mix
    marked = {"run": world.budget}
    if float(mix.sum()) > 0:
        marked["current_mix"] = float(mix.sum())
    if found.kind in ("crosses", "no_use"):
        marked["break_even"] = found.budget
    rows, left_out = scenarios(planner, marked, budgets, progress)
    today = days_in_cents(mix, world.budget, world.per_day_max) / 100
    free = replace(world, limits=None)  # today's mix was spent before there were any
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
        "current_mix": figures(played(free, today, planner.seed, planner.flights)),
        "scenarios": [row.as_row() for row in rows],
        "too_small": left_out,  # budgets that the run's limits do not allow
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
    """A row per budget; what is missing is empty."""
    frame = pd.DataFrame(document["scenarios"])
    return str(frame.to_csv(index=False, lineterminator="\n"))


def read_scenarios(run: Path) -> dict[str, Any]:
    """What `promopilot scenarios` wrote into a run; empty where it was not asked."""
    path = run / SCENARIOS
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
