"""Keeps each trial of a search as Ray Tune tells of it, in the process that searches."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper

from promopilot.experiments.atomic import remove
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.tuning.practice import (
    ENDED,
    ERROR,
    HALT,
    MEASURES,
    NUMBER,
    POINT,
    STATE,
)
from promopilot.experiments.tuning.trial import (
    Measure,
    Status,
    Trial,
    folder_of,
    save_trial,
)

_SHOWN = 200  # letters of what Ray says


class Ledger(Callback):
    """All trials of a search, each written to its file whenever something is heard of it.

    Args:
        folder: The search's.
        trials: Those of earlier sessions.
        told: Called after each change, with the trial.
    """

    def __init__(
        self, folder: Path, trials: Sequence[Trial], told: Callable[[Trial], None]
    ) -> None:
        self._folder, self._told = folder, told
        self.trials = {trial.number: trial for trial in trials}
        self.halted: str | None = None  # why the search cannot go on

    def __getstate__(self) -> dict[str, Any]:
        """Without whom it tells: Ray Tune writes its arguments to a file, which nobody reads."""
        return {**vars(self), "_told": None}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial begins, or goes on with other values."""
        known = self.trials.get(_number(trial)) or Trial(_number(trial), {})
        self._keep(replace(known, parameters=_values(trial), status="running", error=None))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial tells of a measure."""
        if HALT in result:
            self.halted = str(result[HALT])
        if self.halted is not None:
            return  # what was kept of the trial is what it goes on from
        self._keep(replace(self._of(trial), history=_history(result), parameters=_values(trial)))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial is over, by itself or because it was stopped."""
        result = trial.last_result or {}
        if self.halted is not None or HALT in result:
            return
        if ERROR in result:
            self._end(trial, "failed", str(result[ERROR]))
        else:
            self._end(trial, "finished" if result.get(ENDED) else "stopped")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's process ended, or could not begin the trial, again and again."""
        if self.halted is None:
            self._end(trial, "failed", _why(trial))

    def _of(self, trial: Any) -> Trial:
        return self.trials[_number(trial)]

    def _end(self, trial: Any, status: Status, error: str | None = None) -> None:
        self._keep(replace(self._of(trial), status=status, error=error))
        for kept in folder_of(self._folder, _number(trial)).glob(f"{STATE}*"):
            remove(kept)

    def _keep(self, trial: Trial) -> None:
        self.trials[trial.number] = trial
        try:
            save_trial(trial, self._folder)
            self._told(trial)
        except (RunFolderError, OSError) as error:  # Ray Tune would take it for the trial's own
            self.halted = str(error)


class Halt(Stopper):
    """Ends the search when its ledger cannot be kept.

    Args:
        ledger: Of the search.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops one trial alone."""
        return False

    def stop_all(self) -> bool:
        """Whether the search cannot go on."""
        return self._ledger.halted is not None


def _number(trial: Any) -> int:
    return int(trial.config[POINT][NUMBER])


def _values(trial: Any) -> Mapping[str, Any]:
    return {path: value for path, value in trial.config[POINT].items() if path != NUMBER}


def _why(trial: Any) -> str:
    """Why a trial's process failed, in one line, with what Ray says of the last time."""
    file = Path(trial.error_file or "")  # `trial.get_error` looks where it is copied to only later
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    lines = text.rpartition("Failure # ")[2].strip().splitlines()[1:]
    if not lines:
        return "its process failed each time it was started: killed, or out of memory"
    reason = lines[-1] if "ray::" in lines[0] else lines[0]  # which says only where
    return (
        "its process failed each time it was started; where Ray names no other reason, it was "
        f"killed, or out of memory: {textwrap.shorten(reason, _SHOWN, placeholder=' …')}"
    )


def _history(result: Mapping[str, Any]) -> tuple[Measure, ...]:
    return tuple(Measure(*one) for one in result[MEASURES])
