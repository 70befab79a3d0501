"""A trained policy that chooses a preset a day, and its files."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from promopilot.agents.artifact import (
    read_artifact,
    read_statistics,
    readable,
    statistics_card,
    write_artifact,
)
from promopilot.agents.dqn_network import PresetNetwork
from promopilot.agents.ppo_policy import seen_in
from promopilot.agents.statistics import ObservationStatistics
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.views.preset_actions import PRESETS, PresetActions
from promopilot.envs.world import World


@dataclass(frozen=True)
class DqnPolicy:
    """The preset of the highest value, or of the highest mean of quantiles; no exploration.

    In a state beyond the range seen in training it decides as the re-planner.
    """

    network: PresetNetwork
    statistics: ObservationStatistics
    replan: Replan
    guarded: bool = True
    name: str = "dqn"

    def unguarded(self) -> "DqnPolicy":
        """The same without falling back, as training measures it."""
        return replace(self, guarded=False)

    def choose(self, observed: np.ndarray) -> Ints:
        """Numbers of presets `[N]` for observations `[N, size]`; the first of equals."""
        with torch.inference_mode():
            value = self.network(torch.from_numpy(observed))
            mean = value.reshape(len(observed), self.network.outputs, -1).mean(dim=1).numpy()
        preset = np.asarray(mean.argmax(axis=1), dtype=np.int64)
        return np.where(self.statistics.outside(observed), 0, preset) if self.guarded else preset

    def spend(self, market: Market) -> Floats:
        """The exact split at the chosen preset's pace and tilts."""
        preset = self.choose(observation.observe(market, self.replan))
        return PresetActions(self.replan).spend(market, preset)

    def fallback(self, market: Market) -> Bools:
        """[N] whether a flight's state today lies beyond the range seen in training."""
        return self.statistics.outside(observation.observe(market, self.replan))


def save_dqn(policy: DqnPolicy, folder: Path, notes: dict[str, object]) -> None:
    """Write `policy.safetensors` and `policy.json` (shape, observation statistics, digests)."""
    card = {
        "algorithm": policy.name,
        **_seen_in(policy.replan.world),
        "hidden": policy.network.hidden,
        "outputs": policy.network.outputs,
        "observation": statistics_card(policy.statistics),
    }
    write_artifact(folder, policy.network.state_dict(), card, notes)


def _seen_in(world: World) -> dict[str, list[str]]:
    return seen_in(world) | {"presets": [preset.name for preset in PRESETS]}


def load_dqn(folder: Path, world: World) -> DqnPolicy:
    """Read what `save_dqn` wrote.

    Raises:
        PolicyError: A file is missing or altered, or the policy is no DQN policy on presets, or was
            made for other observations or presets.
    """
    card, weights = read_artifact(folder, ("dqn", "qrdqn"), _seen_in(world))
    statistics = read_statistics(card, folder)
    with readable(folder):
        network = PresetNetwork(statistics, len(PRESETS), card["hidden"], card["outputs"])
        network.load_state_dict(weights)
        return DqnPolicy(network.eval(), statistics, Replan(world), name=card["algorithm"])
