"""The tables of a data folder: their columns, what each holds and which must be there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a column holds; the value is the rule as users read it."""

    ID = "must not be empty"
    TEXT = "must be text"
    DATE = "must be an ISO date without a time, like 2017-11-06"
    COUNT = "must be a whole number of at least 0"
    SHARE = "must be a number from 0 to 1"
    AMOUNT = "must be a finite number of at least 0"
    SIZE = "must be a finite number above 0"


MENDS = {
    Kind.ID: "give every row an id",
    Kind.TEXT: "write words",
    Kind.DATE: "write year-month-day",
    Kind.COUNT: "write digits only, without separators or units",
    Kind.SHARE: "write 0.2 for 20 %",
    Kind.AMOUNT: "write a plain number, without separators or currency",
    Kind.SIZE: "write a plain number, or leave the cell empty where it is not known",
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
        "cpm": Kind.AMOUNT,
        "cpc": Kind.AMOUNT,
        "daily_supply": Kind.AMOUNT,
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
        "as_of": Kind.DATE,
    },
    # Clicks and conversions may be empty in some rows: not every source records them.
    filled=frozenset({"placement_id", "segment_id"}),
)
# What was shown and what came of it: not looked at where rows are only to be scored.
COUNTED = ("impressions", "clicks", "conversions", "spend", "conversion_value", "subsidy")
TABLES = (PROMOTIONS, PLACEMENTS, SEGMENTS, PERFORMANCE)
SOURCES_FILE = "sources.json"
