"""Which limits the rest of a flight is under: the run's own, or a file given with an update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config_yaml import yaml_text
from promopilot.experiments.limits.apply import bounded
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.limits.of_run import unlimited_world
from promopilot.experiments.update.ledger import UPDATES

LIMITS = "limits.yaml"


@dataclass(frozen=True)
class InForce:
    """A file of limits that takes the place of the run's own."""

    text: str
    source: str  # its path, for messages


def limits_in_force(run: Path, given: Path | None) -> InForce | None:
    """The file that is given, else the one that the last update kept.

    None where none was ever given: the run's own limits are in force.

    Raises:
        ConfigError: The file that is given cannot be read.
    """
    if given is None:
        last = max((run / UPDATES).glob("????-??-??"), default=run)
        given = last / LIMITS
        if not given.is_file():
            return None
    return InForce(yaml_text(given, "limits"), str(given))


def world_in_force(run: Path, limits: InForce | None, basis: Sequence[str]) -> World:
    """The run's market under the limits in force, a target's price aside.

    Args:
        run: A run folder.
        limits: What `limits_in_force` found.
        basis: `data` or `prior` for each line item `[L]`.

    Raises:
        ConfigError: The limits break a rule, or name what the flight has not.
        InfeasibleError: They cannot all hold.
        MarketError: A file of the market is missing or altered.
    """
    if limits is None:
        return load_world(run / "market")
    return bounded(unlimited_world(run), parse_limits(limits.text, limits.source), basis)
