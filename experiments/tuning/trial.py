"""A trial of a search: what was tried, how it went, kept in a file of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from promopilot.experiments.atomic import write_text_atomic

TRIALS = "trials"  # folder of a search; each trial has one in it, by its number
TRIAL = "trial.json"
Value = float | int | str | bool
# running: begun, or killed; finished: to its end; stopped: by the scheduler, as others were better;
# failed: an error.
Status = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Measure:
    """One measure on the validation flights."""

    steps: float  # flight-days of practice
    gain_pct: float  # over the re-planner, in per cent of its value, of the policy as it was then
    seconds: float  # since the trial began, in all sessions
    holds: bool = True  # whether a target is kept; a policy that misses it is not worth its gain

    @property
    def counts(self) -> bool:
        """Whether the trial may be judged by it."""
        return self.holds and math.isfinite(self.gain_pct)


@dataclass(frozen=True)
class Trial:
    """What was tried and how it went."""

    number: int  # from 0
    parameters: Mapping[str, Value]  # by path in the config, "agents.ppo.learning_rate"
    status: Status = "running"
    history: tuple[Measure, ...] = field(default=())  # by steps
    error: str | None = None  # one line, where it failed

    @property
    def best(self) -> Measure | None:
        """The best measure; None before the first, and where none counts."""
        found = [one for one in self.history if one.counts]
        return max(found, key=lambda one: one.gain_pct, default=None)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.status != "running"


def folder_of(search: Path, number: int) -> Path:
    """Where a trial keeps its files."""
    return search / TRIALS / f"{number:04d}"


def save_trial(trial: Trial, search: Path) -> None:
    """Writes the trial's file, in one step."""
    folder = folder_of(search, trial.number)
    folder.mkdir(parents=True, exist_ok=True)
    document = asdict(replace(trial, parameters=dict(trial.parameters)))
    write_text_atomic(folder / TRIAL, json.dumps(document, indent=1) + "\n")


def load_trials(search: Path) -> list[Trial]:
    """All trials of a search, by number."""
    return [_read(path) for path in sorted((search / TRIALS).glob(f"*/{TRIAL}"))]


def _read(path: Path) -> Trial:
    document = json.loads(path.read_text(encoding="utf-8"))
    history = tuple(Measure(**one) for one in document.pop("history"))
    return Trial(**document, history=history)
