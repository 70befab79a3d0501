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
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.response import Saturation
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
            inside = [key for key in values if key.startswith(f"{name}.")]
            parts = {key[len(name) + 1 :]: values.pop(key) for key in inside}
            values[name] = _made(kind, parts)
        if values["per_day_max"] is None:
            values["per_day_max"] = float("inf")
        made: World = _made(World, values | {"start": date.fromisoformat(values["start"])})
        return made
    except MarketError:
        raise
    except (SafetensorError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise MarketError(f"The market in {folder} cannot be read: {error}.") from error


def _made(kind: type, parts: dict[str, Any]) -> Any:
    """A part from all of its fields: a lost line must not be taken for a default."""
    lost = {field.name for field in fields(kind)} - parts.keys()
    if lost:
        raise KeyError(sorted(lost)[0])
    return kind(**parts)
