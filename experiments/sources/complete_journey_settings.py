"""What can be chosen when the Complete Journey panel is turned into contract tables."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FIRST_MONDAY = date(2017, 1, 2)  # the day on which the panel's week 2 starts
TIME_ZONE = "America/New_York"  # the panel's weeks change at midnight there, also in summer
NONE = "none"  # the group of a code that means "not there"

# Mailer codes, most prominent first. Their meaning is the data set's own code book:
# D front page feature, H wrap front feature, Z free on front page, back page or wrap, F back page
# feature, L wrap back feature, A interior page feature, C interior page line item, X free on
# interior page, J wrap interior coupon, P interior page coupon, 0 not on ad. The order follows the
# purchases per exposure published for these codes (D 204, F 111, H 82, A 54 per 10,000), with all
# front pages kept before all back pages.
MAILERS = {
    "D": "mailer-front-page",
    "H": "mailer-front-page",
    "Z": "mailer-front-page",
    "F": "mailer-back-page",
    "L": "mailer-back-page",
    "A": "mailer-inside-page",
    "C": "mailer-inside-page",
    "X": "mailer-inside-page",
    "J": "mailer-inside-page",
    "P": "mailer-inside-page",
    "0": NONE,
}
# Display codes, most prominent first: 1 store front, 3 front end cap, 4 mid-aisle end cap, 5 rear
# end cap, 2 store rear, 6 side-aisle end cap, 9 secondary location, 7 in-aisle, A in-shelf, 0 none.
# Front of the shop before its rear, the ends of an aisle before its middle.
DISPLAYS = {code: "display" for code in "13452697A"} | {"0": NONE}

# Departments that sell no merchandise a shop could promote: fuel, coupon lines, services, supplies.
NOT_MERCHANDISE = (
    "CHARITABLE CONT",
    "CNTRL/STORE SUP",
    "COUPON",
    "FUEL",
    "GM MERCH EXP",
    "MISCELLANEOUS",
    "PHOTO & VIDEO",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "TRAVEL & LEISURE",
)

# The panel's twelve income bands in three: about the thirds of the 801 households that stated one.
INCOME_BANDS = {
    "Under 15K": "low",
    "15-24K": "low",
    "25-34K": "low",
    "35-49K": "middle",
    "50-74K": "middle",
    "75-99K": "high",
    "100-124K": "high",
    "125-149K": "high",
    "150-174K": "high",
    "175-199K": "high",
    "200-249K": "high",
    "250K+": "high",
}


class CompleteJourneySettings(BaseModel):
    """How `data build complete-journey` cuts the panel; every default says where it comes from.

    Weeks are the panel's own numbers: week 1 is Sunday 1 January 2017 alone, week 2 starts on
    Monday the 2nd, and week 53 ends the year; both ends are partial.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_week: int = Field(2, ge=2, le=52)  # week 1 is one day long
    history_end: int = Field(45, ge=3, le=52)  # week; nothing after it defines anything
    last_week: int = Field(49, ge=3, le=52)  # week; the last written: four weeks of flight
    block_weeks: int = Field(5, ge=1)  # weeks for which a planned discount stands; 41-45 is one
    depth_weeks: int = Field(10, ge=1)  # weeks before a block that its discount is estimated from
    depth_min_purchases: int = Field(20, ge=1)  # fewer purchases: the category's discount, then all
    tiers: tuple[int, ...] = Field(
        (0, 10, 20, 30, 40, 50), min_length=1
    )  # per cent; the round numbers shops print
    ranges: int = Field(150, ge=1)  # category x type x brand kept, the most exposed first
    price_min_purchases: int = Field(5, ge=1)  # fewer purchases: the price stays empty
    # Promoted purchases below which a range takes the incrementality of all ranges together: at 50
    # the standard error of the promoted rate is about a seventh of it.
    incrementality_min_purchases: int = Field(50, ge=1)
    incrementality_floor: float = Field(0.05, gt=0, le=1)  # estimates below are noise around none
    excluded_departments: tuple[str, ...] = NOT_MERCHANDISE
    mailers: dict[str, str] = MAILERS  # code -> group, most prominent first
    displays: dict[str, str] = DISPLAYS  # code -> group, most prominent first
    income_bands: dict[str, str] = INCOME_BANDS  # stated income -> segment; others are "unknown"
    threads: int = Field(2, ge=1)  # of DuckDB
    # Of DuckDB; the rest of the process takes about 0.5 GB.
    memory_limit: str = Field("2GB", pattern=r"^\d+(\.\d+)?(MB|GB|MiB|GiB)$")

    @model_validator(mode="after")
    def _weeks_in_order(self) -> Self:
        if not self.first_week < self.history_end <= self.last_week:
            raise ValueError(
                "weeks must be first_week < history_end <= last_week, but they are "
                f"{self.first_week}, {self.history_end}, {self.last_week}"
            )
        if sorted(set(self.tiers)) != list(self.tiers) or not all(0 <= t < 100 for t in self.tiers):
            raise ValueError(f"tiers must rise and lie in 0 to 99 per cent, but are {self.tiers}")
        for name, codes in (("mailers", self.mailers), ("displays", self.displays)):
            if codes.get("0") != NONE:
                raise ValueError(f"{name} must give code '0' the group '{NONE}'")
        return self

    def block_of(self, week: int) -> int:
        """First week of the block that `week` lies in.

        Blocks of `block_weeks` are counted back from `history_end`, the first one may be shorter;
        weeks after `history_end` belong to the last block, whose offers continue.
        """
        back = max(self.history_end - week, 0) // self.block_weeks
        return max(self.history_end - (back + 1) * self.block_weeks + 1, self.first_week)
