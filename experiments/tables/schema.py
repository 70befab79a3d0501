"""The tables of a data folder: their columns, what each holds and which must be there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

_NEAR = 0.8  # of 1: names at least so alike are slips of one another


class Kind(Enum):
    """What a column holds; the value is the rule as users read it."""

    ID = "must not be empty"
    TEXT = "must be text"
    DATE = "must be an ISO date without a time, like 2017-11-06"
    COUNT = "must be a whole number of at least 0"
    SHARE = "must be a number from 0 to 1"
    AMOUNT = "must be a finite number of at least 0"
    SIZE = "must be a finite number above 0"
    FLAG = "must be true or false"


MENDS = {
    Kind.ID: "give every row an id",
    Kind.TEXT: "write words",
    Kind.DATE: "write year-month-day",
    Kind.COUNT: "write digits only, without separators or units",
    Kind.SHARE: "write 0.2 for 20 %",
    Kind.AMOUNT: "write a plain number, without separators or currency",
    Kind.SIZE: "write a plain number, without separators or currency",
    Kind.FLAG: "write true or false, or leave the cell empty",
}


@dataclass(frozen=True)
class Table:
    """One table of the contract (its file is `<name>.csv` or `<name>.parquet`)."""

    name: str
    required: dict[str, Kind]  # columns that must be there, and be filled in every row
    optional: dict[str, Kind]  # columns that may be absent; cells may be empty
    filled: frozenset[str] = frozenset()  # optional columns that must be filled where they exist
    key: str | None = None  # the id that is unique in the table

    @property
    def columns(self) -> dict[str, Kind]:
        """Every column that the contract knows."""
        return self.required | self.optional

    def meant(self, column: str, there: Collection[str]) -> str | None:
        """The known column, not among those `there`, that an unknown one was likely meant for."""
        lacking = [name for name in self.columns if name not in there]
        near = get_close_matches(column.strip().lower(), lacking, n=1, cutoff=_NEAR)
        return near[0] if near and column not in self.columns else None

    def mend(self, column: str) -> str:
        """What to do about a cell of `column` that breaks its rule."""
        kind = self.columns[column]
        unknown = kind is Kind.SIZE and column in self.optional and column not in self.filled
        return MENDS[kind] + (", or leave the cell empty where it is not known" if unknown else "")


PROMOTIONS = Table(
    "promotions",
    required={"promotion_id": Kind.ID, "text": Kind.TEXT},
    optional={
        "name": Kind.TEXT,
        "campaign_id": Kind.TEXT,
        "category": Kind.TEXT,
        "discount": Kind.SHARE,
        "price": Kind.AMOUNT,
        "margin": Kind.SHARE,
        "unit_subsidy": Kind.AMOUNT,
        "start_date": Kind.DATE,
        "end_date": Kind.DATE,
        "stock": Kind.AMOUNT,
        "incrementality": Kind.SHARE,
        "group_id": Kind.TEXT,
        "test_id": Kind.TEXT,
    },
    key="promotion_id",
)
PLACEMENTS = Table(
    "placements",
    required={"placement_id": Kind.ID, "text": Kind.TEXT},
    optional={
        "cpm": Kind.SIZE,  # nothing is bought for nothing: an empty price is derived or assumed
        "cpc": Kind.SIZE,
        "daily_supply": Kind.AMOUNT,  # impressions; 0 where it cannot be bought
        "own_supply": Kind.FLAG,  # whether a promotion cannot take what another is shown
        "channel": Kind.TEXT,
    },
    key="placement_id",
)
SEGMENTS = Table(
    "segments",
    required={"segment_id": Kind.ID, "text": Kind.TEXT},
    optional={"size": Kind.SIZE},
    key="segment_id",
)
PERFORMANCE = Table(
    "performance",
    required={"date": Kind.DATE, "promotion_id": Kind.ID, "impressions": Kind.COUNT},
    optional={
        "placement_id": Kind.ID,
        "segment_id": Kind.ID,
        "clicks": Kind.COUNT,
        "conversions": Kind.COUNT,
        "spend": Kind.AMOUNT,
        "conversion_value": Kind.AMOUNT,
        "subsidy": Kind.AMOUNT,
        "eligible_impressions": Kind.AMOUNT,  # at least the impressions
        "as_of": Kind.DATE,
    },
    # Clicks and conversions may be empty in some rows: not every source records them.
    filled=frozenset({"placement_id", "segment_id"}),
)
# What was shown and what came of it: not looked at where rows are only to be scored.
COUNTED = (
    *("impressions", "clicks", "conversions"),
    *("spend", "conversion_value", "subsidy", "eligible_impressions"),
)
OUTCOMES = ("clicks", "conversions")  # what a source may record in all rows, in some or in none
# One row per randomised test that held a promotion or a placement back from some of the people.
LIFT_TESTS = Table(
    "lift_tests",
    required={
        "start_date": Kind.DATE,
        "end_date": Kind.DATE,
        "incrementality": Kind.SHARE,  # of the conversions, those that the promotion brought
        "se": Kind.SIZE,  # standard error of `incrementality`
    },
    # Exactly one of them is filled in each row: what the test held back.
    optional={"promotion_id": Kind.ID, "placement_id": Kind.ID},
)
EVENTS = Table(
    "events",
    # `factor` multiplies supply on that day, several of one day multiply each other.
    required={"date": Kind.DATE, "name": Kind.TEXT, "factor": Kind.SIZE},
    optional={},
)
TABLES = (PROMOTIONS, PLACEMENTS, SEGMENTS, PERFORMANCE, LIFT_TESTS, EVENTS)
ALL = "all"  # the one placement or segment of a folder that has no table of them
SOURCES_FILE = "sources.json"
CURRENCY = "currency"  # key of sources.json: that of all money in the tables
MAPPING_FILE = "mapping.yaml"  # how `data import` made the tables; it is not read again
