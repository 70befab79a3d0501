"""Making a plan and writing its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.agents.policy import Policy
from promopilot.agents.rollout import Progress, Rollout, roll_out
from promopilot.envs.feasibility import check_limits
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.config import load_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.aggregate import aggregate
from promopilot.experiments.plan.columns import columns_md
from promopilot.experiments.plan.frame import file_faults, plan_frame, summary_frame
from promopilot.experiments.plan.reference import Table, TablePolicy, reference_table
from promopilot.experiments.policies import make_policy
from promopilot.experiments.progress import silent
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import read_simulations

LINE_ITEMS = "line_items.csv"


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
        world,
        seed,
        np.arange(flights),
        progress=lambda what, share: progress("plan", share),
    )
    return Plan(plan_frame(world, table, rollout, items, policy.name), table, rollout)


def write_plan(
    plan: Plan, world: World, out: Path, by: str = "day", level: str = "line_item"
) -> pd.DataFrame:
    """Write the plan to `out` and `columns.md` and its summary beside it; return what was written.

    The summary of `plan.csv` is `plan_summary.csv`; of another name, `<name>_summary.csv`.
    """
    frame = plan.frame
    if (by, level) != ("day", "line_item"):
        frame = aggregate(frame, by, level)
    summary = summary_frame(plan.frame, world, plan.rollout)
    write_text_atomic(out.with_name("columns.md"), columns_md())
    write_text_atomic(out.with_name(f"{out.stem}_summary.csv"), file_faults(summary))
    write_text_atomic(out, file_faults(frame))
    return frame


def read_items(market: Path) -> pd.DataFrame:
    """`market/line_items.csv`, ids as text."""
    return pd.read_csv(market / LINE_ITEMS, dtype=str, keep_default_na=False)


def export_plan(
    run: Path,
    budget: float | None,
    by: str,
    level: str,
    out: Path | None,
    seed: int,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Plan a run's flight with its recommended policy, for its budget or another one.

    Without `out` the run's own `plan.csv` is written again if nothing differs from it, and any
    other plan goes to `RUN/plans/`, so that `plan.csv` always is what report and metrics speak of.

    Raises:
        RunFolderError: The run has not got as far as a recommendation, or `out` cannot be written.
    """
    try:
        simulations = read_simulations(run)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{run} has no comparison of policies yet; finish it with `promopilot run … --resume`"
        ) from error
    world = load_world(run / "market")
    own = budget in (None, world.budget) and (by, level) == ("day", "line_item")
    own = own and seed == load_config(run / "config.yaml").seed
    if budget is not None:
        world = world.with_budget(budget)
        check_limits(world)
    seeds = Seeds.of(seed)
    policy = make_policy(simulations["recommended"], world, run / "policy")
    plan = make_plan(
        policy, world, read_items(run / "market"), seeds.test, simulations["flights_test"], progress
    )
    if out is None:
        name = f"plan-{plan.frame['plan_id'].iloc[0]}-{by}-{level}.csv"
        out = run / "plan.csv" if own else run / "plans" / name
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        frame = write_plan(plan, world, out, by, level)
    except OSError as error:
        raise RunFolderError(f"cannot write {out}: {(error.strerror or '').lower()}") from error
    planned = round(float(frame["planned_budget"].sum()), 2)
    covers = "subsidy" in world.covers
    held = round(float(frame["expected_subsidy"].sum()), 2) if covers else 0.0
    return {
        "plan": str(out),
        "policy": policy.name,
        "budget": world.budget,
        "planned_budget": planned,
        "kept": round(world.budget - planned - held, 2),
        "held_for_subsidy": held,
        "expected_profit": round(float(frame["expected_profit"].sum()), 2),
        "rows": len(frame),
    }
