"""Our market beside RTBGym, the public simulator of ad auctions in SCOPE-RL.

Theirs and ours take turns, so that whatever else the machine does slows both; figures are medians
over the rounds. A step of theirs is one decision of one episode, over some 200 auctions; a step of
ours is one day of one flight, 40 line items, of 256 flights played at once. Both count their
resets, and neither counts what chooses the actions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.market import bench_world, given_shares
from promopilot.experiments.bench.peers_process import Peer

RTBGYM = Peer(
    "RTBGym",
    Path(__file__).with_name("peers_rtbgym.py"),
    ("steps_per_second", "bare_steps_per_second"),
)
_STARTING = 300.0  # seconds at most that theirs takes beyond its measurements
_LEAST_TIMES = 15.0


def measure(python: Path, rounds: int = 5, seconds: float = 1.0) -> dict[str, Figure]:
    """Measures in turns, in about half a minute.

    Args:
        python: interpreter that has RTBGym.
        rounds: how often each is measured.
        seconds: of each measurement.

    Returns:
        `rtbgym_steps_per_second`: its standard environment, as `gym.make` wraps it;
        `rtbgym_bare_steps_per_second`: the same auctions with neither wrapper nor reward model;
        `market_steps_per_second`: our market, shares given, every dynamic on, outcomes sampled;
        `times_rtbgym`, `times_rtbgym_bare`: ours over each, the median of the rounds' ratios.

    Raises:
        MissingPackageError: RTBGym does not run there.
    """
    play = given_shares(bench_world(40))
    play()  # the first call warms caches up, and compiles
    wrapped, bare, ours = [], [], []
    for _ in range(rounds):
        theirs = _rtbgym(python, seconds)
        wrapped.append(theirs[0])
        bare.append(theirs[1])
        ours.append(_rate(play, seconds))
    over_wrapped, over_bare = (
        median(one / other for one, other in zip(ours, theirs, strict=True))
        for theirs in (wrapped, bare)
    )
    return {
        "rtbgym_steps_per_second": figure(median(wrapped), "steps/s"),
        "rtbgym_bare_steps_per_second": figure(median(bare), "steps/s"),
        "market_steps_per_second": figure(median(ours), "flight-days/s"),
        "times_rtbgym": figure(over_wrapped, "x", at_least=_LEAST_TIMES),
        "times_rtbgym_bare": figure(over_bare, "x"),
    }


def _rate(play: Callable[[], int], seconds: float) -> float:
    """Steps per second of `play`, which returns how many steps it made."""
    steps, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        steps += play()
    return steps / spent


def _rtbgym(python: Path, seconds: float) -> list[float]:
    """Steps per second of the wrapped and of the bare environment, from a fresh process."""
    most = _STARTING + len(RTBGYM.answers) * seconds
    return RTBGYM.ask(python, ["--seconds", str(seconds)], most)
