"""What `simulate` records of a run's market besides the comparison: logs and datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promopilot.envs.world_files import load_world
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.logs import require_empty, write_logs
from promopilot.experiments.minari_export import export_minari, require_minari
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.policies import BASELINE, POLICIES, available, make_policy
from promopilot.experiments.progress import Progress
from promopilot.experiments.seeds import Seeds


def record_run(
    run: Path,
    names: Sequence[str],
    flights: int,
    settings: OpeSettings,
    seed: int,
    log: Path | None,
    minari: str | None,
    progress: Progress,
) -> dict[str, Any]:
    """Write the log and the dataset that are asked for, from the run's flights for logs.

    Args:
        run: A run folder whose market and policy are finished.
        names: Policies; where empty the re-planner fills blocks, and each of all that are quick
            decides on days.
        flights: How many flights.
        settings: Blocks a day and exploration.
        seed: The run's seed, or another for other flights.
        log: New or empty folder for the logs; none are written where absent.
        minari: Id of the dataset; none is written where absent.
        progress: Told the share done.

    Returns:
        What was written, under `log` and `minari`.

    Raises:
        ConfigError: A dataset of no policy or several, or an unknown policy.
        RunFolderError: `log` holds files.
        LogError: The dataset's id is none, or taken.
        MissingPackageError: Minari is not installed.
    """
    # Everything that can be refused, before anything takes time.
    if log is not None:
        require_empty(log)
    if minari is not None:
        if len(names) != 1:
            raise ConfigError(f"--minari records one policy; give --policy once, not {len(names)}x")
        require_minari(minari)
    if log is None and minari is None:
        return {}
    world, found = load_world(run / "market"), {}
    logged = Seeds.of(seed).log
    trained = run / "policy"
    # A log is of what somebody could have done, in the time of a log.
    quick = [n for n in available(trained) if POLICIES[n].usable and not POLICIES[n].slow]
    order = list(dict.fromkeys(names or [BASELINE, *quick]))
    policies = [make_policy(name, world, trained) for name in order]
    if log is not None:
        with progress.stage("log"):
            found["log"] = write_logs(world, policies, flights, settings, logged, log, progress)
    if minari is not None:
        with progress.stage("minari"):
            found["minari"] = export_minari(
                minari, policies[0], flights, run=run, seed=logged, progress=progress
            )
    return found
