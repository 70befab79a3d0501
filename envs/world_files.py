"""A world as files: `world.safetensors` (arrays) and `world.json` (names and numbers)."""

import json
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Delay, Dynamics
from promopilot.envs.errors import MarketError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.limits import Group, Limits
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.response import Saturation
from promopilot.envs.target import Target
from promopilot.envs.world import InitialState, World

_ARRAYS, _NAMES = "world.safetensors", "world.json"
# Parts of parts first.
_PARTS: dict[str, type] = {
    "dynamics.saturation": Saturation,
    "dynamics.delay": Delay,
    "dynamics": Dynamics,
    "rates.first_stage": Stage,
    "rates.second_stage": Stage,
    "rates": Rates,
    "catalog": Catalog,
    "initial": InitialState,
}


def save_world(world: World, folder: Path) -> None:
    """Write a world's two files into `folder`."""
    arrays: dict[str, np.ndarray] = {}
    names: dict[str, Any] = {}
    _take_apart(world, "", arrays, names)
    save_file(arrays, folder / _ARRAYS)
    (folder / _NAMES).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def _take_apart(
    part: Any, prefix: str, arrays: dict[str, np.ndarray], names: dict[str, Any]
) -> None:
    for field in fields(part):
        value, name = getattr(part, field.name), prefix + field.name
        if is_dataclass(value):
            _take_apart(value, f"{name}.", arrays, names)
        elif name == "limits":  # a world without limits has nothing of that name in its files
            continue
        elif name == "limits.groups":
            names[name] = len(value)
            for at, group in enumerate(value):
                _take_apart(group, f"{name}.{at}.", arrays, names)
        elif isinstance(value, np.ndarray):
            arrays[name] = np.ascontiguousarray(value)
        elif isinstance(value, date):
            names[name] = value.isoformat()
        elif isinstance(value, float) and np.isinf(value):
            names[name] = None
        else:
            names[name] = value


def load_world(folder: Path) -> World:
    """Read what `save_world` wrote.

    Raises:
        MarketError: A file is missing, truncated or lacks a part.
        InfeasibleError: Its limits contradict each other.
    """
    for name in (_ARRAYS, _NAMES):
        if not (folder / name).is_file():
            raise MarketError(f"{folder} holds no market: {name} is missing.")
    try:
        names = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in names.items()
        } | load_file(folder / _ARRAYS)
        for name, kind in _PARTS.items():
            values[name] = _made(kind, _inside(values, name))
        values["limits"] = _limits(_inside(values, "limits"))
        if values["per_day_max"] is None:
            values["per_day_max"] = float("inf")
        made: World = _made(World, values | {"start": date.fromisoformat(values["start"])})
        check_limits(made)
        return made
    except MarketError:
        raise
    except (SafetensorError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise MarketError(f"The market in {folder} cannot be read: {error}.") from error


def _inside(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Take the values of a part out, by their names in it."""
    inside = [key for key in values if key.startswith(f"{name}.")]
    return {key[len(name) + 1 :]: values.pop(key) for key in inside}


def _limits(parts: dict[str, Any]) -> Limits | None:
    """Limits from all of their fields; None where there are none at all."""
    if not parts:
        return None
    groups = tuple(
        _made(Group, _endless(_inside(parts, f"groups.{at}"))) for at in range(parts["groups"])
    )
    target = _inside(parts, "target")
    made: Limits = _made(
        Limits,
        _endless(parts) | {"groups": groups, "target": _made(Target, target) if target else None},
    )
    return made


def _endless(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: float("inf") if value is None else value for name, value in parts.items()}


def _made(kind: type, parts: dict[str, Any]) -> Any:
    """A part from all of its fields: a lost line must not be taken for a default."""
    lost = {field.name for field in fields(kind)} - parts.keys()
    if lost:
        raise KeyError(sorted(lost)[0])
    return kind(**parts)
