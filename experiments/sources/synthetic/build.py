"""Contract tables of a made-up shop of any size, and the truth that they came from.

Everything that promopilot estimates can be checked against it. The history is played in the market
itself, under spending habits that make saturation, fatigue and delay visible.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from promopilot.experiments.atomic import atomic_folder
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.sources.synthetic import tables
from promopilot.experiments.sources.synthetic.habits import spending
from promopilot.experiments.sources.synthetic.history import (
    Progress,
    flight_world,
    play_history,
)
from promopilot.experiments.sources.synthetic.lift_tests import run_tests
from promopilot.experiments.sources.synthetic.log import write_log
from promopilot.experiments.sources.synthetic.readings import read
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.sources.synthetic.shop import draw_shop
from promopilot.experiments.sources.synthetic.streams import seed_of
from promopilot.experiments.sources.synthetic.truth import write_truth
from promopilot.experiments.tables.schema import SOURCES_FILE

TRUTH = "truth"  # the folder inside a data folder that holds what nobody could know
_BYTES_PER_CELL = 400  # of a line item and day: arrays while playing, columns while writing
_GIB = 2**30
SOURCES = {
    "about": (
        "A made-up shop: promotions, texts, market and customers are invented, and its history was "
        "played in promopilot's own market. What is true of it is in the folder truth/."
    ),
    "promotions.stock": "data: left on the day after the last one of `performance`",
    "placements.cpm": "data: price of a first impression, on average over days",
    "placements.daily_supply": "data: on a middling weekday at the end of the history",
}


def build(
    out: Path,
    settings: SyntheticSettings | None = None,
    seed: int = 0,
    currency: str = "USD",
    progress: Progress = lambda what, share: None,
) -> None:
    """Writes the contract's tables, sources.json and `truth/` into the new folder `out`.

    The same settings, seed and version give the same bytes. `progress(what, share)` is called with
    the share of each part that is done. The folder appears under its name only when it is complete.

    Raises:
        RunFolderError: `out` is a file, is not empty, or cannot be written.
        ConfigError: The shop is too large for the memory of this machine, or it buys nothing.
    """
    settings = settings or SyntheticSettings()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(
            f"{out} exists and is not an empty folder; name another --out or remove it first"
        )
    _require_memory(settings)
    with atomic_folder(out) as folder:
        _write(folder, settings, seed, currency, progress)


def _write(
    folder: Path, settings: SyntheticSettings, seed: int, currency: str, progress: Progress
) -> None:
    progress("drawing the shop", 0.0)
    shop = spending(draw_shop(settings, seed, currency))
    history = play_history(shop, progress)
    if not history.impressions.any():
        raise ConfigError(
            "this shop buys nothing in its whole history: raise `$.data.synthetic.daily_supply`, "
            "`fill` or `cpm`, or lower `pauses`"
        )
    progress("writing the tables", 0.0)
    readings = read(shop, history)
    tests = run_tests(shop, history)
    for name, frame in {
        "promotions": tables.promotions_table(shop, history),
        "placements": tables.placements_table(shop),
        "segments": tables.segments_table(shop),
        "performance": tables.performance_table(shop, history, readings),
        "lift_tests": tables.lift_tests_table(tests),
        "events": tables.events_table(shop),
    }.items():
        tables.write_table(frame, folder, name)
    (folder / SOURCES_FILE).write_text(json.dumps(SOURCES, indent=2) + "\n", encoding="utf-8")
    progress("writing the truth", 0.5)
    truth = folder / TRUTH
    truth.mkdir()
    world = flight_world(shop, history, readings.pending)
    write_truth(shop, history, tests, world, truth)
    if settings.log_flights:
        progress("logging decisions in the flight", 0.8)
        write_log(world, settings, seed_of(seed, "log"), truth)
    progress("done", 1.0)


def _require_memory(settings: SyntheticSettings) -> None:
    items = settings.promotions * settings.placements * settings.segments
    days = settings.days + settings.flight_days
    needed, free = items * days * _BYTES_PER_CELL, psutil.virtual_memory().available
    if needed > free:
        raise ConfigError(
            f"{items} line items x {days} days need about {needed / _GIB:.1f} GiB of memory, and "
            f"{free / _GIB:.1f} GiB are free: ask for fewer of either"
        )
