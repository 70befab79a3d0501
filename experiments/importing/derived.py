"""Placements and segments: what each costs, has to sell, how many people it has, as far as told."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from promopilot.experiments.fast_csv import significant
from promopilot.experiments.importing.line_items import UNKNOWN, LineItems
from promopilot.experiments.importing.mapping import Mapping, Supply
from promopilot.experiments.importing.measures import FloatArray
from promopilot.experiments.importing.performance import ELIGIBLE
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.tables.readings import latest_readings
from promopilot.experiments.tables.schema import ALL

_DIGITS = 6  # significant ones of a price: an average of noisy days has no more to say
_ENOUGH_TOLD = 0.5  # of a placement's impressions: then shares tell what it could have had
_TEXTS = {ALL: "All placements", UNKNOWN: "Placement not told"}
_SEGMENT_TEXTS = {ALL: "All customers", UNKNOWN: "Audience not told"}


def placements_of(performance: pd.DataFrame, items: LineItems, mapping: Mapping) -> pd.DataFrame:
    """One row per placement with its price and its supply.

    cpm = 1000 x spend / impressions, or cpc = spend / clicks where `clicks_priced` names the
    placement, both over all days. daily_supply is the quantile of its days' eligible impressions
    where at least half of its impressions tell of them, else headroom x that of those it had.

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
    frame["daily_supply"] = _supply(latest, mapping.supply).reindex(every).to_numpy()
    own = [_matches(name, mapping.own_supply or ()) for name in names]
    if any(own):
        frame["own_supply"] = ["true" if one else "false" for one in own]
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


def _supply(latest: pd.DataFrame, supply: Supply) -> pd.Series:
    """Impressions of a day by placement, whole."""
    of = latest["placement"]
    shown = latest["impressions"]
    could = latest.get(ELIGIBLE, pd.Series(np.nan, latest.index))
    share = shown.where(could.notna(), 0).groupby(of).sum() / shown.groupby(of).sum()
    known = share >= _ENOUGH_TOLD
    daily = could.where(of.map(known)).fillna(shown).groupby([of, latest["date"]]).sum()
    usual = daily.groupby(level=0).quantile(supply.quantile)
    return pd.Series(np.ceil(usual.where(known, usual * supply.headroom))).astype("Int64")


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
