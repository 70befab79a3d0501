"""The study of offline evaluation: whether intervals cover and verdicts decide as they say.

500 simulated logs per setting, one process per core; what is done is kept (`ope_study_logs`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_study.judge import (
    LEAST_SHIPPED,
    MOST_SHIPPED,
    Coverage,
    Decision,
    coverage,
    decisions,
)
from promopilot.experiments.bench.ope_study.logs import (
    BATCH,
    FOLDER,
    Answer,
    Batch,
    one_thread,
    simulate,
)
from promopilot.experiments.bench.ope_study.page import page
from promopilot.experiments.bench.ope_study.settings import BETTER, LOGS, STUDY

PAGE = "offline-evaluation-study.md"
_MINUTES = 60.0  # of two cores


def measure(
    out: Path,
    progress: Callable[[str, float], None],
    logs: int = LOGS,
    names: Sequence[str] = (),
) -> dict[str, Figure]:
    """Simulate what is not kept yet, judge it and write the page below `out`.

    Args:
        out: the folder of bench.json.
        progress: told the share done.
        logs: simulated per setting, at most; settings for decisions have fewer.
        names: of settings; all where empty.

    Returns:
        How many intervals were judged, how many cover too little or too much, the lowest and
        highest coverage, how often equal or worse policies and better ones were shipped, minutes.
    """
    answers, seconds = _simulated(names or tuple(STUDY), logs, out, progress)
    covered = [
        one
        for name, found in answers.items()
        if not STUDY[name].decides_only
        for one in coverage(STUDY[name], found)
    ]
    decided = [one for name, found in answers.items() for one in decisions(STUDY[name], found)]
    write_text_atomic(out / FOLDER / PAGE, page(covered, decided, logs))
    return figures(covered, decided, seconds)


def figures(
    covered: Sequence[Coverage], decided: Sequence[Decision], seconds: float
) -> dict[str, Figure]:
    """What the study found, in numbers."""
    judged = [one for one in covered if one.finding != "not judged"]
    found = {
        "intervals_judged": figure(len(judged), "intervals"),
        "intervals_outside": figure(
            sum(one.finding != "holds" for one in judged), "intervals", at_most=0
        ),
        "minutes": figure(seconds / 60.0, "min of one core", at_most=2 * _MINUTES),
    }
    if judged:
        found["coverage_lowest"] = figure(min(one.share for one in judged), "share")
        found["coverage_highest"] = figure(max(one.share for one in judged), "share")
    asked = [one for one in decided if one.holds is not None]
    if better := [one.share for one in asked if one.policy == BETTER]:
        found["better_shipped_least"] = figure(min(better), "share", at_least=LEAST_SHIPPED)
    if others := [one.share for one in asked if one.policy != BETTER]:
        found["no_better_shipped_most"] = figure(max(others), "share", at_most=MOST_SHIPPED)
    return found


def _simulated(
    names: Sequence[str], logs: int, out: Path, progress: Callable[[str, float], None]
) -> tuple[dict[str, list[Answer]], float]:
    """Answers by setting in the order of `names`, and the seconds that they took in all."""
    batches = {
        (name, first): (name, first, min(first + BATCH, logs, STUDY[name].logs), out)
        for name in names
        for first in range(0, min(logs, STUDY[name].logs), BATCH)
    }
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), one_thread) as pool:
        jobs: dict[Future[Batch], tuple[str, int]] = {
            pool.submit(simulate, *given): key for key, given in batches.items()
        }
        for done, _ in enumerate(as_completed(jobs)):
            progress("ope_study", (done + 1) / len(jobs))
        found = {key: job.result() for job, key in jobs.items()}
    answers: dict[str, list[Answer]] = {name: [] for name in names}
    for name, first in batches:
        answers[name] += found[name, first].answers
    return answers, sum(batch.seconds for batch in found.values())
