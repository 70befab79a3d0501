"""From a folder of tables to a predictor, and from a predictor to rates.csv."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.atomic import atomic_folder, atomic_path, write_text_atomic
from promopilot.experiments.config import RunConfig
from promopilot.experiments.continuing import continuation, scores_of_both, with_replay
from promopilot.experiments.dates import Dates, resolve_dates
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.fast_csv import write_csv
from promopilot.experiments.own_folder import require_own
from promopilot.experiments.parts import parts_before, parts_by_group, rows_of, split_by
from promopilot.experiments.tables import Tables, read_tables
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tensorboard import event_files

if TYPE_CHECKING:
    from promopilot.predictors import Predictor, Rows
    from promopilot.predictors.earlier import Earlier

    # Where to write, the seed, the progress, where state is kept, and a scribe or None.
    _Learn = Callable[[Path, int, Callable[[str, float], None], Path, Any], Predictor]

if TYPE_CHECKING:
    from promopilot.predictors import Prediction

Progress = Callable[[str, float], None]
RATES = ("ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se")
METRICS = "metrics.json"


def fit_from_folder(
    data: Path,
    out: Path,
    config: RunConfig,
    seed: int,
    progress: Progress,
    logs: Path | None = None,
    overwrite: bool = False,
    earlier: Path | None = None,
    replay: Path | None = None,
) -> dict[str, Any]:
    """Fits a predictor on the tables in `data`; writes it, metrics.json and model_card.md to `out`.

    Without a `flight.start` the test part is, of randomised tests, some groups, and else the last
    `flight.days` of the data, where at least as many days are left before them. The state after
    each pass is kept beside `out`, and a killed fit goes on from it. With `logs` each pass's losses
    are written there for TensorBoard.

    With `earlier`, the folder of a fitted predictor, the fit goes on from that one, with what is
    new in `data`; `replay` is a folder with the older tables where `data` lacks them. The test part
    is then of the new days (see `continuing`), and `out` may be `earlier` itself.

    Returns:
        What metrics.json holds: {"predictor": {"test": …}}, without "test" where nothing is left;
        with `earlier` also "continued": what was kept of the fit, and why.

    Raises:
        DataError: The tables break the contract.
        ContinuationError: Nothing is new to the earlier model, or nothing old is there, or a
            setting or the tables do not go with it.
        ArtifactError: The earlier model is missing or altered.
        ConfigError: The config's dates do not fit the data, or `replay` lacks `earlier`.
        RunFolderError: `out` cannot be written, holds something that is no predictor, or a
            predictor and `overwrite` is not given.
    """
    import json

    from promopilot.predictors import evaluate
    from promopilot.predictors.checkpoint import forget
    from promopilot.predictors.model_card import write_model_card

    require_own(out, "predictor.json", "a predictor", overwrite)
    if replay is not None and earlier is None:
        raise ConfigError(
            "--replay names older tables for a fit that goes on: give the model that it goes on "
            "from with --from, or leave --replay out"
        )
    tables = read_tables(data)
    before: Earlier | None = None
    if earlier is None:
        learn, test = _anew(tables, config)
    else:
        before, learn, test = _going_on(
            earlier, tables if replay is None else with_replay(tables, replay), config
        )
    metrics: dict[str, Any] = {"predictor": {}}
    kept = checkpoint_of(out)
    with atomic_folder(out) as work:
        with event_files(logs) as scribe:
            predictor = learn(work, seed, progress, kept, scribe)
        if before is not None:
            told = dict(predictor.record["continued"])
            if test is not None:
                told["test"] = scores_of_both(before.predictor, predictor, test)
            metrics["predictor"]["continued"] = told
        if test is not None:
            progress("evaluate", 0.0)
            metrics["predictor"]["test"] = evaluate(predictor, test)
            progress("evaluate", 1.0)
        write_text_atomic(work / METRICS, json.dumps(metrics, indent=2) + "\n")
        write_model_card(work)
    forget(kept)
    return metrics


def _anew(tables: Tables, config: RunConfig) -> tuple[_Learn, Rows | None]:
    """What fits on all days, and the rows that it does not use."""
    from promopilot.predictors import fit

    settings = config.predictor
    if split_by(config.split, tables) == "group" and config.flight.start is None:
        parts = parts_by_group(tables, tables.performance, config.split, settings)
    else:
        dates = _dates(config, tables.performance)
        tables = tables.known_on(dates.start)
        flight = dates.flight(tables.performance)
        parts = parts_before(tables, dates, config)
        if flight["impressions"].sum() > 0:
            parts = replace(parts, test=rows_of(tables, flight, settings))
    return partial(fit, parts.fit, parts.choose, settings), parts.test


def _going_on(
    folder: Path, tables: Tables, config: RunConfig
) -> tuple[Earlier, _Learn, Rows | None]:
    """An earlier model, what goes on from it, and the rows that neither uses."""
    from promopilot.predictors.continuing import continue_fit
    from promopilot.predictors.earlier import Earlier

    earlier = Earlier.load(folder, config.predictor)
    settings = earlier.settings(config.predictor)
    found = continuation(tables, earlier, settings, config)
    return earlier, partial(continue_fit, earlier, found.history, settings), found.test


def checkpoint_of(out: Path) -> Path:
    """Where a fit that writes to `out` keeps its state until it is done."""
    return out.with_name(f".{out.name}.checkpoint")


def predict_to_csv(
    model: Path, data: Path, out: Path, progress: Progress, device: str = "auto"
) -> dict[str, Any]:
    """Writes rates.csv (contract) for the line items and dates in `performance`.

    Without performance every promotion x placement x segment is scored, each rate being the mean
    over the seven weekdays. Impressions and outcomes in the tables are not read.

    Raises:
        DataError: The tables break the contract.
        ArtifactError: The model is missing or altered, or this machine has no such device.
        RunFolderError: `out` cannot be written.
    """
    from promopilot.predictors import line_item_rows, open_host
    from promopilot.predictors.readable import shown_texts, warn_of_texts

    if not out.parent.is_dir():
        raise RunFolderError(f"cannot write {out}: {out.parent} is not a folder")
    progress("predict", 0.0)
    host = open_host(model, device)
    tables = read_tables(data, outcomes=False)
    items = _dated_items(tables)
    each_weekday = items is None
    if items is None:
        items = _every_item(tables)
        repeated = items.loc[items.index.repeat(7)].reset_index(drop=True)
        scored = repeated.assign(weekday=np.tile(np.arange(7, dtype=np.int8), len(items)))
    else:
        scored = items.assign(weekday=items["date"].dt.day_of_week)
    rows = line_item_rows(
        tables.promotions, tables.placements, tables.segments, scored, host.settings
    )
    warn_of_texts(host.readability(shown_texts(rows)))
    prediction = host.predict(rows)
    host.close()
    progress("predict", 0.9)
    with atomic_path(out) as partial:
        write_csv(rates_of(items, prediction, each_weekday), partial)
    progress("predict", 1.0)
    told = {"rates": str(out), "rows": len(items), "dated": not each_weekday}
    return {**told, "engine": "local"}


def rates_of(
    items: pd.DataFrame, prediction: Prediction, each_weekday: bool = False
) -> pd.DataFrame:
    """The rows of rates.csv.

    Args:
        items: Line items, with a `date` or without.
        prediction: Of each, or, with `each_weekday`, of each on seven weekdays.
        each_weekday: Whether rates are means over these.
    """
    found = items.copy()
    for name in RATES:
        values: NDArray[np.float64] | None = getattr(prediction, name)
        if values is not None and each_weekday:
            # A shift of the logit is the same on each weekday, so errors average like rates.
            values = values.reshape(-1, 7).mean(axis=1)
        found[name] = np.nan if values is None else values
    if "date" in found:
        found["date"] = found["date"].dt.strftime("%Y-%m-%d")
    return found


def _dates(config: RunConfig, performance: pd.DataFrame) -> Dates:
    if config.flight.start is None and not performance.empty:
        first: date = performance["date"].min().date()
        last: date = performance["date"].max().date()
        start = last - timedelta(days=config.flight.days - 1)
        if (start - first).days >= config.flight.days:
            flight = config.flight.model_copy(update={"start": start})
            config = config.model_copy(update={"flight": flight})
    return resolve_dates(config, performance)


def _dated_items(tables: Tables) -> pd.DataFrame | None:
    keys = [*ITEM, "date"]
    if tables.performance.empty:
        return None
    return tables.performance[keys].drop_duplicates().reset_index(drop=True)


def _every_item(tables: Tables) -> pd.DataFrame:
    return (
        tables.promotions[["promotion_id"]]
        .merge(tables.placements[["placement_id"]], how="cross")
        .merge(tables.segments[["segment_id"]], how="cross")
    )
