"""A million line items over five thousand texts: seconds and memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.process import run_alone
from promopilot.experiments.bench.shop import Shop
from promopilot.experiments.bench.stopwatch import once

if TYPE_CHECKING:
    from promopilot.predictors import Predictor

_MOST_SECONDS, _MOST_MB = 30.0, 3000.0


def large_catalog(predictor: Predictor, model: Path, shop: Shop, folder: Path) -> dict[str, Figure]:
    """Predicts every line item of a shop none of whose texts is known yet.

    Args:
        predictor: in this process.
        model: its folder.
        shop: what is predicted; its tables are written as Parquet.
        folder: to write in.

    Returns:
        `large_catalog_rows`; `large_catalog_predict_seconds` of `Predictor.predict`;
        `large_catalog_command_seconds` and `large_catalog_command_mb` (the process's largest
        resident set) of `promopilot predictor predict`, from start to rates.csv.
    """
    shop.write(folder / "tables")
    count, predicting = _predict(predictor, shop)
    out = folder / "rates.csv"
    command = [sys.executable, "-m", "promopilot.experiments", "predictor", "predict", str(model)]
    command += ["--data", str(folder / "tables"), "--out", str(out), "--device", "cpu"]
    ended = run_alone(command)
    return {
        "large_catalog_rows": figure(count, "rows"),
        "large_catalog_predict_seconds": figure(predicting, "s", at_most=_MOST_SECONDS),
        "large_catalog_command_seconds": figure(ended.seconds, "s", at_most=_MOST_SECONDS),
        "large_catalog_command_mb": figure(ended.peak_mb, "MB", at_most=_MOST_MB),
    }


def _predict(predictor: Predictor, shop: Shop) -> tuple[int, float]:
    """Returns how many rows there are, which are forgotten again, and the seconds they take."""
    rows = shop.rows(predictor.settings)
    return len(rows), once(lambda: predictor.predict(rows))
