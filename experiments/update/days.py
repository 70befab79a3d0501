"""What happened as arrays of a market: days x line items, and conversions by when they were seen.

Conversions are dated by impression, and each reading of a day shows those that had come in by then.
What came in between two readings is spread over the mornings between them as the delay has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay
from promopilot.envs.world import World
from promopilot.experiments.line_items import line_items
from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.update.ledger import Ledger

_LEAST = 1e-9  # share of conversions below which a delay brings none


@dataclass(frozen=True)
class Happened:
    """T days of a flight as they were read (L line items); counts as recorded."""

    spend: Floats  # [T, L] money; NaN where none was recorded
    impressions: Floats  # [T, L]
    clicks: Floats  # [T, L]; NaN where not recorded
    conversions: Floats  # [T, L] of the day, by its latest reading; NaN where not recorded
    arrived: Floats  # [T, L] conversions of this and earlier days that the next morning showed
    read: Floats  # [T, L] days from the day to its latest reading of conversions; 0 where none
    subsidy: Floats  # [T] money recorded as subsidy; NaN where it is not
    elsewhere: Floats  # [T] spend of the flight's promotions on what the plan may not fund
    others: dict[str, float]  # rows and spend of promotions that are not in the plan at all

    @property
    def days(self) -> int:
        """T."""
        return len(self.spend)

    def come_in(self, delay: Delay) -> Floats:
        """Share `[T, L]` of each day's conversions that its latest reading can hold."""
        return np.where(self.read > 0, delay.seen(self.read), 0.0)


def happened(ledger: Ledger, world: World) -> Happened:
    """Lay the readings out by the market's days and line items."""
    catalog, days = world.catalog, ledger.days(world.start)
    items = line_items(world)
    shape = (days, catalog.num_line_items)
    latest = ledger.latest
    ours = latest[latest["promotion_id"].isin(catalog.promotion_ids)]
    others = latest[~latest["promotion_id"].isin(catalog.promotion_ids)]
    item = items.get_indexer(pd.MultiIndex.from_frame(ours[items.names]))
    day = _day(ours["date"], world)
    inside = item >= 0
    elsewhere = np.zeros(days)
    spent = ours["spend"].fillna(0.0).to_numpy()
    np.add.at(elsewhere, day[~inside], spent[~inside])
    rows, at = ours[inside], (day[inside], item[inside])

    def laid_out(name: str) -> Floats:
        table = np.zeros(shape)
        table[at] = rows[name].to_numpy(dtype=np.float64)
        return table

    arrived, read = _arrivals(ledger.readings, items, world, shape)
    paid = ours["subsidy"]
    subsidy = np.full(days, np.nan)
    if paid.notna().all():
        subsidy = np.bincount(day, paid.to_numpy(dtype=np.float64), minlength=days)
    return Happened(
        spend=laid_out("spend"),
        impressions=laid_out("impressions"),
        clicks=laid_out("clicks"),
        conversions=laid_out("conversions"),
        arrived=arrived,
        read=read,
        subsidy=subsidy,
        elsewhere=elsewhere,
        others={"rows": float(len(others)), "spend": float(others["spend"].sum())},
    )


def _arrivals(
    readings: pd.DataFrame, items: pd.MultiIndex, world: World, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """`arrived` and `read` of `Happened`."""
    arrived, read = np.zeros(shape), np.zeros(shape)
    rows = readings.dropna(subset=["conversions"])
    item = items.get_indexer(pd.MultiIndex.from_frame(rows[items.names]))
    rows, item = rows[item >= 0], item[item >= 0]
    age = (rows[AS_OF] - rows["date"]).dt.days.to_numpy(dtype=np.int64)
    day, seen = _day(rows["date"], world), rows["conversions"].to_numpy(dtype=np.float64)
    before = np.zeros(shape)
    share = world.dynamics.delay.seen
    # In the order of readings' ages; one of a day and line item comes once at each age.
    for at in np.unique(age):
        now = age == at
        d, i = day[now], item[now]
        last = read[d, i]
        news = seen[now] - before[d, i]
        whole = share(np.full(len(d), at)) - share(last)
        for morning in range(1, at + 1):
            part = share(np.maximum(morning, last)) - share(np.maximum(morning - 1, last))
            # A delay that brings nothing in between: it was there on the first morning after.
            first = (last == morning - 1).astype(np.float64)
            portion = np.where(whole > _LEAST, part / np.maximum(whole, _LEAST), first)
            there = d + morning - 1 < shape[0]
            np.add.at(arrived, ((d + morning - 1)[there], i[there]), (news * portion)[there])
        read[d, i], before[d, i] = at, seen[now]
    return arrived, read


def _day(dates: pd.Series, world: World) -> np.ndarray:
    return (dates - pd.Timestamp(world.start)).dt.days.to_numpy(dtype=np.int64)
