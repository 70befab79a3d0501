"""A trained policy that fills blocks, and its files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from promopilot.agents.artifact import read_artifact, readable, write_artifact
from promopilot.agents.errors import PolicyError
from promopilot.agents.placement.network import PlacementNetwork
from promopilot.envs.arrays import Ints
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES

_ALGORITHMS = ("dqn", "qrdqn", "maskable_ppo")
_KIND = "ad placement by "
_SEEN = {"globals": list(GLOBAL_NAMES), "features": list(PROMOTION_NAMES)}


@dataclass(frozen=True)
class PlacementPolicy:
    """The action of the highest value, or of the highest mean of quantiles; no exploration.

    It acts on any world, whatever its number of promotions. What it sees is bounded by its nature
    (shares, logs of ratios), and it has no re-planner to fall back on.
    """

    network: PlacementNetwork
    blocks_per_day: int  # of the flights that it was trained on
    name: str = "dqn"

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """Actions `[N]`; one that is unavailable is never among them.

        Raises:
            PolicyError: Days are cut into another number of blocks than in training.
        """
        if batch.blocks.per_day != self.blocks_per_day:
            raise PolicyError(
                f"The policy was trained on {self.blocks_per_day} blocks a day, and these flights "
                f"have {batch.blocks.per_day}."
            )
        with torch.inference_mode():
            value = self.network(torch.from_numpy(observed))
            mean = value.reshape(len(observed), self.network.outputs, -1).mean(dim=1)
            return np.asarray(mean.argmax(dim=1).numpy(), dtype=np.int64)


def save_placement(policy: PlacementPolicy, folder: Path, notes: dict[str, object]) -> None:
    """Write `policy.safetensors` and `policy.json` (shape, names of the observation, digests)."""
    card = {
        "algorithm": f"{_KIND}{policy.name}",
        **_SEEN,
        "blocks_per_day": policy.blocks_per_day,
        "hidden": policy.network.hidden,
        "outputs": policy.network.outputs,
        "unit": policy.network.unit,
    }
    write_artifact(folder, policy.network.state_dict(), card, notes)


def load_placement(folder: Path) -> PlacementPolicy:
    """Read what `save_placement` wrote.

    Raises:
        PolicyError: A file is missing or altered, or the policy fills no blocks, or was made for
            other observations.
    """
    card, weights = read_artifact(folder, tuple(_KIND + name for name in _ALGORITHMS), _SEEN)
    with readable(folder):
        network = PlacementNetwork(card["hidden"], card["outputs"], card["unit"])
        network.load_state_dict(weights)
        name = card["algorithm"].removeprefix(_KIND)
        return PlacementPolicy(network.eval(), int(card["blocks_per_day"]), name)
