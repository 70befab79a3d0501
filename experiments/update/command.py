"""One update: read what happened, take it in, plan the rest, write it down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import atomic_folder, write_text_atomic
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.export import make_plan, read_items, write_plan
from promopilot.experiments.plan.reference import TablePolicy
from promopilot.experiments.policies import make_policy
from promopilot.experiments.progress import Progress
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import read_simulations
from promopilot.experiments.update.actuals_file import read_actuals
from promopilot.experiments.update.ledger import (
    LEDGER,
    UPDATES,
    added,
    check_days,
    read_ledger,
    write_ledger,
)
from promopilot.experiments.update.rest import planned
from promopilot.experiments.update.standing import stand
from promopilot.experiments.update.told import document_of, planned_of

UPDATE, PAGE = "update.json", "update.html"


def update_run(
    run: Path,
    config: RunConfig,
    actuals: Path,
    prices: Path | None,
    out: Path | None,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Take in what happened and plan the rest of a run's flight; return what `update.json` holds.

    Writes RUN/updates/<first day planned>/, or `out`: actuals.csv (all that was read so far),
    plan.csv, plan_summary.csv and columns.md (while days are left), update.json and update.html.

    Args:
        run: A run folder with a plan.
        config: Its config.
        actuals: What happened.
        prices: A file of this morning's prices, if there is one.
        out: Another folder to write to; the next update does not look there.
        seed: The run's seed, or another for other flights that the plan is played on.
        progress: Told what is going on.

    Raises:
        DataError: A file of what happened cannot be used.
        RunFolderError: The run has no plan yet, or `out` cannot be written.
    """
    from promopilot.experiments.report.update_page import render_update

    try:
        simulations, items = read_simulations(run), read_items(run / "market")
        world, before = load_world(run / "market"), _read_plan(run)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{run} has no plan yet; finish it with `promopilot run … --resume`"
        ) from error
    data = config.data.folder or run / "data"
    with progress.stage("read"):
        file = read_actuals(actuals, data, world.start, world.dates[-1], world.rates.has_clicks)
        ledger = added(read_ledger(run), file.readings)
        check_days(ledger, world.start, actuals.name)
        today = stand(world, ledger, prices, config.assumptions.panel_projection)
    document = document_of(today, before, file.notes) | {"policy": simulations["recommended"]}
    plan = None
    if today.rest is not None:
        with progress.stage("plan"):
            policy = make_policy(simulations["recommended"], world, run / "policy")
            table = TablePolicy(planned(policy, today.market), policy.name)
            flights = simulations["flights_test"]
            plan = make_plan(table, today.rest, items, Seeds.of(seed).test, flights, progress)
            document |= planned_of(today, before, plan)
    folder = out or run / UPDATES / document["date"]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(
            f"cannot write to {folder} ({reason}); choose another --out"
        ) from error
    document = {"folder": str(folder), **document}
    with atomic_folder(folder) as work:
        write_ledger(ledger, work / LEDGER)
        if plan is not None and today.rest is not None:
            write_plan(plan, today.rest, work / "plan.csv")
        write_text_atomic(work / UPDATE, json.dumps(document, indent=1, allow_nan=False) + "\n")
        write_text_atomic(work / PAGE, render_update(document))
    return document


def _read_plan(run: Path) -> pd.DataFrame:
    """The run's own plan, as made before the flight."""
    text = dict.fromkeys(("promotion_id", "promotion_name", "placement_id", "segment_id"), "str")
    return pd.read_csv(run / "plan.csv", dtype=text, keep_default_na=False, na_values=[""])
