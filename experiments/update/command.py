"""One update: read what happened, take it in, plan the rest, write it down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from promopilot.agents.policy import Policy
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.world import World
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.limits.apply import bounded
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.limits.of_run import unlimited_world
from promopilot.experiments.plan.export import Plan, make_plan, read_items
from promopilot.experiments.policies import make_policy
from promopilot.experiments.progress import Progress
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import read_simulations
from promopilot.experiments.update.actuals_file import Known, read_actuals
from promopilot.experiments.update.assumed import delay_assumed
from promopilot.experiments.update.in_force import InForce, limits_in_force, world_in_force
from promopilot.experiments.update.ledger import UPDATES, added, check_days, read_ledger
from promopilot.experiments.update.planned import planned_of
from promopilot.experiments.update.reached import reached
from promopilot.experiments.update.replan import replan
from promopilot.experiments.update.standing import Standing, stand
from promopilot.experiments.update.told import document_of
from promopilot.experiments.update.writing import PLAN, Made, write_update


@dataclass(frozen=True)
class Asked:
    """What an analyst gives with an update."""

    actuals: Path  # what happened
    prices: Path | None = None  # this morning's, if they are known
    limits: Path | None = None  # a file in place of those in force, from today on
    format: Literal["csv", "google-ads", "meta-ads"] = "csv"  # beyond plan.csv: bulk files
    out: Path | None = None  # another folder to write to; the next update does not look there


@dataclass(frozen=True)
class _Before:
    """A run as it stood before today."""

    simulations: dict[str, Any]
    items: pd.DataFrame  # L rows of `market/line_items.csv`
    world: World
    plan: pd.DataFrame  # made before the flight
    limits: InForce | None  # where they are not the run's own


def update_run(
    run: Path, config: RunConfig, asked: Asked, seed: int, progress: Progress
) -> dict[str, Any]:
    """Take in what happened and plan the rest of a run's flight; return what `update.json` holds.

    Writes RUN/updates/<first day planned>/, or another folder: actuals.csv (all that was read so
    far), plan.csv, plan_summary.csv and columns.md (while days are left), a platform's bulk files
    where they are asked for, limits.yaml (where other limits than the run's are in force),
    update.json and update.html.

    Args:
        run: A run folder with a plan.
        config: Its config.
        asked: What is given.
        seed: The run's seed, or another for other flights that the plan is played on.
        progress: Told what is going on.

    Raises:
        DataError: A file of what happened cannot be used, or bulk files are asked for and
            promotions have no campaign.
        ConfigError, InfeasibleError: The limits that are given cannot be read or kept.
        RunFolderError: The run has no plan yet, or `out` cannot be written.
    """
    before = _read_run(run, config, asked)
    with progress.stage("read"):
        today, read = _take_in(run, config, asked, before.world)
    told = [*read, *delay_assumed(run / "market")]
    document = document_of(today, before.plan, told)
    document |= {"policy": before.simulations["recommended"], "format": asked.format}
    made, rest = None, today.rest
    if rest is not None:
        with progress.stage("plan"):
            plan, world, notes = _replanned(run, today, rest, before, asked, seed, progress)
        document |= planned_of(today, before.plan, plan, reached(today).totals)
        document["taken"]["notes"] += notes
        made = (plan, world)
    folder = asked.out or run / UPDATES / document["date"]
    document = {"folder": str(folder), **document}
    files = Made(today.ledger, document, before.limits, made)
    write_update(folder, files, asked.format, config.report.language)
    return document


def _take_in(
    run: Path, config: RunConfig, asked: Asked, world: World
) -> tuple[Standing, list[str]]:
    """Where the flight stands with what is given, and what reading it left out or assumed."""
    known = Known.of_run(world, config.data.folder or run / "data")
    file = read_actuals(asked.actuals, known)
    ledger = added(read_ledger(run), file.readings)
    check_days(ledger, world.start, asked.actuals.name)
    projection = config.assumptions.panel_projection
    return stand(world, ledger, asked.prices, projection), file.notes


def _replanned(
    run: Path,
    today: Standing,
    rest: World,
    before: _Before,
    asked: Asked,
    seed: int,
    progress: Progress,
) -> tuple[Plan, World, tuple[str, ...]]:
    """The plan of the days that are left, its market, and what can no longer be kept."""
    name = before.simulations["recommended"]
    played = Seeds.of(seed).test, int(before.simulations["flights_test"])

    def make(world: World) -> Policy:
        return make_policy(name, world, run / "policy")

    found = replan(today, rest, make, played, strict=asked.limits is not None)
    plan = make_plan(found.policy, found.rest, before.items, *played, progress)
    return plan, found.rest, found.notes


def _read_run(run: Path, config: RunConfig, asked: Asked) -> _Before:
    try:
        simulations, items = read_simulations(run), read_items(run / "market")
        plan = _read_plan(run)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{run} has no plan yet; finish it with `promopilot run … --resume`"
        ) from error
    limits = limits_in_force(run, asked.limits)
    basis = items["basis"].tolist()
    try:
        world = world_in_force(run, limits, basis)
    except InfeasibleError:
        if limits is not None:
            _check_rest(run, config, asked, limits, basis)
        raise
    return _Before(simulations, items, world, plan, limits)


def _check_rest(
    run: Path, config: RunConfig, asked: Asked, limits: InForce, basis: list[str]
) -> None:
    """Refuse limits by the first day of those that are left, not one that is over.

    Raises:
        InfeasibleError: They cannot all hold on the days that are left.
    """
    today, _ = _take_in(run, config, asked, unlimited_world(run))
    if today.rest is not None:
        with suppress(ConfigError):  # they also speak of days that are over
            bounded(today.rest, parse_limits(limits.text, limits.source), basis)


def _read_plan(run: Path) -> pd.DataFrame:
    """The run's own plan, as made before the flight."""
    text = dict.fromkeys(("promotion_id", "promotion_name", "placement_id", "segment_id"), "str")
    return pd.read_csv(run / PLAN, dtype=text, keep_default_na=False, na_values=[""])
