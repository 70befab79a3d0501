"""Offline evaluation of the plan from a log of block fillings, beside the value that is true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.agents.comparison import mean_interval
from promopilot.agents.replanner import Replanner
from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.log import BlockLog, choices_at, explore_in_blocks, shares_of_plan
from promopilot.envs.world import World
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.logs import BANDIT, NONE, bandit_frame, write_frames
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.tables import tables_of
from promopilot.experiments.recommendation import held_back

WHY_THEY_DIFFER = (
    "The offline estimates and their true value answer: what would the plan's choices have brought "
    "at the moments of the log, one block at a time? Playing the plan for the whole flight answers "
    "another question, because its own choices change what comes later: audiences tire of what it "
    "shows, money it spends early is gone later, and it meets audiences that the log's other "
    "choices did not tire. Either value may be the larger one."
)


def write_evidence(
    world: World,
    impressions: Floats,
    rolled_out: Floats,
    settings: OpeSettings,
    log_seed: int,
    seed: int,
    out: Path,
    foreseen: bool = True,
) -> dict[str, Any]:
    """Log the exploring re-planner in the market, evaluate the plan from it, and write `ope/`.

    Args:
        world: The market.
        impressions: What the plan expects per day and line item `[D, L]`.
        rolled_out: Objective of the plan on the test flights `[F]`.
        settings: Intervals and verdict.
        log_seed: Seed of the logged flights.
        seed: Seed of the bootstrap.
        out: Folder for `log.parquet`, `policy.parquet`, `qhat.parquet`, `ope.json` and its tables.
        foreseen: Whether the market passed its backtest, where there was one.

    Returns:
        The content of `ope.json`, with the true value and the rolled-out one under `market`.
    """
    flights = max(1, -(-settings.log_days // world.days))
    blocks = explore_in_blocks(
        world,
        Replanner(world).spend,
        log_seed,
        np.arange(flights),
        settings.blocks_per_day,
        settings.exploration,
    )
    chosen = choices_at(blocks, shares_of_plan(world, impressions))
    actions = (*world.catalog.promotion_ids, NONE)
    result = _evaluated(blocks, chosen, actions, world, settings, seed)
    if not foreseen:
        result = held_back(result)
    per_flight = len(blocks.action) / flights
    result["market"] = {
        "true_value": float((chosen * blocks.expected).sum(axis=1).mean()),
        "rolled_out_value": float(rolled_out.mean() / per_flight),
        "rolled_out_ci95": [end / per_flight for end in mean_interval(rolled_out, seed)],
        "unit": f"{world.currency} of {world.objective.replace('_', ' ')} per block",
        "why_they_differ": WHY_THEY_DIFFER,
        "flights_logged": flights,
        "blocks_per_pool_and_day": settings.blocks_per_day,
        "exploration": settings.exploration,
    }
    write_frames([bandit_frame(world, blocks)], out / BANDIT)
    _write_long(chosen, actions, "probability", chosen > 0, out / "policy.parquet")
    _write_long(blocks.believed, actions, "q", None, out / "qhat.parquet")
    for name, text in tables_of(result).items():
        write_text_atomic(out / name, text)
    write_text_atomic(out / "ope.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def _evaluated(
    blocks: BlockLog,
    chosen: Floats,
    actions: tuple[str, ...],
    world: World,
    settings: OpeSettings,
    seed: int,
) -> dict[str, Any]:
    if (blocks.action == blocks.action[0]).all():
        only = actions[blocks.action[0]]
        return {
            "verdict": "insufficient_support",
            "evidence": "simulated",
            "reasons": [
                f"The log shows one choice only, {only!r}: at this budget and these limits there "
                "was nothing else to try, so there is nothing to compare."
            ],
            "logged_value": float(blocks.reward.mean()),
            "rows": len(blocks.action),
            "estimates": [],
            "diagnostics": {},
            "next_test": {
                "design": "exploration",
                "unit": "decision",
                "text": "No test can tell anything yet: raise the budget or loosen a limit, so "
                "that there is a choice, and run again.",
            },
        }
    days = blocks.flight * world.days + blocks.day
    log = BanditLog(blocks.action, blocks.reward, blocks.propensity, days, "simulated", actions)
    return evaluate_log(log, chosen, blocks.believed, settings, seed)


def _write_long(
    matrix: Floats, actions: Sequence[str], column: str, keep: np.ndarray | None, path: Path
) -> None:
    """Write `[n, A]` as decision_id, action, value; the rows of `keep`, or all."""
    decision, action = np.nonzero(np.ones_like(matrix, dtype=bool) if keep is None else keep)
    frame = pd.DataFrame(
        {
            "decision_id": decision.astype(str),
            "action": pd.Categorical.from_codes(action, pd.Index(actions)),
            column: matrix[decision, action],
        }
    )
    frame.to_parquet(path, index=False)
