"""Limits in a run folder: its market without them, for plans under others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.limits.file import LimitsFile, read_limits

if TYPE_CHECKING:
    from promopilot.experiments.world_builder import BuiltWorld

UNLIMITED, COPY = "unlimited", "limits.yaml"


def save_unlimited(built: BuiltWorld, limits: Path | None, market: Path) -> None:
    """Keep a copy of the file of limits and the market without them, where there is such a file.

    Args:
        built: The run's market.
        limits: The file, if any.
        market: The run's `market/`.
    """
    if limits is None:
        return
    (market / UNLIMITED).mkdir()
    save_world(built.unlimited, market / UNLIMITED)
    shutil.copyfile(limits, market / COPY)


def own_limits(run: Path) -> LimitsFile | None:
    """The limits that a run was made under, as it keeps them; None where it has none.

    Its copy counts, not the file that its config names: that may have been edited since.

    Raises:
        ConfigError: The copy was altered, and breaks a rule.
    """
    copy = run / "market" / COPY
    return read_limits(copy) if copy.is_file() else None


def unlimited_world(run: Path) -> World:
    """The flight's market of a run without its limits, to put others on.

    Raises:
        MarketError: A file of it is missing or altered.
    """
    own = run / "market"
    return load_world(own / UNLIMITED if (own / UNLIMITED).is_dir() else own)
