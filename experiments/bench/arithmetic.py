"""What a day's log of a billion decisions takes, worked out from figures of `bench scale`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from promopilot.experiments.bench.arithmetic_figures import Measured

MACHINES = (1, 4, 16, 64)
MILLIONS = 1_000  # decisions of a day
NEW_TEXTS = 100_000
TRIALS = 64
_USED = 0.8  # share of a machine's memory that a part of the log may fill
_TEXTS = 64  # of a request of the bench


@dataclass(frozen=True)
class Work:
    """Work that machines share, but for what the first process does.

    The time of n machines is first + (whole - first) / n (Amdahl).
    """

    whole: float  # seconds of one machine for a million
    first: float  # of these, what only the first process does

    def hours(self, machines: int) -> float:
        """For the whole day."""
        first = min(self.first, self.whole)
        return MILLIONS * (first + (self.whole - first) / machines) / 3600


def scoring(measured: Measured) -> Work:
    """Every decision is a row of its own to score: the worst case."""
    return Work(measured["rows_seconds_per_million"], measured["rows_first_seconds"])


def evaluation(measured: Measured) -> Work:
    """One run of `ope --engine ray` over all machines."""
    per_million = 1e6 * measured["ope_ray_seconds"] / measured["ope_rows"]
    return Work(per_million, measured["ope_first_seconds"])


def part_evaluation(measured: Measured) -> Work:
    """Parts of the log, each evaluated by one machine with a Ray of its own: nothing is shared."""
    return Work(evaluation(measured).whole, 0.0)


def text_hours(measured: Measured) -> float:
    """New texts are encoded once, by the first process."""
    return NEW_TEXTS / (_TEXTS * measured["host_alone_requests"]) / 3600


def memory_gb(measured: Measured, millions: float) -> float:
    """Of a run of `ope --engine ray` over so many decisions, on the machine where it was begun."""
    further = millions - measured["ope_rows"] / 1e6
    return (measured["ope_ray_mb"] + further * measured["ope_first_bytes"]) / 1e3


def parts(measured: Measured, machines: int) -> int:
    """Least parts of a day's log that fit, as many for each machine."""
    return machines * math.ceil(MILLIONS / fits(measured) / machines)


def day_hours(measured: Measured, machines: int) -> float:
    """All of a day: new texts encoded, all decisions scored, and evaluated in parts."""
    shared = scoring(measured).hours(machines) + part_evaluation(measured).hours(machines)
    return text_hours(measured) + shared


def money(measured: Measured, machines: int) -> float:
    """What the machines cost for these hours, idle or not."""
    return measured.price * measured.cores * machines * day_hours(measured, machines)


def search_hours(measured: Measured, machines: int) -> float:
    """Trials of an hour of one core each, as many at a time as there are cores."""
    rounds = math.ceil(TRIALS / (measured.cores * machines))
    return rounds * measured.cores / measured["tune_speedup"]


def fits(measured: Measured) -> float:
    """Millions of decisions that one machine can evaluate at a time."""
    room = _USED * measured.memory_gb - memory_gb(measured, 0.0)
    return 1e3 * room / measured["ope_first_bytes"]


def most_times(work: Work) -> float:
    """How many times as fast as one machine any number of them can be."""
    return work.whole / work.first if work.first < work.whole else 1.0
