"""What is said of each policy: its value, its paired gain, and what is left to be gained."""

from __future__ import annotations

from typing import Any

from promopilot.agents.comparison import gain_pct, gap_closed, mean_interval
from promopilot.agents.rollout import Rollout
from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.policies import BASELINE, BOUND, HINDSIGHT, LOOKAHEAD

# Below this gain of the look-ahead optimiser there is no gap worth a share.
_LEAST_GAP_PCT = 0.5

Figures = dict[str, dict[str, Any]]


def figures(
    rollouts: dict[str, Rollout], world: World, seed: int, bound: Floats | None = None
) -> Figures:
    """`metrics.json`'s `policies`: each policy's value, and its gain paired on common flights."""
    found = {name: _own_figures(rollout, world, seed) for name, rollout in rollouts.items()}
    if BASELINE in rollouts:
        for name, rollout in rollouts.items():
            value, base = _common(rollout, rollouts[BASELINE])
            gain = gain_pct(value, base, seed)
            if gain is not None:
                found[name] |= {"vs_replanner_pct": gain[0], "vs_replanner_ci95": list(gain[1:])}
            whole = rollouts[BASELINE].value
            if len(value) < len(whole):  # what is comparable with those that have played all
                found[name]["value_all_flights"] = float(whole.mean() + (value - base).mean())
    ahead = found.get(LOOKAHEAD, {})
    proven = ahead.get("vs_replanner_ci95", [0.0])[0] > 0  # of an unproven gap no share is told
    if proven and ahead["vs_replanner_pct"] > _LEAST_GAP_PCT:
        for name, rollout in rollouts.items():
            value, base, goal = _common(rollout, rollouts[BASELINE], rollouts[LOOKAHEAD])
            share, low, high = gap_closed(value, base, goal, seed)
            found[name] |= {"gap_closed": share, "gap_closed_ci95": [low, high]}
    if HINDSIGHT in rollouts:
        for name, rollout in rollouts.items():
            value, best = _common(rollout, rollouts[HINDSIGHT])
            if best.mean() > 0:
                found[name]["pct_of_clairvoyant"] = float(100 * value.mean() / best.mean())
    if bound is not None:
        # On the flights of the others: what it is above the re-planner, added to that one's mean.
        base = rollouts[BASELINE].value if BASELINE in rollouts else bound
        above = float((bound - base[: len(bound)]).mean())
        found[BOUND] = {"value_mean": float(base.mean()) + above}
    return found


def _own_figures(rollout: Rollout, world: World, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "value_mean": float(rollout.value.mean()),
        "value_ci95": list(mean_interval(rollout.value, seed)),
        "overspend_max": float(rollout.overrun.max()),
        "flights": len(rollout.value),
        "decision_ms": round(rollout.decision_ms, 4),
    }
    if rollout.fallback_share is not None:
        found["fallback_share"] = rollout.fallback_share
    if "subsidy" in world.covers:
        found |= {
            "overrun_probability": float((rollout.overrun > 0).mean()),
            "orders_refused_mean": float(rollout.lost.mean()),
        }
    return found


def _common(*rollouts: Rollout) -> list[Floats]:
    """Values on the flights that all have played."""
    flights = min(len(rollout.value) for rollout in rollouts)
    return [rollout.value[:flights] for rollout in rollouts]
