"""A batch that cannot fit is refused before any of it is taken."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.market.build import SMALL

from promopilot.envs import memory
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.memory import memory_needed, require_memory
from promopilot.envs.synthetic import SyntheticSize, synthetic_world

GIB = 2**30
FLIGHTS = 500

_MEASURE = """
import json, sys
import numpy as np
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world

size, covers, flights = json.loads(sys.argv[1])
world = synthetic_world(SyntheticSize(**size), covers=tuple(covers))

def peak():
    # Not getrusage: what that gives starts from the parent's.
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

def play(flights):
    market = Market(world)
    market.reset(0, np.arange(flights))
    for _ in range(5):
        market.expected_rate
        market.step(np.full((flights, world.catalog.num_line_items), 5.0))

play(1)
before = peak()
play(flights)
print(peak() - before)
"""


def _size(**changes: int) -> SyntheticSize:
    return SyntheticSize(**{"promotions": 10, "placements": 5, "segments": 4, "days": 7, **changes})


def _grown(size: SyntheticSize, covers: tuple[str, ...], flights: int) -> int:
    """Bytes by which a process grows when it plays flights after a single one."""
    shape = {name: getattr(size, name) for name in ("promotions", "placements", "segments", "days")}
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, json.dumps([shape, covers, flights])],
        capture_output=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return int(run.stdout)


@pytest.fixture(scope="module")
def _compiled() -> None:
    """What compiling takes is no part of a batch's memory: do it in a process of its own."""
    _grown(_size(), ("spend", "subsidy"), 1)


MANY_POOLS = {"promotions": 1, "placements": 20, "segments": 10, "days": 60}


@pytest.mark.parametrize(
    ("changes", "covers", "flights"),
    [
        ({}, ("spend",), 500),
        ({}, ("spend", "subsidy"), 500),
        (MANY_POOLS, ("spend",), 200),
    ],
    ids=["media", "media and subsidy", "many pools"],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory as Linux tells it")
@pytest.mark.usefixtures("_compiled")
def test_what_is_needed_covers_what_is_taken(
    changes: dict, covers: tuple[str, ...], flights: int
) -> None:
    size = _size(**changes)
    assert size.promotions * size.placements * size.segments == 200
    needed = memory_needed(synthetic_world(size), flights)
    grown = _grown(size, covers, flights)
    assert grown <= needed <= 2.5 * grown


def test_memory_is_linear_in_flights() -> None:
    world = synthetic_world(_size())
    none, one, many = (memory_needed(world, flights) for flights in (0, 1, 1_000_001))
    assert many - none == 1_000_001 * (one - none)
    assert one > none


def test_memory_grows_with_everything_that_is_held() -> None:
    least = memory_needed(synthetic_world(_size()), 100)
    for name in ("promotions", "placements", "segments", "days"):
        larger = _size(**{name: 2 * getattr(_size(), name)})
        assert memory_needed(synthetic_world(larger), 100) > 1.05 * least, name


def _free(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    told = SimpleNamespace(available=size)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: told)


def test_a_batch_that_cannot_fit_is_named_with_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = synthetic_world(_size())
    needed = memory_needed(world, 10_000_000)
    _free(monkeypatch, 3.25 * GIB)
    with pytest.raises(MarketError) as told:
        require_memory(world, 10_000_000)
    for part in ("10000000 flights", "200 line items", f"{needed / GIB:.1f} GiB", "3.2 GiB"):
        assert part in str(told.value)


def test_the_limit_is_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    world = synthetic_world(_size())
    needed = memory_needed(world, FLIGHTS)
    _free(monkeypatch, needed)
    require_memory(world, FLIGHTS)
    _free(monkeypatch, needed - 1)
    with pytest.raises(MarketError, match="free"):
        require_memory(world, FLIGHTS)


def test_nothing_is_drawn_or_lost_when_a_batch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market(synthetic_world(SMALL))
    market.reset(3, np.arange(4))
    _free(monkeypatch, 1000)
    monkeypatch.setattr("promopilot.envs.market.draw", lambda *_: pytest.fail("drawn"))
    with pytest.raises(MarketError, match="5 flights"):
        market.reset(4, np.arange(5))
    assert (market.seed, market.num_flights) == (3, 4)
    market.step(np.zeros((4, 12)))
