"""What may be funded in a flight: its promotions, the days each is live, and the line items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables.keys import ITEM


def promotions_in_flight(
    promotions: pd.DataFrame, history: pd.DataFrame, config: RunConfig, dates: Dates
) -> pd.DataFrame:
    """Promotions that may run on some day of the flight, in the order of the table.

    Of more than `flight.max_promotions` those with most impressions before the flight stay, new
    ones first: a choice that looks at no outcome.
    """
    live = live_days(promotions, dates, config.flight.days).any(axis=0)
    running = promotions.iloc[np.flatnonzero(live)]
    if running.empty:
        raise ConfigError(
            f"no promotion runs between {dates.start} and {dates.last}: check `start_date` and "
            "`end_date` in the table promotions, or `$.flight.start`"
        )
    most = config.flight.max_promotions
    if most is not None and len(running) > most:
        shown = history.groupby("promotion_id")["impressions"].sum()
        seen = running["promotion_id"].map(shown).fillna(np.inf)
        rank = seen.rank(method="first", ascending=False).to_numpy()
        running = running.iloc[np.flatnonzero(rank <= most)]
    return running.reset_index(drop=True)


def live_days(promotions: pd.DataFrame, dates: Dates, days: int) -> np.ndarray:
    """[D, P] whether a promotion's dates allow the day."""
    day = pd.date_range(dates.start, periods=days).to_numpy()[:, None]
    live = np.ones((days, len(promotions)), dtype=bool)
    for name, later in (("start_date", False), ("end_date", True)):
        if name in promotions:
            bound = pd.to_datetime(promotions[name]).to_numpy()[None, :]
            within = day <= bound if later else day >= bound
            live &= within | np.isnat(bound)
    return live


def line_items(
    promotions: pd.DataFrame, pools: pd.Index[Any], before: pd.DataFrame
) -> pd.DataFrame:
    """Every promotion in every pool; `basis` says whether its response there was seen."""
    keep = ["promotion_id", *(c for c in ("name", "campaign_id") if c in promotions)]
    items = promotions[keep].merge(pools.to_frame(index=False), how="cross")
    outcomes = [c for c in ("clicks", "conversions") if c in before]
    learnt = (before["impressions"] > 0) & before[outcomes].notna().any(axis=1)
    seen = before[learnt][ITEM].drop_duplicates().assign(basis="data")
    items = items.merge(seen, on=ITEM, how="left")
    items["basis"] = items["basis"].fillna("prior")
    return items
