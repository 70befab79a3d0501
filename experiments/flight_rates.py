"""The predictor's answer for a flight: both stages by weekday, and rates.csv by date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Stage
from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import Dates, no_conversions
from promopilot.experiments.recent_weeks import WEEK
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost


@dataclass(frozen=True)
class WeekStage:
    """A stage as predicted, one row per weekday."""

    week: Floats  # [7, L] rates
    total_sd: Floats  # [L] sd of the log-odds
    own_sd: Floats  # [L] its part that is the line item's own

    @classmethod
    def of(cls, week: Floats, week_se: Floats, own_sd: float) -> WeekStage:
        """From rates and standard errors `[7, L]`, and the line items' own sd in log-odds."""
        total = (week_se / (week * (1 - week))).mean(axis=0)  # delta method
        return cls(week, total, np.minimum(total, own_sd))

    def on_days(self, weekdays: np.ndarray, catalog: Catalog) -> Stage:
        """The stage on the flight's days, given their weekdays `[D]`."""
        # A promotion's shift is as wide as that of its least known line item.
        shared = np.zeros(catalog.num_promotions)
        np.maximum.at(shared, catalog.promotion, np.sqrt(self.total_sd**2 - self.own_sd**2))
        return Stage(self.week[weekdays], shared, self.own_sd)


def flight_rates(
    tables: Tables, host: PredictorHost, items: pd.DataFrame, config: RunConfig, dates: Dates
) -> tuple[list[WeekStage], bool, pd.DataFrame]:
    """Both stages, whether clicks were recorded, and the contract's rates.csv by date.

    Raises:
        DataError: The predictor has learnt clicks alone.
    """
    from promopilot.predictors import line_item_rows
    from promopilot.predictors.readable import shown_texts, warn_of_texts

    each = items[ITEM].loc[items.index.repeat(WEEK)].reset_index(drop=True)
    each["weekday"] = np.tile(np.arange(WEEK), len(items))
    rows = line_item_rows(
        tables.promotions, tables.placements, tables.segments, each, host.settings
    )
    warn_of_texts(host.readability(shown_texts(rows)))
    predicted = host.predict(rows)
    if predicted.ctcvr is None:
        raise no_conversions("the predictor has learnt from clicks alone")
    table: dict[str, Floats] = {
        name: np.ascontiguousarray(values.reshape(-1, WEEK).T)
        for name in ("ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se")
        if (values := getattr(predicted, name)) is not None
    }
    own = [spread.own for spread in host.spreads]
    if "ctr" in table:
        stages = [
            WeekStage.of(table["ctr"], table["ctr_se"], own[0]),
            WeekStage.of(table["cvr"], table["cvr_se"], own[1]),
        ]
    else:
        none = np.zeros(len(items))
        certain = WeekStage(np.ones((WEEK, len(items))), none, none)
        stages = [WeekStage.of(table["ctcvr"], table["ctcvr_se"], own[0]), certain]
    frames = []
    for day in pd.date_range(dates.start, periods=config.flight.days):
        frame = items[ITEM].assign(date=day.date().isoformat())
        for name in ("ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se"):
            frame[name] = table[name][day.day_of_week] if name in table else np.nan
        frames.append(frame)
    return stages, "ctr" in table, pd.concat(frames, ignore_index=True)
