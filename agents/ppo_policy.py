"""A trained price policy: the network's mean action inside the states it knows, and its files."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.agents.errors import PolicyError
from promopilot.agents.network import NETWORKS, ActorCritic, PriceNetwork, make_network
from promopilot.agents.statistics import FEATURES, ObservationStatistics
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.target import Target
from promopilot.envs.views import observation
from promopilot.envs.views.price_actions import PriceActions
from promopilot.envs.world import World

_WEIGHTS, _CARD = "policy.safetensors", "policy.json"
_STATISTICS = ("mean", "sd", "low", "high")


@dataclass(frozen=True)
class PpoPolicy:
    """PPO on prices, without exploration: observation, mean action, exact split.

    In a state beyond the range seen in training it decides as the re-planner.
    """

    network: ActorCritic
    statistics: ObservationStatistics
    replan: Replan
    pessimism: float = 0.0
    guarded: bool = True
    name: str = "ppo"

    def unguarded(self) -> "PpoPolicy":
        """The same without falling back, as training measures it."""
        return replace(self, guarded=False)

    def spend(self, market: Market) -> Floats:
        """The exact split at the network's pace and tilts."""
        seen = observation.observe(market, self.replan)
        with torch.inference_mode():
            action = self.network.forward_actor(torch.from_numpy(seen)).numpy()
        spend = PriceActions(self.replan, self.pessimism).spend(market, action)
        if self.guarded:
            lost = self.statistics.outside(seen)
            if lost.any():
                spend = np.where(lost[:, None], self.replan(market).spend, spend)
        return spend

    def fallback(self, market: Market) -> Bools:
        """[N] whether a flight's state today lies beyond the range seen in training."""
        return self.statistics.outside(observation.observe(market, self.replan))


def save_policy(policy: PpoPolicy, folder: Path, notes: dict[str, object]) -> None:
    """Write `policy.safetensors` and `policy.json` (shape, observation statistics, digest)."""
    save_file(policy.network.state_dict(), folder / _WEIGHTS)
    equivariant = isinstance(policy.network, PriceNetwork)
    card = {
        "algorithm": policy.name,
        "network": NETWORKS[0 if equivariant else 1],
        "hidden": policy.network.latent_dim_vf // 2,
        "num_promotions": policy.network.latent_dim_pi // 2,
        "globals": list(_globals(policy.replan.world)),
        "features": list(observation.PROMOTION_NAMES),
        "pessimism": policy.pessimism,
        "target": asdict(policy.replan.target),
        "observation": {name: getattr(policy.statistics, name).tolist() for name in _STATISTICS},
        "sha256": hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        **notes,
    }
    (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _globals(world: World) -> tuple[str, ...]:
    """Names of the observation's entries that are the flight's."""
    placements = range(len(world.catalog.placement_ids))
    return (*observation.GLOBAL_NAMES, *(f"log_price.{k}" for k in placements))


def load_policy(folder: Path, world: World) -> PpoPolicy:
    """Read what `save_policy` wrote.

    Raises:
        PolicyError: A file is missing or altered, observation statistics are, or the policy was
            made for other observations or, if it is no equivariant one, for a catalog of another
            size.
    """
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()
        if digest != card["sha256"]:
            raise PolicyError(
                f"{folder / _WEIGHTS} was altered: its digest is {digest}, not {card['sha256']}."
            )
        _check_observations(card, folder, world)
        statistics = _statistics(card, folder)
        promotions = world.catalog.num_promotions
        if card["network"] not in NETWORKS:
            raise PolicyError(f"The policy in {folder} has an unknown network {card['network']!r}.")
        if card["network"] != NETWORKS[0] and card["num_promotions"] != promotions:
            raise PolicyError(
                f"The policy in {folder} was trained for {card['num_promotions']} promotions, and "
                f"the market has {promotions}; a policy with the network `equivariant` acts on any "
                "number."
            )
        network = make_network(card["network"], statistics, promotions, card["hidden"])
        network.load_state_dict(load_file(folder / _WEIGHTS))
        pessimism, target = float(card["pessimism"]), Target(**card["target"])
    except FileNotFoundError as error:
        raise PolicyError(f"There is no trained policy in {folder}.") from error
    except (KeyError, TypeError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
        raise PolicyError(f"The policy in {folder} cannot be read: {error}.") from error
    return PpoPolicy(network.eval(), statistics, Replan(world, target), pessimism)


def _check_observations(card: dict[str, Any], folder: Path, world: World) -> None:
    expected = {"globals": list(_globals(world)), "features": list(observation.PROMOTION_NAMES)}
    for name, entries in expected.items():
        if card[name] != entries:
            other = sorted(set(card[name]) ^ set(entries)) or card[name]
            raise PolicyError(
                f"The policy in {folder} was trained on other observations than this market gives: "
                f"they differ in {', '.join(map(str, other[:4]))}."
            )


def _statistics(card: dict[str, Any], folder: Path) -> ObservationStatistics:
    if "observation" not in card:
        raise PolicyError(f"The policy in {folder} lacks its observation statistics.")
    found = {name: np.asarray(card["observation"][name], np.float32) for name in _STATISTICS}
    size = len(card["globals"]) + FEATURES
    for name, values in found.items():
        if values.shape != (size,) or not np.isfinite(values).all():
            raise PolicyError(
                f"The policy in {folder} has {name} of shape {values.shape} among its observation "
                f"statistics; it must be {size} finite numbers."
            )
    return ObservationStatistics(**found)
