"""Every policy in markets that are not as believed, each against the re-planner there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promopilot.agents.rollout import Progress
from promopilot.envs.stress import STRESSES
from promopilot.envs.world import World
from promopilot.experiments.figures import Figures, figures
from promopilot.experiments.simulation import Flights, play

_KEPT = ("value_mean", "vs_replanner_pct", "vs_replanner_ci95", "flights", "fallback_share")


def play_stresses(
    names: Sequence[str],
    world: World,
    trained: Path,
    flights: Flights,
    seed: int,
    progress: Progress,
) -> dict[str, Figures]:
    """Play the same flights again under each of `STRESSES`.

    Args:
        names: Policies, the re-planner among them.
        world: What they believe.
        trained: The folder of what was trained in the run.
        flights: Which are played in each.
        seed: Seed of the bootstrap.
        progress: Told the share done of all.

    Returns:
        By stress and policy: `value_mean`, `vs_replanner_pct` with `vs_replanner_ci95` (absent
        where the re-planner's mean there is 0), `flights`, and `fallback_share` of policies that
        may leave decisions to the re-planner.
    """
    found: dict[str, Figures] = {}
    for at, (stress_name, stress) in enumerate(STRESSES.items()):

        def report(what: str, share: float, at: int = at) -> None:
            progress(what, (at + share) / len(STRESSES))

        task = "simulate: markets that are not as believed"
        played = play(names, world, trained, flights, report, task, stress)
        found[stress_name] = {
            name: {key: row[key] for key in _KEPT if key in row}
            for name, row in figures(played, world, seed).items()
        }
    return found
