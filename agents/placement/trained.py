"""A trained policy that fills blocks, and its files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.agents.errors import PolicyError
from promopilot.agents.placement.network import PlacementNetwork
from promopilot.envs.arrays import Ints
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES

_WEIGHTS, _CARD = "policy.safetensors", "policy.json"
_NAMES = {"globals": list(GLOBAL_NAMES), "features": list(PROMOTION_NAMES)}


@dataclass(frozen=True)
class PlacementPolicy:
    """The action of the highest value, or of the highest mean of quantiles; no exploration.

    It acts on any world, whatever its number of promotions.
    """

    network: PlacementNetwork
    blocks_per_day: int  # of the flights that it was trained on
    name: str = "dqn"

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """Actions `[N]`; one that is unavailable is never among them."""
        with torch.inference_mode():
            value = self.network(torch.from_numpy(observed))
            mean = value.reshape(len(observed), self.network.outputs, -1).mean(dim=1)
            return np.asarray(mean.argmax(dim=1).numpy(), dtype=np.int64)


def save_placement(policy: PlacementPolicy, folder: Path, notes: dict[str, object]) -> None:
    """Write `policy.safetensors` and `policy.json` (shape, names of the observation, digest)."""
    save_file(policy.network.state_dict(), folder / _WEIGHTS)
    card = {
        "algorithm": policy.name,
        "environment": "promopilot/AdPlacement-v0",
        **_NAMES,
        "blocks_per_day": policy.blocks_per_day,
        "hidden": policy.network.hidden,
        "outputs": policy.network.outputs,
        "unit": policy.network.unit,
        "sha256": hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        **notes,
    }
    (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def load_placement(folder: Path) -> PlacementPolicy:
    """Read what `save_placement` wrote.

    Raises:
        PolicyError: A file is missing or altered, or the policy was made for other observations.
    """
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()
        if digest != card["sha256"]:
            raise PolicyError(
                f"{folder / _WEIGHTS} was altered: its digest is {digest}, not {card['sha256']}."
            )
        _check_observations(card, folder)
        network = PlacementNetwork(card["hidden"], card["outputs"], card["unit"])
        network.load_state_dict(load_file(folder / _WEIGHTS))
        policy = PlacementPolicy(network.eval(), int(card["blocks_per_day"]), card["algorithm"])
    except FileNotFoundError as error:
        raise PolicyError(f"There is no trained policy in {folder}.") from error
    except (KeyError, TypeError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
        raise PolicyError(f"The policy in {folder} cannot be read: {error}.") from error
    return policy


def _check_observations(card: dict[str, Any], folder: Path) -> None:
    for name, entries in _NAMES.items():
        if card[name] != entries:
            other = sorted(set(card[name]) ^ set(entries)) or card[name]
            raise PolicyError(
                f"The policy in {folder} was trained on other observations than "
                f"promopilot/AdPlacement-v0 gives: they differ in {', '.join(map(str, other[:4]))}."
            )
