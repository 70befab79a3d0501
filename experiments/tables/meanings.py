"""What each column of the contract means, and in which unit: the words of docs/tables.md."""

from __future__ import annotations

from typing import Final

# table -> what one row is
ROWS: Final = {
    "promotions": "One row per promotion: an offer with the words that customers read.",
    "placements": "One row per place where promotions are shown. Without this table there is one, "
    "`all`.",
    "segments": "One row per audience. Without this table there is one, `all`.",
    "performance": "One row per day and promotion x placement x segment: what was shown, and what "
    "came of it. Without this table nothing can be learnt, and no plan can be made.",
    "lift_tests": "One row per randomised test that held a promotion or a placement back from some "
    "of the people; exactly one of the two ids is filled.",
    "events": "One row per day on which more or fewer people come than the calendar says. Several "
    "of one day multiply.",
}

# table -> column -> (meaning, unit)
MEANINGS: Final = {
    "promotions": {
        "promotion_id": ("names the promotion in all tables; not `TOTAL` or `none`", ""),
        "text": ("the copy that customers read, and the predictor too", ""),
        "name": ("a short name for reports", ""),
        "campaign_id": ("the campaign that the ad platform knows; needed by its bulk files", ""),
        "category": ("what it is of; stands in for `group_id` where there is no such column", ""),
        "discount": ("what the customer saves", "share of price"),
        "price": ("before discount", "money per unit"),
        "margin": ("what is left of the price after the goods, before discount", "share of price"),
        "unit_subsidy": (
            "your part of the discount on one conversion, in place of price x discount",
            "money per conversion",
        ),
        "start_date": ("first day on which it may run", "day"),
        "end_date": ("last day on which it may run, not before it starts", "day"),
        "stock": ("what can be sold in the flight; empty: unlimited", "conversions"),
        "incrementality": ("of its conversions, those that it caused", "share of conversions"),
        "group_id": ("a story or product type, whose rows no split may separate", ""),
        "test_id": ("a randomised test, inside which promotions can be compared", ""),
    },
    "placements": {
        "placement_id": ("names the placement in all tables", ""),
        "text": ("what it is, in words, for people", ""),
        "cpm": ("what impressions cost", "money per 1,000 impressions"),
        "cpc": ("what clicks cost, where clicks are paid for", "money per click"),
        "daily_supply": (
            "what can be bought on a day in all segments together; 0 where nothing can",
            "impressions per day",
        ),
        "own_supply": (
            "whether each promotion has impressions of its own there, which no other can be given, "
            "as in paid search; else all share them",
            "",
        ),
        "channel": ("the medium, for people", ""),
    },
    "segments": {
        "segment_id": ("names the segment in all tables", ""),
        "text": ("who they are, in words, for people", ""),
        "size": ("how many they are", "people"),
    },
    "performance": {
        "date": ("the day of the impressions", "day"),
        "promotion_id": ("what was shown", ""),
        "impressions": ("how often", "impressions"),
        "placement_id": ("where; needed where there are several placements", ""),
        "segment_id": ("to whom; needed where there are several segments", ""),
        "clicks": ("of the impressions, those that were clicked", "clicks"),
        "conversions": (
            "of the clicks (of the impressions, where none are recorded), those that led to an "
            "order; they stand on the day of the impression",
            "conversions",
        ),
        "spend": ("what the impressions cost", "money"),
        "conversion_value": ("what customers paid for the conversions, after discount", "money"),
        "subsidy": ("what you paid of their discounts", "money"),
        "eligible_impressions": (
            "what it could have been shown at most: impressions / impression share; used where "
            "`own_supply` holds",
            "impressions",
        ),
        "as_of": (
            "the day on which the row was read; a day read several times counts as it was read "
            "last, and late conversions are allowed for",
            "day",
        ),
    },
    "lift_tests": {
        "start_date": ("first day of the test", "day"),
        "end_date": ("last day of the test, not before it starts", "day"),
        "incrementality": ("of the conversions, those that it caused", "share of conversions"),
        "se": ("standard error of `incrementality`", "share of conversions"),
        "promotion_id": ("what was held back, if it was a promotion", ""),
        "placement_id": ("what was held back, if it was a placement", ""),
    },
    "events": {
        "date": ("the day", "day"),
        "name": ("what it is called; once per day", ""),
        "factor": ("what the day's impressions are multiplied by", "times"),
    },
}
