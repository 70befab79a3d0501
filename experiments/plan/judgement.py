"""What the exported table is worth: as it stands, with daily updating, and against today's mix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.agents.comparison import gain_pct, mean_interval
from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.line_items import line_items
from promopilot.experiments.plan.export import Plan
from promopilot.experiments.tables.keys import ITEM

JUDGEMENT = "plan_value.json"


def write_judgement(plan: Plan, simulations: dict[str, Any], seed: int, out: Path) -> None:
    """Write `plan_value.json`: the plan's values on the test flights beside those of policies.

    A policy that was played on the first of the test flights alone is compared on these; its value
    with daily updating is then the plan's on all flights plus the mean difference on these.

    Gains on a current mix that brings 0 have no percentage and are absent.

    Args:
        plan: The plan and its own flights.
        simulations: What the simulate stage found on the same flights.
        seed: Seed of the bootstrap.
        out: Folder to write to.
    """
    value = plan.rollout.value
    current = np.array(simulations["values"]["current_mix"])
    updated = np.array(simulations["values"][simulations["recommended"]])
    document: dict[str, Any] = {
        "spend_mean": float(plan.rollout.spent.mean()),  # charged, in money
        "value_as_exported": float(value.mean()),
        "value_as_exported_ci95": list(mean_interval(value, seed)),
        "value_with_daily_update": _on_all_flights(updated, value),
        "values": value.tolist(),
    }
    for name, played in (("vs_current_mix", value), ("daily_update_vs_current_mix", updated)):
        gain = gain_pct(played, current[: len(played)], seed)
        if gain is not None:
            document |= {f"{name}_pct": gain[0], f"{name}_ci95": list(gain[1:])}
    write_text_atomic(out / JUDGEMENT, json.dumps(document, allow_nan=False) + "\n")


def _on_all_flights(some: Floats, all_: Floats) -> float:
    """Mean of a policy played on the first flights alone, by its difference to one on all."""
    if len(some) == len(all_):
        return float(some.mean())
    return float(all_.mean() + (some - all_[: len(some)]).mean())


def read_judgement(run: Path) -> dict[str, Any]:
    """What `write_judgement` wrote."""
    document: dict[str, Any] = json.loads((run / JUDGEMENT).read_text(encoding="utf-8"))
    return document


def read_values(run: Path) -> Floats:
    """Objective of the plan on each test flight `[F]`."""
    return np.array(read_judgement(run)["values"])


def read_expected_impressions(run: Path, world: World) -> Floats:
    """`expected_impressions` of plan.csv as `[D, L]`."""
    plan = pd.read_csv(
        run / "plan.csv",
        dtype={"promotion_id": str, "placement_id": str, "segment_id": str},
        keep_default_na=False,
    )
    item = line_items(world).get_indexer(pd.MultiIndex.from_frame(plan[ITEM]))
    days = pd.Index([day.isoformat() for day in world.dates])
    expected = np.zeros((world.days, world.catalog.num_line_items))
    expected[days.get_indexer(pd.Index(plan["date"])), item] = plan["expected_impressions"].astype(
        float
    )
    return expected
