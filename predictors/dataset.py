"""Rows: what was shown and what happened, aggregated to the cells that the funnel can tell apart.

R is the number of rows, P of promotions, L of placements, S of segments.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.settings import PredictorSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]

WEEKDAYS = 7  # Monday is 0
_NOT_FIELDS = frozenset({"promotion_id", "text", "name", "test_id", "start_date", "end_date"})


@dataclass(frozen=True)
class Promotions:
    """What is known of each promotion before it is shown."""

    promotion_id: Names  # [P]
    text: Names  # [P]
    group_id: Names  # [P], "" where neither group_id nor category is given
    test_id: Names | None  # [P], None where the table has no such column
    discount: Floats  # [P] share of price, NaN where missing
    log_price: Floats  # [P] natural log of currency, NaN where missing
    fields: dict[str, Names]  # name -> [P]: text columns that repeat, for the one-hot baseline


@dataclass(frozen=True)
class Rows:
    """One row per promotion x placement x segment x weekday that was shown.

    Counts are None where they were not recorded; rows made for scoring have neither.
    """

    promotions: Promotions
    placement_ids: tuple[str, ...]  # L names
    segment_ids: tuple[str, ...]  # S names
    promotion: Ints  # [R] into promotions
    placement: Ints  # [R] into placement_ids
    segment: Ints  # [R] into segment_ids
    weekday: Ints  # [R] 0..6
    impressions: Ints  # [R]
    clicks: Ints | None  # [R]
    conversions: Ints | None  # [R]
    weight: Floats  # [R] in (0, 1]: how much the row counts in a fit; scores ignore it

    def __len__(self) -> int:
        """Returns R."""
        return len(self.promotion)

    @property
    def is_funnel(self) -> bool:
        """Whether clicks were recorded, so that both stages are identified."""
        return self.clicks is not None


def rows_from_tables(
    promotions: pd.DataFrame,
    placements: pd.DataFrame | None,
    segments: pd.DataFrame | None,
    performance: pd.DataFrame,
    settings: PredictorSettings,
) -> Rows:
    """Aggregates contract tables to promotion x placement x segment x weekday.

    Args:
        promotions: the contract's `promotions`.
        placements: the contract's `placements`, or None: the ids of `performance` are taken.
        segments: likewise.
        performance: the contract's `performance`, `date` as datetime64; rows without impressions
            are left out.
        settings: `recency_half_life_days` weighs days; nothing else is read.

    Raises:
        PredictorDataError: a needed column is absent, an id is unknown, an outcome is missing or
            exceeds what it is a part of, or no impressions are left.
    """
    _need(performance, "performance", ["date", "promotion_id", "impressions"])
    if "conversions" not in performance:
        raise PredictorDataError(
            "performance has no column conversions: the predictor needs it to learn how often a "
            "shown promotion is bought; add it."
        )
    if not pd.api.types.is_datetime64_any_dtype(performance["date"]):
        raise PredictorDataError("performance.date must hold dates (datetime64), not text.")
    shown = performance[performance["impressions"] > 0]
    if shown.empty:
        raise PredictorDataError(
            "performance has no row with impressions in the dates asked for: widen the dates."
        )
    counts = {name: _counts(shown, name) for name in _recorded(shown)}
    known = _promotions(promotions)
    placement_ids = _known_ids(placements, shown, "placement_id")
    segment_ids = _known_ids(segments, shown, "segment_id")
    cell = _cells(
        shown, known, placement_ids, segment_ids, shown["date"].dt.day_of_week.to_numpy(np.int64)
    )
    shape = (len(known.promotion_id), len(placement_ids), len(segment_ids), WEEKDAYS)
    keys, inverse = np.unique(np.ravel_multi_index(cell, shape), return_inverse=True)
    sums = {
        name: np.rint(np.bincount(inverse, values.astype(np.float64))).astype(np.int64)
        for name, values in counts.items()
    }
    promotion, placement, segment, weekday = np.unravel_index(keys, shape)
    exposures = counts["impressions"].astype(np.float64)
    weighted = np.bincount(inverse, exposures * _recency(shown["date"], settings))
    return Rows(
        promotions=known,
        placement_ids=placement_ids,
        segment_ids=segment_ids,
        promotion=promotion.astype(np.int64),
        placement=placement.astype(np.int64),
        segment=segment.astype(np.int64),
        weekday=weekday.astype(np.int64),
        impressions=sums["impressions"],
        clicks=sums.get("clicks"),
        conversions=sums["conversions"],
        weight=weighted / sums["impressions"],
    )


def line_item_rows(
    promotions: pd.DataFrame,
    placements: pd.DataFrame | None,
    segments: pd.DataFrame | None,
    items: pd.DataFrame,
) -> Rows:
    """Makes rows to be scored, one per row of `items` and in its order.

    Args:
        promotions: the contract's `promotions`.
        placements: the contract's `placements`, or None.
        segments: the contract's `segments`, or None.
        items: `promotion_id`, `weekday` (0 is Monday) and, unless there is only one, `placement_id`
            and `segment_id`.

    Raises:
        PredictorDataError: a needed column is absent, an id is unknown or a weekday not in 0..6.
    """
    _need(items, "items", ["promotion_id", "weekday"])
    weekday = items["weekday"].to_numpy(np.int64)
    outside = (weekday < 0) | (weekday >= WEEKDAYS)
    if outside.any():
        raise PredictorDataError(
            f"items.weekday is {weekday[outside][0]} in row {int(np.argmax(outside))}: "
            "it must be 0 (Monday) to 6."
        )
    known = _promotions(promotions)
    placement_ids = _known_ids(placements, items, "placement_id")
    segment_ids = _known_ids(segments, items, "segment_id")
    promotion, placement, segment, weekday = _cells(
        items, known, placement_ids, segment_ids, weekday
    )
    nothing = np.zeros(len(items), dtype=np.int64)
    return Rows(
        promotions=known,
        placement_ids=placement_ids,
        segment_ids=segment_ids,
        promotion=promotion,
        placement=placement,
        segment=segment,
        weekday=weekday,
        impressions=nothing,
        clicks=None,
        conversions=None,
        weight=np.ones(len(items)),
    )


def _promotions(table: pd.DataFrame) -> Promotions:
    _need(table, "promotions", ["promotion_id", "text"])
    count = len(table)
    missing = np.full(count, np.nan)
    price = _numbers(table, "price") if "price" in table else missing
    group = next((name for name in ("group_id", "category") if name in table), None)
    return Promotions(
        promotion_id=_names(table["promotion_id"]),
        text=_names(table["text"]),
        group_id=_names(table[group]) if group else np.full(count, "", dtype=object),
        test_id=_names(table["test_id"]) if "test_id" in table else None,
        discount=_numbers(table, "discount") if "discount" in table else missing,
        log_price=np.log(price, out=missing.copy(), where=price > 0),
        fields=_fields(table),
    )


def _fields(table: pd.DataFrame) -> dict[str, Names]:
    """Text columns whose values repeat: one level per promotion would say nothing of a new one."""
    found = {}
    for name in table.columns:
        column = table[name]
        is_text = pd.api.types.is_string_dtype(column) or column.dtype == object
        if name not in _NOT_FIELDS and is_text and column.nunique() <= max(1, len(table) // 2):
            found[str(name)] = _names(column)
    return found


def _cells(
    table: pd.DataFrame,
    known: Promotions,
    placement_ids: tuple[str, ...],
    segment_ids: tuple[str, ...],
    weekday: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    promotion = _codes(table["promotion_id"], tuple(known.promotion_id), "promotions")
    only = np.zeros(len(table), dtype=np.int64)
    placement, segment = (
        _codes(table[column], ids, file) if column in table else only
        for column, ids, file in (
            ("placement_id", placement_ids, "placements"),
            ("segment_id", segment_ids, "segments"),
        )
    )
    return promotion, placement, segment, weekday


def _codes(column: "pd.Series[str]", ids: tuple[str, ...], file: str) -> Ints:
    codes = pd.Index(ids).get_indexer(pd.Index(column.astype(str))).astype(np.int64)
    if (codes < 0).any():
        unknown = column.iloc[int(np.argmax(codes < 0))]
        raise PredictorDataError(
            f"{column.name} {unknown!r} stands in no row of {file}: add it there."
        )
    return codes


def _known_ids(table: pd.DataFrame | None, used: pd.DataFrame, column: str) -> tuple[str, ...]:
    source = table if table is not None and column in table else used
    if column not in source:
        return ("all",)
    return tuple(pd.unique(source[column].astype(str)).tolist())


def _recorded(shown: pd.DataFrame) -> list[str]:
    return [name for name in ("impressions", "clicks", "conversions") if name in shown]


def _counts(shown: pd.DataFrame, name: str) -> Ints:
    values = shown[name].to_numpy(np.float64)
    bad = ~np.isfinite(values) | (values < 0) | (values != np.rint(values))
    if bad.any():
        raise PredictorDataError(
            f"performance.{name} is {values[bad][0]:g} in row {shown.index[bad][0]}: counts must "
            "be whole numbers, 0 or more, in every row (or the column left out)."
        )
    whole = {"clicks": "impressions", "conversions": "clicks" if "clicks" in shown else ""}.get(
        name
    )
    whole = "impressions" if whole == "" else whole
    if whole is not None:
        above = values > shown[whole].to_numpy(np.float64)
        if above.any():
            raise PredictorDataError(
                f"performance.{name} exceeds {whole} in row {shown.index[above][0]} "
                f"({values[above][0]:g}): it is counted among them."
            )
    return values.astype(np.int64)


def _recency(dates: "pd.Series[pd.Timestamp]", settings: PredictorSettings) -> Floats:
    if settings.recency_half_life_days is None:
        return np.ones(len(dates))
    age = (dates.max() - dates).dt.days.to_numpy(np.float64)
    return np.asarray(np.exp2(-age / settings.recency_half_life_days), dtype=np.float64)


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    return pd.to_numeric(table[name]).to_numpy(np.float64)


def _names(column: "pd.Series[str]") -> Names:
    return column.fillna("").astype(str).to_numpy(object)


def _need(table: pd.DataFrame, file: str, columns: list[str]) -> None:
    absent = [name for name in columns if name not in table]
    if absent:
        raise PredictorDataError(f"{file} has no column {', '.join(absent)}: add it.")
