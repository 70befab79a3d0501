"""What runs predict for their plans on the same simulated flights, where these are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from promopilot.agents.comparison import mean_interval
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.comparing.side import Side
from promopilot.experiments.config import load_config
from promopilot.experiments.plan.judgement import JUDGEMENT, read_judgement
from promopilot.experiments.seeds import Seeds

# What differs between runs of one market: money and limits are decided, not met.
_DECIDED = frozenset(
    {"budget", "per_day_max", "max_spend", "live", "limits", "current_spend", "covers", "overrun"}
)


def paired(sides: Sequence[Side]) -> dict[str, Any]:
    """Mean objective of each plan on its run's test flights, and differences flight by flight.

    Returns:
        `why_not` where sides cannot be paired; else `objective`, `flights`, `values` with 95 %
        intervals by side, and `differences` to the first with paired intervals.
    """
    runs = [side.run for side in sides]
    known = [run for run in runs if run is not None and (run / JUDGEMENT).is_file()]
    if len(known) < len(sides):
        return {"why_not": "only finished runs hold the flights that a plan was played on"}
    worlds = [load_world(run / "market") for run in known]
    seeds = [load_config(run / "config.yaml").seed for run in known]
    reason = _why_not(sides, worlds, seeds)
    if reason is not None:
        return {"why_not": reason}
    values = [np.array(read_judgement(run)["values"]) for run in known]
    fewest = min(len(each) for each in values)
    values = [each[:fewest] for each in values]
    seed, first = Seeds.of(seeds[0]).bootstrap, sides[0].name
    return {
        "objective": worlds[0].objective,
        "flights": fewest,
        "values": {
            side.name: _interval(each, seed) for side, each in zip(sides, values, strict=True)
        },
        "differences": {
            side.name: {"to": first} | _interval(each - values[0], seed)
            for side, each in zip(sides[1:], values[1:], strict=True)
        },
    }


def _interval(values: np.ndarray, seed: int) -> dict[str, Any]:
    low, high = mean_interval(values, seed)
    ends = [round(low, 2), round(high, 2)]
    return {"mean": round(float(values.mean()), 2), "ci95": ends}


def _why_not(sides: Sequence[Side], worlds: Sequence[World], seeds: Sequence[int]) -> str | None:
    first, name = worlds[0], sides[0].name
    for side, world, seed in zip(sides[1:], worlds[1:], seeds[1:], strict=True):
        if world.objective != first.objective:
            return f"{name} plans for {first.objective} and {side.name} for {world.objective}"
        if seed != seeds[0]:
            return f"{name} and {side.name} have different seeds, so that their flights differ"
        if different := different_part(first, world):
            return (
                f"the markets of {name} and {side.name} differ in {different}, so that their "
                "flights are not the same"
            )
    return None


def different_part(one: World, other: World) -> str | None:
    """The first part in which two markets differ, budget and limits aside; None where none."""
    for part in fields(one):
        if part.name in _DECIDED:
            continue
        if not _same(getattr(one, part.name), getattr(other, part.name)):
            return part.name.replace("_", " ")
    return None


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        numeric = np.issubdtype(one.dtype, np.number)
        return np.array_equal(one, other, equal_nan=numeric)
    if is_dataclass(one):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
