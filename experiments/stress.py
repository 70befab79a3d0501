"""Every policy in markets that are not as believed, each against the re-planner there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promopilot.agents.rollout import Progress
from promopilot.agents.spread import Spread, here
from promopilot.envs.stress import STRESSES
from promopilot.envs.world import World
from promopilot.experiments.figures import Figures, figures
from promopilot.experiments.simulation import Flights, Wanted, play_each

_KEPT = ("value_mean", "vs_replanner_pct", "vs_replanner_ci95", "flights", "fallback_share")


def play_stresses(
    names: Sequence[str],
    world: World,
    trained: Path,
    flights: Flights,
    seed: int,
    progress: Progress,
    spread: Spread = here,
) -> dict[str, Figures]:
    """Play the same flights again under each of `STRESSES`.

    Args:
        names: Policies, the re-planner among them.
        world: What they believe.
        trained: The folder of what was trained in the run.
        flights: Which are played in each.
        seed: Seed of the bootstrap.
        progress: Told the share done of all.
        spread: Where they are played.

    Returns:
        By stress and policy: `value_mean`, `vs_replanner_pct` with `vs_replanner_ci95` (absent
        where the re-planner's mean there is 0), `flights`, and `fallback_share` of policies that
        may leave decisions to the re-planner.
    """
    task = "simulate: markets that are not as believed"
    wanted = [Wanted(names, flights, stress) for stress in STRESSES.values()]
    played = play_each(wanted, world, trained, progress, task, spread)
    return {
        stress: {
            name: {key: row[key] for key in _KEPT if key in row}
            for name, row in figures(rollouts, world, seed).items()
        }
        for stress, rollouts in zip(STRESSES, played, strict=True)
    }
