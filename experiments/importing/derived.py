"""Placements and segments: what each costs, has to sell, how many people it has, as far as told."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from promopilot.experiments.fast_csv import significant
from promopilot.experiments.importing.line_items import UNKNOWN, LineItems
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.rows import FloatArray, Rows
from promopilot.experiments.tables.readings import latest_readings
from promopilot.experiments.tables.schema import ALL

_DIGITS = 6  # significant ones of a price: an average of noisy days has no more to say
_TEXTS = {ALL: "All placements", UNKNOWN: "Placement not told"}
_SEGMENT_TEXTS = {ALL: "All customers", UNKNOWN: "Audience not told"}


def placements_of(performance: pd.DataFrame, items: LineItems, mapping: Mapping) -> pd.DataFrame:
    """One row per placement with its price and its supply.

    cpm = 1000 x spend / impressions, or cpc = spend / clicks where `clicks_priced` names the
    placement, both over all days; daily_supply = headroom x the quantile of its days' impressions.

    Args:
        performance: `Performance.frame`.
        items: The names of its placements.
        mapping: Complete.
    """
    names = items.placement.names
    frame = pd.DataFrame({"placement_id": names, "text": [_TEXTS.get(n, n) for n in names]})
    latest = _latest(performance)
    every = range(len(names))
    if "spend" in latest:
        by_click = np.array([_matches(name, mapping.clicks_priced or ()) for name in names])
        for column, count, units, chosen in (
            ("cpm", "impressions", 1000.0, ~by_click),
            ("cpc", "clicks", 1.0, by_click),
        ):
            if count not in latest:
                continue
            told = latest.dropna(subset=["spend", count]).groupby("placement")
            spend, counted = (
                told[c].sum().reindex(every).to_numpy(dtype=np.float64) for c in ("spend", count)
            )
            price = _price(units * spend, counted)
            if np.isfinite(price[chosen]).any():
                frame[column] = np.where(chosen, price, np.nan)
    days = latest.groupby(["placement", "date"])["impressions"].sum()
    usual = days.groupby(level=0).quantile(mapping.supply.quantile).reindex(every).to_numpy()
    frame["daily_supply"] = pd.Series(np.ceil(usual * mapping.supply.headroom)).astype("Int64")
    return frame


def segments_of(rows: Rows, items: LineItems) -> pd.DataFrame:
    """One row per segment; its size is the largest number of people that a row says it reached."""
    names = items.segment.names
    frame = pd.DataFrame({"segment_id": names, "text": [_SEGMENT_TEXTS.get(n, n) for n in names]})
    if rows.reach is not None:
        largest = pd.Series(rows.reach).groupby(items.segment.codes).max()
        size = largest.reindex(range(len(names))).to_numpy(dtype=np.float64)
        if (size > 0).any():
            frame["size"] = pd.Series(np.where(size > 0, np.ceil(size), np.nan)).astype("Int64")
    return frame


def _latest(performance: pd.DataFrame) -> pd.DataFrame:
    """The latest reading of each day and line item: only those can be added up."""
    names = {c: f"{c}_id" for c in ("promotion", "placement", "segment")}
    latest = latest_readings(performance.rename(columns=names))
    return latest.rename(columns={new: old for old, new in names.items()})


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


def _price(money: FloatArray, counted: FloatArray) -> FloatArray:
    """Money for each one counted; missing where none was, or nothing was paid."""
    price = np.divide(money, counted, out=np.full(len(money), np.nan), where=counted > 0)
    price[~(price > 0)] = np.nan
    return significant(price, _DIGITS)
