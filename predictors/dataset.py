"""Rows: what was shown and what happened, a row per promotion x placement x segment x day.

R is the number of rows, P of promotions, L of placements, S of segments.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.maturity import matured_share
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.texts import texts_from

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]
Masks = NDArray[np.bool_]

WEEKDAYS = 7  # Monday is 0
NO_DAY = -1  # `day` of rows to be scored for a weekday, not for a date
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_KEY = ("date", "promotion_id", "placement_id", "segment_id")
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
    """One row per promotion x placement x segment x day that was shown, or that is to be scored.

    `clicks` or `conversions` is None where the table does not record it at all; a cell left empty
    counts 0 and its mask is False. Rows made for scoring have neither.
    """

    promotions: Promotions
    placement_ids: tuple[str, ...]  # L names
    segment_ids: tuple[str, ...]  # S names
    promotion: Ints  # [R] into promotions
    placement: Ints  # [R] into placement_ids
    segment: Ints  # [R] into segment_ids
    weekday: Ints  # [R] 0..6, 0 is Monday
    day: Ints  # [R] days since 1970-01-01; NO_DAY where only the weekday is known
    impressions: Ints  # [R]
    clicks: Ints | None  # [R]
    conversions: Ints | None  # [R]
    clicks_known: Masks  # [R]
    conversions_known: Masks  # [R]
    matured: Floats  # [R] in (0, 1]: share of the day's conversions that were seen when read
    weight: Floats  # [R] in (0, 1]: how much the row counts in a fit; scores ignore it

    def __len__(self) -> int:
        """Returns R."""
        return len(self.promotion)

    @property
    def stages(self) -> tuple[str, ...]:
        """What the recorded counts identify: ("ctr", "cvr"), ("ctr",) or ("ctcvr",)."""
        if self.clicks is None:
            return ("ctcvr",)
        return ("ctr",) if self.conversions is None else ("ctr", "cvr")

    @property
    def events(self) -> Ints:
        """Counts [R] of the last recorded stage: conversions, else clicks."""
        counts = self.clicks if self.conversions is None else self.conversions
        return np.zeros(len(self), dtype=np.int64) if counts is None else counts

    @property
    def item(self) -> Ints:
        """A number [R] for each line item: promotion x placement x segment."""
        cell = self.promotion * len(self.placement_ids) + self.placement
        return cell * len(self.segment_ids) + self.segment

    def pick(self, chosen: NDArray[Any]) -> "Rows":
        """Returns the rows at `chosen`, a mask [R] or positions."""
        arrays = {
            name: value[chosen] for name in _PER_ROW if (value := getattr(self, name)) is not None
        }
        return replace(self, **arrays)


_PER_ROW = (
    *("promotion", "placement", "segment", "weekday", "day", "impressions", "clicks"),
    *("conversions", "clicks_known", "conversions_known", "matured", "weight"),
)


def rows_from_tables(
    promotions: pd.DataFrame,
    placements: pd.DataFrame | None,
    segments: pd.DataFrame | None,
    performance: pd.DataFrame,
    settings: PredictorSettings,
) -> Rows:
    """Makes rows of what was shown, from contract tables.

    Args:
        promotions: the contract's `promotions`.
        placements: the contract's `placements`, or None: the ids of `performance` are taken.
        segments: likewise.
        performance: the contract's `performance`, `date` as datetime64; rows without impressions
            are left out. Of several readings (`as_of`) of a day the latest counts.
        settings: `recency_half_life_days` weighs days, `text_template` writes the texts.

    Raises:
        PredictorDataError: a needed column is absent, an id is unknown, a count is not a whole
            number or exceeds what it is a part of, or no impressions are left.
    """
    _need(performance, "performance", ["date", "promotion_id", "impressions"])
    if "conversions" not in performance and "clicks" not in performance:
        raise PredictorDataError(
            "performance has neither a column clicks nor conversions: the predictor learns from "
            "them how often a shown promotion is clicked or bought; add one."
        )
    if not pd.api.types.is_datetime64_any_dtype(performance["date"]):
        raise PredictorDataError("performance.date must hold dates (datetime64), not text.")
    latest = _latest_reading(performance)
    shown = latest[latest["impressions"] > 0]
    if shown.empty:
        raise PredictorDataError(
            "performance has no row with impressions in the dates asked for: widen the dates."
        )
    counts, masks = _counts(shown)
    known = _promotions(promotions, settings.text_template)
    placement_ids = _known_ids(placements, shown, "placement_id")
    segment_ids = _known_ids(segments, shown, "segment_id")
    promotion, placement, segment = _cells(shown, known, placement_ids, segment_ids)
    day = _days(shown["date"])
    return Rows(
        promotions=known,
        placement_ids=placement_ids,
        segment_ids=segment_ids,
        promotion=promotion,
        placement=placement,
        segment=segment,
        weekday=_weekday(day),
        day=day,
        impressions=counts["impressions"],
        clicks=counts.get("clicks"),
        conversions=counts.get("conversions"),
        clicks_known=masks["clicks"],
        conversions_known=masks["conversions"],
        matured=_matured(shown, day),
        weight=_recency(day, settings),
    )


def line_item_rows(
    promotions: pd.DataFrame,
    placements: pd.DataFrame | None,
    segments: pd.DataFrame | None,
    items: pd.DataFrame,
    settings: PredictorSettings | None = None,
) -> Rows:
    """Makes rows to be scored, one per row of `items` and in its order.

    Args:
        promotions: the contract's `promotions`.
        placements: the contract's `placements`, or None.
        segments: the contract's `segments`, or None.
        items: `promotion_id`, `date` (datetime64) or `weekday` (0 is Monday) and, unless there is
            only one, `placement_id` and `segment_id`. Without a date the rates are those of the
            last days that the fit saw.
        settings: of the predictor that will score them: its `text_template` writes the texts.

    Raises:
        PredictorDataError: a needed column is absent, an id is unknown or a weekday not in 0..6.
    """
    _need(items, "items", ["promotion_id", "date" if "date" in items else "weekday"])
    if "date" in items:
        day = _days(items["date"])
        weekday = _weekday(day)
    else:
        weekday = items["weekday"].to_numpy(np.int64)
        day = np.full(len(items), NO_DAY, dtype=np.int64)
    outside = (weekday < 0) | (weekday >= WEEKDAYS)
    if outside.any():
        raise PredictorDataError(
            f"items.weekday is {weekday[outside][0]} in row {int(np.argmax(outside))}: "
            "it must be 0 (Monday) to 6."
        )
    known = _promotions(promotions, (settings or PredictorSettings()).text_template)
    placement_ids = _known_ids(placements, items, "placement_id")
    segment_ids = _known_ids(segments, items, "segment_id")
    promotion, placement, segment = _cells(items, known, placement_ids, segment_ids)
    unknown = np.zeros(len(items), dtype=np.bool_)
    return Rows(
        promotions=known,
        placement_ids=placement_ids,
        segment_ids=segment_ids,
        promotion=promotion,
        placement=placement,
        segment=segment,
        weekday=weekday,
        day=day,
        impressions=np.zeros(len(items), dtype=np.int64),
        clicks=None,
        conversions=None,
        clicks_known=unknown,
        conversions_known=unknown,
        matured=np.ones(len(items)),
        weight=np.ones(len(items)),
    )


def _promotions(table: pd.DataFrame, template: str) -> Promotions:
    _need(table, "promotions", ["promotion_id", "text"])
    count = len(table)
    missing = np.full(count, np.nan)
    price = _numbers(table, "price") if "price" in table else missing
    group = next((name for name in ("group_id", "category") if name in table), None)
    return Promotions(
        promotion_id=_names(table["promotion_id"]),
        text=texts_from(table, template),
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
) -> tuple[Ints, Ints, Ints]:
    promotion = _codes(table["promotion_id"], tuple(known.promotion_id), "promotions")
    only = np.zeros(len(table), dtype=np.int64)
    placement, segment = (
        _codes(table[column], ids, file) if column in table else only
        for column, ids, file in (
            ("placement_id", placement_ids, "placements"),
            ("segment_id", segment_ids, "segments"),
        )
    )
    return promotion, placement, segment


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


def _latest_reading(shown: pd.DataFrame) -> pd.DataFrame:
    """Of several readings of a day and line item the one read last."""
    if "as_of" not in shown:
        return shown
    key = [name for name in _KEY if name in shown]
    return shown.sort_values("as_of", kind="stable").drop_duplicates(key, keep="last").sort_index()


def _counts(shown: pd.DataFrame) -> tuple[dict[str, Ints], dict[str, Masks]]:
    """Whole numbers by column, and where clicks and conversions were recorded."""
    counts: dict[str, Ints] = {}
    masks = {name: np.zeros(len(shown), dtype=np.bool_) for name in ("clicks", "conversions")}
    whole = "impressions"
    for name in ("impressions", "clicks", "conversions"):
        if name not in shown:
            continue
        values = shown[name].to_numpy(np.float64, na_value=np.nan)
        empty = np.isnan(values)
        bad = ~np.isfinite(values) | (values < 0) | (values != np.rint(values))
        bad &= ~empty if name != "impressions" else True
        if bad.any():
            raise PredictorDataError(
                f"performance.{name} is {values[bad][0]:g} in row {shown.index[bad][0]}: counts "
                "must be whole numbers, 0 or more (a cell is empty where none was recorded)."
            )
        counts[name] = np.where(empty, 0.0, values).astype(np.int64)
        if name == "impressions":
            continue
        masks[name] = ~empty
        # Where clicks are not recorded conversions are counted among impressions.
        of = np.where(masks["clicks"], counts[whole], counts["impressions"])
        above = ~empty & (counts[name] > (counts["impressions"] if name == "clicks" else of))
        if above.any():
            raise PredictorDataError(
                f"performance.{name} exceeds {whole} in row {shown.index[above][0]} "
                f"({values[above][0]:g}): it is counted among them."
            )
        whole = name
    return counts, masks


def _days(dates: "pd.Series[pd.Timestamp]") -> Ints:
    return dates.to_numpy("datetime64[D]").astype(np.int64)


def _weekday(day: Ints) -> Ints:
    return (day + _EPOCH_WEEKDAY) % WEEKDAYS


def _matured(shown: pd.DataFrame, day: Ints) -> Floats:
    """Share of conversions seen by `as_of`; 1 without it, and where the cell is empty."""
    if "as_of" not in shown:
        return np.ones(len(shown))
    known = shown["as_of"].notna().to_numpy(np.bool_)
    age = np.where(known, _days(shown["as_of"].fillna(shown["date"])) - day, 0)
    return np.where(known, matured_share(age), 1.0)


def _recency(day: Ints, settings: PredictorSettings) -> Floats:
    if settings.recency_half_life_days is None:
        return np.ones(len(day))
    age = (day.max() - day).astype(np.float64)
    return np.asarray(np.exp2(-age / settings.recency_half_life_days), dtype=np.float64)


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    return pd.to_numeric(table[name]).to_numpy(np.float64)


def _names(column: "pd.Series[str]") -> Names:
    return column.fillna("").astype(str).to_numpy(object)


def _need(table: pd.DataFrame, file: str, columns: list[str]) -> None:
    absent = [name for name in columns if name not in table]
    if absent:
        raise PredictorDataError(f"{file} has no column {', '.join(absent)}: add it.")
