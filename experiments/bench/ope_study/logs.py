"""Logs of the study, simulated and evaluated once, and kept.

What is kept belongs to one code: its name holds a digest of it, so that a killed study goes on, and
a changed one starts anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from promopilot.experiments import ope
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.bench.ope_study.cases import SETTINGS, judged
from promopilot.experiments.bench.ope_study.settings import STUDY
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests

FOLDER = "ope_study"  # beside bench.json
BATCH = 20  # logs simulated in one go
_DIGITS = 16
_WORLDS = ("bandit", "slate", "sequential", "policies", "cases", "settings", "logs")


@dataclass(frozen=True)
class Row:
    """What one estimator said; None where undefined."""

    value: float | None
    interval: tuple[float | None, float | None]
    gain: float | None
    gain_interval: tuple[float | None, float | None]


@dataclass(frozen=True)
class Answer:
    """What an evaluation said about a policy, and what is true."""

    policy: str
    true_value: float
    true_gain: float
    verdict: str
    rules: tuple[str, ...]  # that stood against shipping
    ess_share: float
    primary: str  # the estimator that the verdict rests on
    rows: dict[str, Row]  # by estimator


@dataclass(frozen=True)
class Batch:
    """All answers on some logs."""

    seconds: float  # of one core
    answers: tuple[Answer, ...]


def one_thread() -> None:
    """One thread for this process: there are as many processes as cores."""
    threadpool_limits(1)


def simulate(name: str, first: int, last: int, out: Path) -> Batch:
    """Draw and evaluate the logs `first` to `last` - 1 of a setting, or read what was found."""
    place = out / FOLDER / f"{name}-{first}-{last}-{code_digest()}.json"
    try:
        return _read(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        pass
    began = time.process_time()
    answers = tuple(answer for seed in range(first, last) for answer in _answers(name, seed))
    batch = Batch(time.process_time() - began, answers)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(place, json.dumps(asdict(batch)) + "\n")
    return batch


def _answers(name: str, seed: int) -> list[Answer]:
    setting, found = STUDY[name], []
    for one in judged(setting.make(), setting.units, seed):
        result = evaluate(one.case, parse_requests((), one.case.kind), SETTINGS, seed)
        rows = {
            row["estimator"]: Row(
                row["estimate"], tuple(row["ci95"]), row["diff_vs_logged"], tuple(row["diff_ci95"])
            )
            for row in result["estimates"]
        }
        found.append(
            Answer(
                one.policy,
                one.value,
                one.gain,
                result["verdict"],
                tuple(result["rules"]),
                result["diagnostics"]["ess_share"],
                one.case.kind.primary,
                rows,
            )
        )
    return found


def _read(found: dict[str, Any]) -> Batch:
    answers = tuple(
        Answer(
            **answer
            | {
                "rules": tuple(answer["rules"]),
                "rows": {
                    name: Row(
                        row["value"],
                        tuple(row["interval"]),
                        row["gain"],
                        tuple(row["gain_interval"]),
                    )
                    for name, row in answer["rows"].items()
                },
            }
        )
        for answer in found["answers"]
    )
    return Batch(found["seconds"], answers)


@cache
def code_digest() -> str:
    """Of the evaluation's code, the study's worlds, and the libraries that fit and draw."""
    told = hashlib.sha256()
    folder = Path(ope.__path__[0])
    for file in sorted(folder.rglob("*.py")):
        told.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    for part in _WORLDS:
        told.update((Path(__file__).parent / f"{part}.py").read_bytes())
    for library in ("numpy", "scipy", "scikit-learn"):
        told.update(metadata.version(library).encode())
    return told.hexdigest()[:_DIGITS]
