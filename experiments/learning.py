"""Training the policies of a market: in a run, or from tables and a predictor."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promopilot import agents, envs
from promopilot.agents.spread import Spread, here
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.atomic import atomic_folder, write_text_atomic
from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import require_conversions, require_history, resolve_dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.hosting import predictor_host
from promopilot.experiments.own_folder import require_own
from promopilot.experiments.scoring import checkpoint_of
from promopilot.experiments.tables import read_tables
from promopilot.experiments.tensorboard import event_files
from promopilot.experiments.trained import Agent, Progress, place_of, trained

if TYPE_CHECKING:
    from promopilot.agents.training.coach import Course, Writer

_AGENTS: tuple[Agent, ...] = ("ppo", "dqn")
COURSE = "course.json"
MARKET = "market"  # of a trained policy: what it was trained in


def chosen_agent(name: str) -> Agent:
    """An agent by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    for agent in _AGENTS:
        if agent == name:
            return agent
    raise ConfigError(
        f"--agent {name}: there are two, `ppo`, which sets prices, and `dqn`, which picks presets"
    )


def train_agent(
    agent: Agent,
    market: Path,
    config: RunConfig,
    out: Path,
    progress: Progress,
    kept: Path,
    writer: Writer | None = None,
    spread: Spread = here,
) -> dict[str, Any]:
    """Train a policy in a market; write it into `out`.

    Args:
        agent: `ppo` or `dqn`.
        market: The folder of the market's files.
        config: `agents`, `simulate` and `seed` decide.
        out: An existing folder; DQN has one of its own in it.
        progress: Told the gain over the re-planner and the share done.
        kept: Where the state is kept until training is done, so that a killed one goes on.
        writer: Told figures by step, if anybody is.
        spread: Where what can be is done; the policy is the same.

    Returns:
        How training went: gains on validation flights by step, which was best, how it ended.
    """
    from promopilot.predictors.checkpoint import Checkpoint

    world, keep = load_world(market), Checkpoint(kept, _digest(agent, market, config))
    save, course = trained(agent, world, config, progress, keep, writer, spread)
    told = _told(course, world)
    folder = place_of(agent, out)
    folder.mkdir(exist_ok=True)
    save(folder, told)
    return told


def _told(course: Course, world: World) -> dict[str, Any]:
    best = course.history[course.best]
    return {
        "history": course.history,
        "best": {"steps": best["steps"], "gain_pct": best["gain_pct"]},
        "stopped": course.stopped,
        "days": world.days,
    }


def _digest(agent: Agent, market: Path, config: RunConfig) -> str:
    """Of all that decides a training, so that it never goes on from another's state."""
    told = hashlib.sha256(f"{agent} {metadata.version('promopilot')}".encode())
    for package in (agents, envs):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            told.update(file.read_bytes())
    for file in sorted(market.glob("world.*")):
        told.update(file.read_bytes())
    told.update(config.agents.model_dump_json().encode())
    told.update(str(config.simulate.flights_validation).encode())
    told.update(str(config.seed).encode())
    return told.hexdigest()


def train_from_folder(
    data: Path,
    predictor: Path,
    agent: Agent,
    out: Path,
    config: RunConfig,
    progress: Progress,
    logs: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Build the market of a flight from tables and a predictor, and train a policy in it.

    `out` then holds the policy, the market it was trained in, and `course.json`. The state of
    training is kept beside `out`, and a killed one goes on from it.

    Raises:
        DataError: The tables break the contract.
        ConfigError: The config's dates do not fit the data, or there is no budget.
        ArtifactError: The predictor is missing or altered.
        MarketError: No market can be made of them.
        ClusterError: There are no workers to spread flights over.
        RunFolderError: `out` cannot be written, holds something that is no policy, or a policy and
            `overwrite` is not given.
    """
    from promopilot.experiments.spreading.workers import spread_over
    from promopilot.experiments.world_builder import build_world
    from promopilot.predictors.checkpoint import forget

    require_own(out, COURSE, "a policy", overwrite)
    progress("market", 0.0)
    read = read_tables(data)
    dates = resolve_dates(config, read.performance)
    tables = read.known_on(dates.start)
    require_conversions(tables, dates)
    require_history(tables.performance, dates.start)
    with predictor_host(predictor, config) as host:
        world = build_world(tables, host, config, dates).world
    kept = checkpoint_of(out)
    with atomic_folder(out) as work, event_files(logs) as writer:
        (work / MARKET).mkdir()
        save_world(world, work / MARKET)
        with spread_over(config.ray) as spread:
            told = train_agent(agent, work / MARKET, config, work, progress, kept, writer, spread)
        write_text_atomic(work / COURSE, json.dumps(told, indent=1, allow_nan=False) + "\n")
    forget(kept)
    return told
