"""How far a market's replay lies from what happened, beside a forecast that knows nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.backtest.actual import Actual
from promopilot.experiments.backtest.ranges import LEVEL, how_held
from promopilot.experiments.backtest.replay import Replay

# The error by promotion must be this much smaller than that of knowing nothing.
LEAST_SKILL = 0.1


def judge(world: World, actual: Actual, played: Replay, rate_before: float) -> dict[str, Any]:
    """Errors and coverage of a replay.

    WAPE is sum |actual - predicted| / sum actual, over days and over promotions; predicted is the
    mean of the flights. Intervals are their central 80 %, ends included. A market passes that
    tells promotions apart and whose ranges are not far too narrow, neither of days nor of
    promotions (`ranges.how_held`).

    Args:
        world: The market that was played.
        actual: What happened.
        played: What the market says would have happened.
        rate_before: Conversions per unit of what was given, before: the forecast of somebody who
            knows nothing of promotions and days.
    """
    by_promotion = world.catalog.by_promotion

    def sums(values: Floats) -> dict[str, Floats]:
        return {"day": values.sum(axis=1), "promotion": by_promotion.sum(values).sum(axis=0)}

    given = sums(
        (actual.spend if actual.given == "spend" else actual.impressions) * actual.recorded
    )
    truth = sums(actual.conversions)
    drawn = {"day": played.by_day, "promotion": played.by_promotion}
    labels = {
        "day": [day.isoformat() for day in world.dates],
        "promotion": list(world.catalog.promotion_ids),
    }
    result: dict[str, Any] = {}
    inside: list[Floats] = []
    for what, actually in truth.items():
        low, high = np.quantile(drawn[what], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        mean, keep = drawn[what].mean(axis=0), given[what] > 0
        inside.append(((actually >= low) & (actually <= high))[keep].astype(float))
        result |= {
            f"wape_by_{what}": wape(actually, mean),
            f"naive_wape_by_{what}": wape(actually, rate_before * given[what]),
            f"coverage_80_by_{what}": float(inside[-1].mean()) if keep.any() else None,
            f"by_{what}": [
                {what: label, "actual": a, "mean": m, "low": lo, "high": hi}
                for label, a, m, lo, hi, kept in zip(
                    labels[what],
                    *(x.tolist() for x in (actually, mean, low, high)),
                    keep.tolist(),
                    strict=True,
                )
                if kept
            ],
        }
    result["wape"] = result["wape_by_day"]
    result["coverage_80"] = float(np.concatenate(inside).mean())
    skilled = result["wape_by_promotion"] < (1 - LEAST_SKILL) * result["naive_wape_by_promotion"]
    # Days and promotions each for themselves: many good days do not make up for promotions.
    widths = [how_held(int(each.sum()), len(each)) for each in inside if len(each)]
    result["passes"] = bool(skilled and "far too narrow" not in widths)
    return result


def wape(actual: Floats, predicted: Floats) -> float:
    """Sum of absolute errors over the sum of what happened."""
    total = float(actual.sum())
    return float(np.abs(actual - predicted).sum()) / total if total > 0 else float("inf")
