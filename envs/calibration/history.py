"""What a shop recorded, as arrays.

Letters in shapes: R rows, T days, P promotions, K placements, S segments, M readings, Q pools.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cached_property

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.priors import PRIORS

WEEK = 7
# Older days say little of the next flight, and cost time with the third power of their number.
MAX_DAYS = 400
_NOT_ROWS = ("people", "daily_supply", "own_supply", "events")


@dataclass(frozen=True)
class Readings:
    """How often, and when, the conversions of a day x line item were read.

    Raises:
        MarketError: Lengths differ, or an age or a count is negative or not finite.
    """

    item: Ints  # [M] which day x line item: rows with one number are readings of the same
    age: Floats  # [M] days from the day of the impressions to the reading
    conversions: Floats  # [M] seen by then

    def __post_init__(self) -> None:
        for name in ("item", "age", "conversions"):
            values = getattr(self, name)
            if values.shape != self.item.shape:
                raise MarketError(
                    f"readings.{name} has shape {values.shape}; it must be {self.item.shape}."
                )
            _refuse(f"readings.{name}", values, (values >= 0) & np.isfinite(values), "at least 0")


@dataclass(frozen=True)
class History:
    """One row per day x line item, as the shop recorded it (the latest reading).

    A column that the shop does not record is all NaN; a cell that it does not know is NaN. Days
    without a row were not recorded, or nothing was shown.

    Raises:
        MarketError: An index or a number is outside its range, or shapes do not agree.
    """

    first_day: date
    num_days: int  # T
    num_promotions: int  # P
    num_placements: int  # K
    num_segments: int  # S
    day: Ints  # [R] days since first_day, 0 to T - 1
    promotion: Ints  # [R]
    placement: Ints  # [R]
    segment: Ints  # [R]
    impressions: Floats  # [R]
    clicks: Floats  # [R] first events
    conversions: Floats  # [R] seen by the latest reading
    spend: Floats  # [R] currency
    age: Floats  # [R] days from the row's date to its reading (as_of); NaN where unknown
    people: Floats  # [S] in the business
    projection: float = 1.0  # exposures in the business per recorded one (a panel)
    # [K, S] impressions a day that a pool has, in recorded ones, where the user said so, else NaN
    daily_supply: Floats | None = None
    reach_share: float = 1.0  # believed share of a pool that one line item can reach
    # [K] placements whose line items have impressions of their own: prices tell nothing of a reach
    # that they share. None: no placement
    own_supply: Bools | None = None
    events: Floats | None = None  # [T] factor of each day's supply that is known beforehand
    readings: Readings | None = field(default=None, repr=False)
    # What the user says of the laws, under which all else is fitted; None: to be found.
    family: str | None = None  # of reach curves
    hill_slope: float | None = None
    half_life_days: float = PRIORS["fatigue_half_life_days"].mean

    def __post_init__(self) -> None:
        if self.num_days < 1:
            raise MarketError(f"A history has {self.num_days} days; it must have at least 1.")
        rows = self.day.shape
        limits = {
            "day": self.num_days,
            "promotion": self.num_promotions,
            "placement": self.num_placements,
            "segment": self.num_segments,
        }
        for name, limit in limits.items():
            values = getattr(self, name)
            _require_shape(name, values, rows)
            _refuse(name, values, (values >= 0) & (values < limit), f"from 0 to {limit - 1}")
        for name in ("impressions", "clicks", "conversions", "spend", "age"):
            values = getattr(self, name)
            _require_shape(name, values, rows)
            known = values[~np.isnan(values)]
            _refuse(name, known, (known >= 0) & np.isfinite(known), "at least 0")
        if np.isnan(self.impressions).any():
            raise MarketError("impressions hold a gap; every row must have a number.")
        _require_shape("people", self.people, (self.num_segments,))
        _refuse("people", self.people, self.people > 0, "above 0")
        if self.daily_supply is not None:
            _require_shape("daily_supply", self.daily_supply, self.pools_shape)
            given = self.daily_supply[~np.isnan(self.daily_supply)]
            _refuse("daily_supply", given, (given > 0) & np.isfinite(given), "above 0")
        if self.own_supply is not None:
            _require_shape("own_supply", self.own_supply, (self.num_placements,))
        if self.events is not None:
            _require_shape("events", self.events, (self.num_days,))
            _refuse("events", self.events, self.events > 0, "above 0")
        for name in ("projection", "reach_share"):
            _refuse(name, np.array([getattr(self, name)]), getattr(self, name) > 0, "above 0")

    @property
    def pools_shape(self) -> tuple[int, int]:
        """(K, S)."""
        return self.num_placements, self.num_segments

    @cached_property
    def said_supply(self) -> Floats:
        """[K, S] `daily_supply`, all NaN where there is none."""
        if self.daily_supply is None:
            return np.full(self.pools_shape, np.nan)
        return self.daily_supply

    @cached_property
    def items(self) -> Ints:
        """[I, 3] promotion, placement and segment of the line items that occur."""
        first = np.unique(self.line_item, return_index=True)[1]
        return np.stack([self.promotion, self.placement, self.segment], axis=1)[first]

    @cached_property
    def shared_supply(self) -> Bools:
        """[K] placements whose line items share what there is."""
        return np.ones(self.num_placements, bool) if self.own_supply is None else ~self.own_supply

    @cached_property
    def pool(self) -> Ints:
        """[R] placement * S + segment."""
        return np.asarray(self.placement * self.num_segments + self.segment)

    @cached_property
    def line_item(self) -> Ints:
        """[R] number of the row's promotion x placement x segment among those that occur."""
        code = self.promotion * (self.num_placements * self.num_segments) + self.pool
        return np.asarray(np.unique(code, return_inverse=True)[1], dtype=np.int64)

    @cached_property
    def weekdays(self) -> Ints:
        """[T] weekday of each day, Monday 0."""
        return np.asarray((self.first_day.weekday() + np.arange(self.num_days)) % WEEK)

    @cached_property
    def log_events(self) -> Floats:
        """[T] log of the factor of each day that is known beforehand."""
        return np.zeros(self.num_days) if self.events is None else np.log(self.events)

    @cached_property
    def shown_days(self) -> int:
        """Days with impressions."""
        return len(np.unique(self.day[self.impressions > 0]))

    def recent(self, days: int = MAX_DAYS) -> History:
        """The last `days` days of it (readings are kept: a delay does not depend on the day)."""
        cut = self.num_days - days
        if cut <= 0:
            return self
        kept = self.day >= cut
        rows = {f.name: getattr(self, f.name) for f in fields(self)}
        rows = {
            name: value[kept]
            for name, value in rows.items()
            if isinstance(value, np.ndarray) and name not in _NOT_ROWS
        }
        rows["day"] = rows["day"] - cut
        first = date.fromordinal(self.first_day.toordinal() + cut)
        events = None if self.events is None else self.events[cut:]
        return replace(self, first_day=first, num_days=days, events=events, **rows)


def _require_shape(name: str, values: Floats | Ints | Bools, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise MarketError(f"{name} has shape {values.shape}; it must be {shape}.")


def _refuse(name: str, values: Floats | Ints, good: object, rule: str) -> None:
    bad = values[~np.atleast_1d(np.asarray(good, dtype=bool))]
    if bad.size:
        raise MarketError(f"{name} holds {bad.flat[0]}; every value must be {rule}.")
