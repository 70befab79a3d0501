"""A trained price policy: the network's mean action, and its files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.agents.errors import PolicyError
from promopilot.agents.network import PriceNetwork
from promopilot.agents.observation_scale import ObservationScale
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.views.price_actions import pace_and_tilt
from promopilot.envs.world import World

_WEIGHTS, _CARD = "policy.safetensors", "policy.json"


@dataclass(frozen=True)
class PpoPolicy:
    """PPO on prices, without exploration: observation, mean action, exact split."""

    network: PriceNetwork
    scale: ObservationScale
    replan: Replan
    name: str = "ppo"

    def spend(self, market: Market) -> Floats:
        """The exact split at the network's pace and tilts."""
        seen = self.scale.apply(observation.observe(market, self.replan))
        with torch.inference_mode():
            action = self.network.forward_actor(torch.from_numpy(seen)).numpy()
        pace, tilt = pace_and_tilt(action)
        return self.replan(market, pace, tilt).spend


def save_policy(policy: PpoPolicy, folder: Path, notes: dict[str, object]) -> None:
    """Write `policy.safetensors` and `policy.json` (shape, observation statistics, digest)."""
    save_file(policy.network.state_dict(), folder / _WEIGHTS)
    card = {
        "algorithm": policy.name,
        "num_globals": policy.network.num_globals,
        "num_promotions": policy.network.num_promotions,
        "hidden": policy.network.latent_dim_vf // 2,
        "observation_mean": policy.scale.mean.tolist(),
        "observation_sd": policy.scale.sd.tolist(),
        "sha256": hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        **notes,
    }
    (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def load_policy(folder: Path, world: World) -> PpoPolicy:
    """Read what `save_policy` wrote.

    Raises:
        PolicyError: A file is missing or altered, or the policy was made for a catalog of another
            size.
    """
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()
        if digest != card["sha256"]:
            raise PolicyError(
                f"{folder / _WEIGHTS} was altered: its digest is {digest}, not {card['sha256']}."
            )
        if card["num_promotions"] != world.catalog.num_promotions:
            raise PolicyError(
                f"The policy in {folder} was trained for {card['num_promotions']} promotions; "
                f"the market has {world.catalog.num_promotions}."
            )
        network = PriceNetwork(card["num_globals"], card["num_promotions"], card["hidden"])
        network.load_state_dict(load_file(folder / _WEIGHTS))
        scale = ObservationScale(
            np.asarray(card["observation_mean"], np.float32),
            np.asarray(card["observation_sd"], np.float32),
        )
    except FileNotFoundError as error:
        raise PolicyError(f"There is no trained policy in {folder}.") from error
    except (KeyError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
        raise PolicyError(f"The policy in {folder} cannot be read: {error}.") from error
    return PpoPolicy(network.eval(), scale, Replan(world))
