"""The contract's tables of a made-up shop: what its analyst would have, nothing of the truth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats, Ints
from promopilot.experiments.sources.synthetic.calendar import OPEN
from promopilot.experiments.sources.synthetic.history import History
from promopilot.experiments.sources.synthetic.lift_tests import LiftTest
from promopilot.experiments.sources.synthetic.readings import Readings
from promopilot.experiments.sources.synthetic.shop import Shop

CSV_ROWS = 200_000  # a table with more rows is Parquet


def promotions_table(shop: Shop, history: History) -> pd.DataFrame:
    """Offers; `stock` is what is left when the flight starts."""
    catalog, calendar, copies = shop.catalog, shop.calendar, shop.copies
    stock = np.where(np.isinf(catalog.stock), np.nan, history.stock_left)

    def dates(days: Ints) -> list[str | None]:
        return [None if day == OPEN else calendar.date_of(day).isoformat() for day in days]

    frame = pd.DataFrame(
        {
            "promotion_id": catalog.promotion_ids,
            "text": [copy.text for copy in copies],
            "name": [copy.name for copy in copies],
            "campaign_id": [f"{copy.category} campaign" for copy in copies],
            "category": [copy.category for copy in copies],
            "group_id": [copy.product for copy in copies],
            "discount": [copy.discount for copy in copies],
            "price": catalog.price,
            "margin": catalog.margin,
            "unit_subsidy": catalog.unit_subsidy,
            "start_date": dates(calendar.first),
            "end_date": dates(calendar.last),
            "stock": pd.array(stock, dtype="Int64"),
        }
    )
    return frame.dropna(axis="columns", how="all")


def placements_table(shop: Shop) -> pd.DataFrame:
    """Placements with their mean price and their supply on a middling day."""
    supply = np.zeros(len(shop.places))
    np.add.at(supply, shop.catalog.pools[:, 0], shop.pools.level)
    return pd.DataFrame(
        {
            "placement_id": [place.id for place in shop.places],
            "text": [place.text for place in shop.places],
            "cpm": shop.pools.cpm,
            "daily_supply": np.rint(supply).astype(np.int64),
            "channel": [place.channel for place in shop.places],
        }
    )


def segments_table(shop: Shop) -> pd.DataFrame:
    """Segments with their size."""
    return pd.DataFrame(
        {
            "segment_id": [audience.id for audience in shop.audiences],
            "text": [audience.text for audience in shop.audiences],
            "size": shop.pools.people.astype(np.int64),
        }
    )


def performance_table(shop: Shop, history: History, readings: Readings) -> pd.DataFrame:
    """One row per reading; money and conversions as they had been seen by then."""
    day, item = readings.day, readings.item
    promotion = shop.catalog.promotion[item]
    columns = line_items(shop, item) | {
        "impressions": _whole(history.impressions[day, item]),
        "clicks": _whole(history.clicks[day, item]),
        "conversions": readings.conversions,
        "spend": history.spend[day, item].round(2),
        "conversion_value": readings.conversions * shop.catalog.conversion_value[promotion],
        "subsidy": readings.conversions * shop.catalog.unit_subsidy[promotion],
    }
    for money in ("conversion_value", "subsidy"):
        columns[money] = columns[money].round(2)
    if not shop.settings.clicks:
        del columns["clicks"]
    frame = pd.DataFrame({"date": dates_of(shop, day), **columns})
    if shop.settings.delay:
        frame["as_of"] = dates_of(shop, day + readings.age)
    return frame


def events_table(shop: Shop) -> pd.DataFrame:
    """Days of more supply, in the history and in the flight."""
    events = shop.calendar.events
    return pd.DataFrame(
        {
            "date": [shop.calendar.date_of(event.day).isoformat() for event in events],
            "name": [event.name for event in events],
            "factor": [event.factor for event in events],
        }
    )


def lift_tests_table(tests: list[LiftTest]) -> pd.DataFrame:
    """What the tests measured."""
    kept = ("promotion_id", "placement_id", "start_date", "end_date", "incrementality", "se")
    return pd.DataFrame([{name: getattr(test, name) for name in kept} for test in tests])


def line_items(shop: Shop, item: Ints) -> dict[str, np.ndarray]:
    """Ids of line items `[R]`, by column."""
    catalog = shop.catalog
    named = {
        "promotion_id": (catalog.promotion_ids, catalog.promotion),
        "placement_id": (catalog.placement_ids, catalog.placement),
        "segment_id": (catalog.segment_ids, catalog.segment),
    }
    return {name: np.array(ids, dtype=object)[index[item]] for name, (ids, index) in named.items()}


def dates_of(shop: Shop, days: Ints) -> np.ndarray:
    """ISO dates of days since the history began."""
    last = int(days.max(initial=0))
    names = [(shop.calendar.start + timedelta(days=day)).isoformat() for day in range(last + 1)]
    return np.array(names, dtype=object)[days]


def write_table(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """CSV, or Parquet where it is large; no file where there is no row."""
    if len(frame) > CSV_ROWS:
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    elif len(frame):
        path = folder / f"{name}.csv"
        frame.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def _whole(values: Floats) -> Ints:
    return values.astype(np.int64)
