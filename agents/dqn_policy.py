"""A trained policy that chooses a preset a day, and its files."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.agents.dqn_network import PresetNetwork
from promopilot.agents.errors import PolicyError
from promopilot.agents.statistics import FEATURES, ObservationStatistics
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.views.preset_actions import PRESETS, PresetActions
from promopilot.envs.world import World

_WEIGHTS, _CARD = "policy.safetensors", "policy.json"
_STATISTICS = ("mean", "sd", "low", "high")


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
    """Write `policy.safetensors` and `policy.json` (shape, observation statistics, digest)."""
    save_file(policy.network.state_dict(), folder / _WEIGHTS)
    card = {
        "algorithm": policy.name,
        **_seen(policy.replan.world),
        "hidden": policy.network.hidden,
        "outputs": policy.network.outputs,
        "observation": {name: getattr(policy.statistics, name).tolist() for name in _STATISTICS},
        "sha256": hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        **notes,
    }
    (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _seen(world: World) -> dict[str, list[str]]:
    """What must be the same where a policy is used as where it was trained."""
    placements = range(len(world.catalog.placement_ids))
    return {
        "globals": [*observation.GLOBAL_NAMES, *(f"log_price.{k}" for k in placements)],
        "features": list(observation.PROMOTION_NAMES),
        "presets": [preset.name for preset in PRESETS],
    }


def load_dqn(folder: Path, world: World) -> DqnPolicy:
    """Read what `save_dqn` wrote.

    Raises:
        PolicyError: A file is missing or altered, observation statistics are, or the policy was
            made for other observations or presets.
    """
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()
        if digest != card["sha256"]:
            raise PolicyError(
                f"{folder / _WEIGHTS} was altered: its digest is {digest}, not {card['sha256']}."
            )
        _check_seen(card, folder, world)
        statistics = _statistics(card, folder)
        network = PresetNetwork(statistics, len(PRESETS), card["hidden"], card["outputs"])
        network.load_state_dict(load_file(folder / _WEIGHTS))
    except FileNotFoundError as error:
        raise PolicyError(f"There is no trained policy in {folder}.") from error
    except (KeyError, TypeError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
        raise PolicyError(f"The policy in {folder} cannot be read: {error}.") from error
    return DqnPolicy(network.eval(), statistics, Replan(world), name=card["algorithm"])


def _check_seen(card: dict[str, Any], folder: Path, world: World) -> None:
    for name, entries in _seen(world).items():
        if card[name] != entries:
            other = sorted(set(card[name]) ^ set(entries)) or card[name]
            what = "presets" if name == "presets" else "observations"
            raise PolicyError(
                f"The policy in {folder} was trained on other {what} than this market gives: "
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
                f"The observation statistics of the policy in {folder} are damaged: {name} must "
                f"hold {size} numbers."
            )
    return ObservationStatistics(**found)
