"""trials.csv: a line per trial, as spreadsheets read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.trial import Trial, Value

_BEFORE = ("trial", "status", "gain_pct", "steps", "seconds", "measures")
# What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@")


def trials_table(trials: Sequence[Trial], record: SearchRecord) -> str:
    """The content of trials.csv, by number of the trial.

    `gain_pct` is the best measure, empty where there is none; `steps` and `seconds` are those of
    the last measure.

    Args:
        trials: In any order.
        record: Its domains give the columns of parameters.
    """
    paths = [domain.path for domain in record.domains]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*_BEFORE, *paths, "error"))
    for trial in sorted(trials, key=lambda one: one.number):
        writer.writerow(_row(trial, paths))
    return file.getvalue()


def one_line(text: str) -> str:
    """A text without line breaks and runs of blanks."""
    return " ".join(text.split())


def _row(trial: Trial, paths: Sequence[str]) -> list[str]:
    last = trial.history[-1] if trial.history else None
    return [
        str(trial.number),
        trial.status,
        "" if trial.best is None else f"{trial.best.gain_pct:.6g}",
        "" if last is None else f"{last.steps:.0f}",
        "" if last is None else f"{last.seconds:.1f}",
        str(len(trial.history)),
        *(_cell(trial.parameters.get(path)) for path in paths),
        _text(trial.error or ""),
    ]


def _cell(value: Value | None) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()  # as configs write it
    return "" if value is None else str(value)


def _text(text: str) -> str:
    """A text that no spreadsheet takes for a formula, in one line."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line
