"""Making a plan and writing its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.agents.errors import PolicyError
from promopilot.agents.policy import Policy
from promopilot.agents.rollout import Progress, Rollout, roll_out
from promopilot.envs.world import World
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.backtest.run import foresaw
from promopilot.experiments.config import load_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.aggregate import aggregate
from promopilot.experiments.plan.asked import (
    LINE_ITEMS,
    Asked,
    finished,
    market_asked,
    read_items,
)
from promopilot.experiments.plan.columns import columns_md
from promopilot.experiments.plan.frame import file_faults, plan_frame, summary_frame
from promopilot.experiments.plan.platforms.files import PLATFORMS, write_platform_files
from promopilot.experiments.plan.platforms.origin import foreign_campaigns
from promopilot.experiments.plan.reference import Table, TablePolicy, as_it_stands, reference_table
from promopilot.experiments.plan.told import changes, why_unchanged
from promopilot.experiments.policies import BASELINE, make_policy
from promopilot.experiments.progress import silent
from promopilot.experiments.seeds import Seeds

__all__ = ["LINE_ITEMS", "Plan", "export_plan", "make_plan", "read_items", "write_plan"]

_UNFORESEEN = (
    "the market that makes this plan failed its backtest: let no more than part of the budget "
    "follow it until a test has shown what it brings"
)


@dataclass(frozen=True)
class Plan:
    """A plan and the flights it was played on."""

    frame: pd.DataFrame  # contract plan.csv
    table: Table
    rollout: Rollout  # the table as it stands, on the test flights


def make_plan(
    policy: Policy,
    world: World,
    items: pd.DataFrame,
    seed: int,
    flights: int,
    progress: Progress = silent,
) -> Plan:
    """Export what a policy spends in the reference flight, with the table's own expectations.

    Args:
        policy: Who plans.
        world: Its market and budget.
        items: L rows of `market/line_items.csv`.
        seed: Seed of the test flights.
        flights: How many the table is played on.
        progress: Told the share done.
    """
    table = reference_table(policy, world)
    rollout = roll_out(
        TablePolicy(table.spend),
        as_it_stands(world),
        seed,
        np.arange(flights),
        progress=lambda what, share: progress("plan", share),
    )
    return Plan(plan_frame(world, table, rollout, items, policy.name), table, rollout)


def write_plan(
    plan: Plan,
    world: World,
    out: Path,
    by: str = "day",
    level: str = "line_item",
    progress: Progress = silent,
) -> pd.DataFrame:
    """Write the plan to `out` and `columns.md` and its summary beside it; return what was written.

    The summary of `plan.csv` is `plan_summary.csv`; of another name, `<name>_summary.csv`. Where
    `out` ends in .xlsx it is a workbook that holds both.

    Raises:
        MissingPackageError: A workbook is asked for, and openpyxl is not installed.
    """
    frame = plan.frame
    if (by, level) != ("day", "line_item"):
        frame = aggregate(frame, by, level)
    summary = summary_frame(plan.frame, world, plan.rollout)
    if out.suffix.lower() == ".xlsx":
        from promopilot.experiments.plan.workbook import write_workbook

        write_workbook(frame, plan.frame, summary, out, progress)
        return frame
    write_text_atomic(out.with_name("columns.md"), columns_md())
    write_text_atomic(out.with_name(f"{out.stem}_summary.csv"), file_faults(summary))
    write_text_atomic(out, file_faults(frame))
    return frame


def export_plan(run: Path, asked: Asked, seed: int, progress: Progress = silent) -> dict[str, Any]:
    """Plan a run's flight, or another window, with its recommended policy.

    Without `out` the run's own `plan.csv` is written again if nothing differs from it, and any
    other plan goes to `RUN/plans/`, so that `plan.csv` always is what report and metrics speak of.

    Args:
        run: A finished run.
        asked: What is asked of the plan.
        seed: Seed of the run.
        progress: Told the share done.

    Raises:
        RunFolderError: The run has not got as far as a recommendation, or `out` cannot be written.
        ConfigError: Options that exclude each other, or limits that name what is not there.
        InfeasibleError: The limits cannot all hold; names those that contradict each other.
        DataError: A bulk file is asked for, and promotions have no campaign.
    """
    asked.check()
    simulations = finished(run)
    seeds, flights = Seeds.of(seed), simulations["flights_test"]
    progress("market", 0.0)
    market = market_asked(run, asked)
    notes = [*market.notes, *([] if foresaw(run) else [_UNFORESEEN])]
    foreign = foreign_campaigns(run, asked.format) if asked.format in PLATFORMS else None
    notes += [foreign] if foreign else []

    def make(world: World) -> Policy:
        return _policy(simulations["recommended"], world, run, notes)

    world = aimed(market.world, make, seeds.test, flights)
    plan = make_plan(make(world), world, market.items, seeds.test, flights, progress)
    own = asked.is_own and seed == load_config(run / "config.yaml").seed
    out = asked.out or _place(run, asked, plan, own)
    files, frame = _written(plan, world, asked, out, foreign, progress)
    return {
        "plan": str(out),
        "files": [str(path) for path in files],
        **_sums(plan, frame, world),
        "notes": list(dict.fromkeys(notes)),
    }


def _written(
    plan: Plan, world: World, asked: Asked, out: Path, foreign: str | None, progress: Progress
) -> tuple[list[Path], pd.DataFrame]:
    """The files as asked for, and the rows that they hold."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if asked.format in PLATFORMS:
            return write_platform_files(plan.frame, asked.format, out, foreign), plan.frame
        return [out], write_plan(plan, world, out, asked.by, asked.level, progress)
    except OSError as error:
        raise RunFolderError(f"cannot write {out}: {(error.strerror or '').lower()}") from error


def _sums(plan: Plan, frame: pd.DataFrame, world: World) -> dict[str, Any]:
    """What a plan, written as `frame`, comes to."""
    planned = round(float(frame["planned_budget"].sum()), 2)
    covers = "subsidy" in world.covers
    held = round(float(frame["expected_subsidy"].sum()), 2) if covers else 0.0
    return {
        "policy": plan.frame["policy"].iloc[0],
        "start": world.dates[0].isoformat(),
        "days": world.days,
        "budget": world.budget,
        "planned_budget": planned,
        "current_budget": round(float(frame["current_budget"].sum()), 2),
        "kept": round(world.budget - world.initial.spent - planned - held, 2),
        "held_for_subsidy": held,
        "expected_profit": round(float(frame["expected_profit"].sum()), 2),
        "rows": len(frame),
        "changes": changes(frame),
        "unchanged_because": why_unchanged(plan.frame),
    }


def _place(run: Path, asked: Asked, plan: Plan, own: bool) -> Path:
    """Where a plan goes that has no --out."""
    if own:
        return run / "plan.csv"
    plan_id = plan.frame["plan_id"].iloc[0]
    if asked.format in PLATFORMS:
        return run / "plans" / f"{asked.format}-{plan_id}"
    return run / "plans" / f"plan-{plan_id}-{asked.by}-{asked.level}.{asked.format}"


def _policy(name: str, world: World, run: Path, notes: list[str]) -> Policy:
    """The recommended policy, or, where it was trained for another market, the daily re-planner."""
    try:
        return make_policy(name, world, run / "policy")
    except PolicyError as error:
        if "was trained on other" not in str(error):
            raise
        notes.append(
            "the run's recommended policy was trained for another market than this one; the daily "
            "re-optimiser plans it instead"
        )
        return make_policy(BASELINE, world, run / "policy")
