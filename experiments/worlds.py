"""The worlds that come with promopilot, in which policies are judged."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.envs.world_recipe import read_recipe
from promopilot.experiments.errors import ConfigError

WORLDS = (
    "known_stationary",
    "uncertain",
    "scarce_stock",
    "step_limited",
    "subsidised",
    "holiday_peak",
    "complete_journey",
)


def world_place(name: str) -> Path:
    """The file, or folder of files, that says all of a world.

    Raises:
        ConfigError: No world has that name.
    """
    if name not in WORLDS:
        near = get_close_matches(name, WORLDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(WORLDS)}"
        raise ConfigError(f"no world is called {name!r}; {hint}")
    folder = Path(str(files("promopilot.configs").joinpath("worlds")))
    return folder / name if (folder / name).is_dir() else folder / f"{name}.yaml"


def named_world(name: str) -> World:
    """A world by name.

    Raises:
        ConfigError: No world has that name.
    """
    place = world_place(name)
    return load_world(place) if place.is_dir() else read_recipe(place).world()
