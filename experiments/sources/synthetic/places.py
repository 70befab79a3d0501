"""Placements and segments in words, any number of them, with what each adds to both log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A placement or a segment, or what a variant adds to one (factors multiply, effects add)."""

    id: str
    text: str
    click: float  # log-odds
    conversion: float  # log-odds
    amount: float  # supply, or people, over those of a middling one
    cpm: float = 1.0  # cost over that of a middling placement
    channel: str = ""


PLACEMENTS = (
    Place("home-banner", "Banner at the top of the home page", -0.20, -0.10, 1.6, 0.8, "site"),
    Place("search", "Sponsored row in the shop's search results", 0.45, 0.35, 0.8, 1.7, "site"),
    Place("email", "Block in the weekly email", -0.10, 0.20, 0.9, 0.8, "email"),
    Place("feed", "Card in the feed of recommendations", 0.10, -0.15, 1.3, 0.9, "site"),
    Place("product-page", "Strip below the product's photographs", 0.20, 0.25, 0.9, 1.3, "site"),
    Place("app-push", "Push message on the phone", 0.25, -0.20, 0.6, 1.1, "app"),
    Place("checkout", "Suggestion beside the basket at checkout", -0.30, 0.40, 0.6, 1.0, "site"),
    Place("mailer", "Front page of the printed mailer", -0.35, 0.10, 1.2, 0.7, "print"),
)
_PLACEMENT_VARIANTS = (
    Place("", "", 0.0, 0.0, 1.0),
    Place("app", " in the app", 0.10, -0.05, 0.7, 1.1, "app"),
    Place("partner", " on a partner's site", -0.25, -0.20, 1.2, 0.7, "partner"),
    Place("store", " on screens in the store", -0.40, 0.15, 0.8, 0.8, "store"),
)
SEGMENTS = (
    Place("regulars", "Customers with an order in the last 30 days", 0.25, 0.25, 0.8),
    Place("occasional", "Customers with an order in the last half year", 0.00, 0.00, 1.2),
    Place("lapsed", "Customers without an order for half a year", -0.25, -0.15, 1.5),
    Place("new", "Visitors who have never ordered", -0.10, -0.35, 1.3),
    Place("loyal", "Members of the loyalty programme", 0.35, 0.30, 0.5),
    Place("bargain", "Customers who buy mostly on offer", 0.20, 0.10, 0.9),
)
_SEGMENT_VARIANTS = (
    Place("", "", 0.0, 0.0, 1.0),
    Place("families", ", families", 0.05, 0.10, 0.8),
    Place("students", ", students", 0.15, -0.15, 0.6),
    Place("retired", ", retired", -0.10, 0.05, 0.7),
)


def placements(count: int) -> list[Place]:
    """The first `count` placements."""
    return _composed(PLACEMENTS, _PLACEMENT_VARIANTS, count)


def segments(count: int) -> list[Place]:
    """The first `count` segments."""
    return _composed(SEGMENTS, _SEGMENT_VARIANTS, count)


def _composed(bases: Sequence[Place], variants: Sequence[Place], count: int) -> list[Place]:
    """All bases, then all in each variant, then all of that once more for other regions."""
    made = []
    for index in range(count):
        rest, b = divmod(index, len(bases))
        region, v = divmod(rest, len(variants))
        base, variant = bases[b], variants[v]
        name = "-".join(filter(None, [base.id, variant.id, f"{region + 1}" if region else ""]))
        made.append(
            Place(
                name,
                base.text + variant.text + (f", region {region + 1}" if region else ""),
                base.click + variant.click,
                base.conversion + variant.conversion,
                base.amount * variant.amount,
                base.cpm * variant.cpm,
                variant.channel or base.channel,
            )
        )
    return made
