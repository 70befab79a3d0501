"""A trained price policy: the network's mean action inside the states it knows, and its files."""

from dataclasses import asdict, dataclass, replace
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
from promopilot.agents.errors import PolicyError
from promopilot.agents.network import NETWORKS, ActorCritic, PriceNetwork, make_network
from promopilot.agents.statistics import ObservationStatistics
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.target import Target
from promopilot.envs.views import observation
from promopilot.envs.views.price_actions import PriceActions
from promopilot.envs.world import World


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
    """Write `policy.safetensors` and `policy.json` (shape, observation statistics, digests)."""
    equivariant = isinstance(policy.network, PriceNetwork)
    card = {
        "algorithm": policy.name,
        **seen_in(policy.replan.world),
        "network": NETWORKS[0 if equivariant else 1],
        "hidden": policy.network.latent_dim_vf // 2,
        "num_promotions": policy.network.latent_dim_pi // 2,
        "pessimism": policy.pessimism,
        "target": asdict(policy.replan.target),
        "observation": statistics_card(policy.statistics),
    }
    write_artifact(folder, policy.network.state_dict(), card, notes)


def seen_in(world: World) -> dict[str, list[str]]:
    """Names of an observation's entries: the flight's, and those of each promotion."""
    placements = range(len(world.catalog.placement_ids))
    return {
        "globals": [*observation.GLOBAL_NAMES, *(f"log_price.{k}" for k in placements)],
        "features": list(observation.PROMOTION_NAMES),
    }


def load_policy(folder: Path, world: World) -> PpoPolicy:
    """Read what `save_policy` wrote.

    Raises:
        PolicyError: A file is missing or altered, or the policy is no PPO policy, or was made for
            other observations or, if it is no equivariant one, for a catalog of another size.
    """
    card, weights = read_artifact(folder, ("ppo",), seen_in(world))
    statistics = read_statistics(card, folder)
    with readable(folder):
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
        network.load_state_dict(weights)
        # A flight's own target goes before the one that was learnt with: its price is of today.
        own = world.limits.target if world.limits is not None else None
        replan = Replan(world, own or Target(**card["target"]))
        return PpoPolicy(network.eval(), statistics, replan, float(card["pessimism"]))
