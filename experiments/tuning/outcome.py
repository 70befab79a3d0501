"""What a search leaves for its user: a table of trials, the best config, a page, a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.config import RunConfig, dump_config
from promopilot.experiments.errors import RunFolderError, SearchError
from promopilot.experiments.progress import Progress
from promopilot.experiments.tuning.base import without_search
from promopilot.experiments.tuning.folder import BEST, PAGE, TABLE
from promopilot.experiments.tuning.record import SearchRecord, load_record, save_record
from promopilot.experiments.tuning.space import Domain, with_values
from promopilot.experiments.tuning.table import trials_table
from promopilot.experiments.tuning.trial import Trial

if TYPE_CHECKING:
    from promopilot.experiments.tuning.mlflow_log import MlflowLog


def begin(
    out: Path,
    config: RunConfig,
    space: Sequence[Domain],
    total: int,
    key: str,
    trials: Sequence[Trial],
) -> None:
    """Writes what is searched, before the first trial of this session.

    Raises:
        RunFolderError: Trials of earlier sessions rest on another key: their gains do not compare.
    """
    if trials and load_record(out).key != key:
        raise RunFolderError(
            f"{out} was begun on another market, or by another version of promopilot, and gains of "
            "both do not compare: start anew with --overwrite, or choose another --out"
        )
    settings = getattr(config.agents, config.tune.agent)
    record = SearchRecord(
        agent=config.tune.agent,
        objective=config.objective,
        method=config.tune.search,
        scheduler=config.tune.scheduler,
        trials=total,
        steps=settings.steps,
        key=key,
        domains=tuple(space),
    )
    save_record(record, out)


class Told:
    """Hears of each change of a trial: shows progress, writes trials.csv, tells MLflow.

    Args:
        out: The search's folder.
        config: Its config.
        total: Trials in all.
        over: Those of earlier sessions.
        progress: Told the share done.
    """

    def __init__(
        self, out: Path, config: RunConfig, total: int, over: Sequence[Trial], progress: Progress
    ) -> None:
        self._out, self._total, self._progress = out, total, progress
        self._record = load_record(out)
        self._mlflow = _mlflow(out, config, self._record)
        for trial in over:  # those that could not be logged before
            if self._mlflow is not None:
                self._mlflow.log(trial)
        self._trials = {trial.number: trial for trial in over}
        self._length = max(1, self._record.steps)

    def __call__(self, trial: Trial) -> None:
        """Takes in a trial as it is now."""
        self._trials[trial.number] = trial
        trials = [self._trials[number] for number in sorted(self._trials)]
        if trial.is_over:
            write_text_atomic(self._out / TABLE, trials_table(trials, self._record))
            if self._mlflow is not None:
                self._mlflow.log(trial)
        over = sum(one.is_over for one in trials)
        under_way = sum(_share(one, self._length) for one in trials if not one.is_over)
        best = best_of(trials)
        gain = f", best {best.best.gain_pct:+.2f} %" if best and best.best else ""
        self._progress(f"{over} of {self._total} trials{gain}", (over + under_way) / self._total)

    def end(self) -> None:
        """Logs what is left; says what could not be logged."""
        warning = None if self._mlflow is None else self._mlflow.finish()
        if warning is not None:
            print(f"promopilot: warning: {warning}", file=sys.stderr)


def _mlflow(out: Path, config: RunConfig, record: SearchRecord) -> MlflowLog | None:
    if config.tune.mlflow is None:
        return None
    from promopilot.experiments.tuning.mlflow_log import MlflowLog

    return MlflowLog(record, config.tune.mlflow, out.resolve().name)


def _share(trial: Trial, length: int) -> float:
    return min(1.0, trial.history[-1].steps / length) if trial.history else 0.0


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the highest gain, the first of several; None where none has one."""
    found = [trial for trial in trials if trial.best is not None and trial.status != "failed"]
    return max(found, key=lambda t: t.best.gain_pct if t.best else 0.0, default=None)


def finish(out: Path, config: RunConfig, trials: Sequence[Trial]) -> dict[str, Any]:
    """Writes trials.csv, best.yaml and report.html, and returns the summary.

    Raises:
        SearchError: No trial has a gain.
    """
    from promopilot.experiments.report.search_page import render_search

    record = load_record(out)
    write_text_atomic(out / TABLE, trials_table(trials, record))
    best = best_of(trials)
    if best is None or best.best is None:
        raise SearchError(_nothing(trials, out))
    chosen = _with_agent(without_search(with_values(config, best.parameters)), record.agent)
    head = (
        f"# The best of {len(trials)} trials ({best.best.gain_pct:+.3f} % against the daily "
        f"re-optimiser on the\n# flights that chose it). promopilot run {out / BEST}\n"
    )
    write_text_atomic(out / BEST, head + dump_config(chosen, out))
    write_text_atomic(out / PAGE, render_search(record, trials, config.report.language))
    counts = Counter(trial.status for trial in trials)
    return {
        "search": str(out),
        "trials": {status: counts[status] for status in ("finished", "stopped", "failed")},
        "best": {
            "trial": best.number,
            "gain_pct": best.best.gain_pct,
            "parameters": dict(best.parameters),
        },
        "steps": sum(trial.history[-1].steps for trial in trials if trial.history),
        "files": [str(out / name) for name in (TABLE, BEST, PAGE)],
    }


def _with_agent(config: RunConfig, agent: str) -> RunConfig:
    """A config whose run trains the agent that was searched for."""
    trained = tuple(dict.fromkeys((*config.agents.trained, agent)))
    agents = config.agents.model_copy(update={"trained": trained})
    return config.model_copy(update={"agents": agents})


def _nothing(trials: Sequence[Trial], out: Path) -> str:
    reasons = Counter(trial.error or "no measure kept the target" for trial in trials)
    [(why, often)] = reasons.most_common(1)
    return (
        f"none of the {len(trials)} trials brought a gain: {why} ({often} of them); all are kept "
        f"in {out}, see {TABLE}: mend that, and start anew with --overwrite"
    )
