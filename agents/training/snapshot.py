"""The whole state of a learner between flights, as tensors and JSON."""

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

_COUNTERS = (
    *("num_timesteps", "_n_updates", "_episode_num", "_n_calls"),
    *("exploration_rate", "_current_progress_remaining"),
)


def snapshot(model: BaseAlgorithm) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights, optimiser, random streams, counters and replay buffer of a learner."""
    optimizer = model.policy.optimizer.state_dict()
    random: Any = np.random.get_state()
    tensors = {f"weights.{name}": value for name, value in model.policy.state_dict().items()}
    tensors |= {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer["state"].items()
        for name, value in values.items()
    }
    tensors["random.torch"] = torch.get_rng_state()
    tensors["random.numpy"] = torch.from_numpy(random[1].astype(np.int64))
    tensors |= {f"replay.{name}": torch.from_numpy(a) for name, a in _replay(model).items()}
    state = {
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
        "optimizer": optimizer["param_groups"],
        "random": [random[0], *random[2:]],
        "replay": _replay_position(model),
        "actions": model.action_space.np_random.bit_generator.state,
    }
    return tensors, state


def restore(model: BaseAlgorithm, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Put a snapshot back into a learner made in the same way."""
    model.policy.load_state_dict(_under("weights.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        index, key = name.split(".")
        moments.setdefault(int(index), {})[key] = value
    model.policy.optimizer.load_state_dict({"state": moments, "param_groups": state["optimizer"]})
    for name, value in state["counters"].items():
        setattr(model, name, value)
    for name, array in _replay(model).items():
        array[...] = tensors[f"replay.{name}"].numpy()
    if state["replay"] is not None:
        model.replay_buffer.pos, model.replay_buffer.full = state["replay"]  # type: ignore[attr-defined]
    model.action_space.np_random.bit_generator.state = state["actions"]
    torch.set_rng_state(tensors["random.torch"])
    kind, *rest = state["random"]
    np.random.set_state((kind, tensors["random.numpy"].numpy().astype(np.uint32), *rest))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _replay(model: BaseAlgorithm) -> dict[str, np.ndarray]:
    """Arrays of the replay buffer, if there is one."""
    buffer = getattr(model, "replay_buffer", None)
    if buffer is None:
        return {}
    return {name: value for name, value in vars(buffer).items() if isinstance(value, np.ndarray)}


def _replay_position(model: BaseAlgorithm) -> list[Any] | None:
    buffer = getattr(model, "replay_buffer", None)
    return None if buffer is None else [buffer.pos, buffer.full]
