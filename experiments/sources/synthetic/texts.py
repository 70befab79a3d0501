"""Promotion copy put together from parts, each of which has a known effect on both log-odds.

A text model can therefore learn something true, and how much of it it learnt can be told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats


@dataclass(frozen=True)
class Part:
    """Words, and what they add to the log-odds of a click and of a conversion."""

    words: str
    click: float
    conversion: float


# Category: its effect, and its products with their price before discount.
CATEGORIES: dict[str, tuple[Part, dict[str, float]]] = {
    "coffee and tea": (
        Part("", 0.15, 0.20),
        {
            "whole-bean coffee": 14.0,
            "ground coffee": 11.0,
            "green tea": 8.5,
            "iced tea": 6.0,
            "coffee capsules": 16.0,
        },
    ),
    "pantry": (
        Part("", -0.10, 0.30),
        {
            "olive oil": 12.0,
            "basmati rice": 9.0,
            "egg pasta": 6.5,
            "wild honey": 10.5,
            "tinned tomatoes": 7.0,
        },
    ),
    "snacks": (
        Part("", 0.30, 0.10),
        {
            "salted almonds": 9.5,
            "dark chocolate": 8.0,
            "potato crisps": 6.0,
            "oat biscuits": 7.5,
            "dried mango": 8.5,
        },
    ),
    "household": (
        Part("", -0.30, 0.15),
        {
            "liquid detergent": 13.0,
            "dish soap": 7.0,
            "paper towels": 11.0,
            "candles": 15.0,
            "storage jars": 19.0,
        },
    ),
    "beauty": (
        Part("", 0.25, -0.15),
        {
            "face cream": 24.0,
            "hand cream": 12.0,
            "argan shampoo": 14.0,
            "sun lotion": 18.0,
            "bath salts": 13.0,
        },
    ),
    "sports": (
        Part("", 0.05, -0.25),
        {
            "running socks": 15.0,
            "yoga mats": 29.0,
            "water bottles": 18.0,
            "skipping ropes": 14.0,
            "dumbbells": 35.0,
        },
    ),
    "garden": (
        Part("", 0.00, -0.35),
        {
            "charcoal grills": 59.0,
            "tomato plants": 12.0,
            "garden gloves": 11.0,
            "bird feeders": 22.0,
            "potting soil": 10.0,
        },
    ),
    "toys": (
        Part("", -0.20, -0.05),
        {
            "wooden blocks": 26.0,
            "board games": 32.0,
            "jigsaw puzzles": 19.0,
            "modelling clay": 11.0,
            "kites": 21.0,
        },
    ),
}
# Offers that name a discount, and those without one.
DISCOUNT_OFFERS = {
    "percent": Part("{percent}% off {product}", 0.15, 0.00),
    "bundle": Part("two {product} for less, {percent}% off together", -0.10, 0.15),
    "coupon": Part("use code SAVE{percent} for {percent}% off {product}", -0.20, 0.30),
    "clearance": Part("{product} on clearance, reduced by {percent}%", 0.10, -0.10),
}
OTHER_OFFERS = {
    "launch": Part("{product}, new in the shop", 0.20, -0.20),
    "feature": Part("{product}, our pick of the week", -0.05, 0.00),
    "gift": Part("a free gift with {product}", 0.25, 0.10),
}
DISCOUNTS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40)  # share of the price
STRENGTH = Part("", 1.0, 1.5)  # per unit of discount: 10 percentage points add 0.1 and 0.15
URGENCIES = {
    "none": Part("", 0.00, 0.00),
    "week": Part(", this week only", 0.05, 0.05),
    "today": Part(", ends today", 0.15, 0.10),
    "stock": Part(", while stocks last", 0.10, 0.05),
    "members": Part(", for members only", -0.15, 0.15),
}
TONES = {
    "plain": Part("", 0.00, 0.00),
    "playful": Part("Treat yourself: ", 0.12, -0.05),
    "premium": Part("Simply the finest: ", -0.08, 0.05),
    "thrifty": Part("Good for your wallet: ", 0.05, 0.10),
    "caring": Part("For those you love: ", 0.08, 0.00),
}
STAGES = ("click", "conversion")  # of the funnel, as effects name them
_PRODUCTS = [
    (c, name, price) for c, (_, goods) in CATEGORIES.items() for name, price in goods.items()
]
_OFFERS = [(o, d) for o in DISCOUNT_OFFERS for d in DISCOUNTS] + [(o, 0.0) for o in OTHER_OFFERS]
_SHAPE = (len(_PRODUCTS), len(_OFFERS), len(URGENCIES), len(TONES))


@dataclass(frozen=True)
class Copy:
    """One promotion's text and what it is made of."""

    category: str
    product: str
    price: float  # money, before discount
    offer: str
    discount: float  # share of price
    urgency: str
    tone: str

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything that adds to its log-odds but the discount's strength."""
        offer = (DISCOUNT_OFFERS | OTHER_OFFERS)[self.offer]
        return CATEGORIES[self.category][0], offer, URGENCIES[self.urgency], TONES[self.tone]

    @property
    def text(self) -> str:
        """What is shown, for example `Treat yourself: 20% off green tea, ends today`."""
        _, offer, urgency, tone = self.parts
        filled = offer.words.format(product=self.product, percent=round(100 * self.discount))
        text = tone.words + filled + urgency.words
        return text[0].upper() + text[1:]

    @property
    def name(self) -> str:
        """A short name for tables and charts."""
        depth = f" {round(100 * self.discount)}%" if self.discount else ""
        return f"{self.product.capitalize()}, {self.offer}{depth}"

    def effect(self, stage: str) -> float:
        """What the text adds to the log-odds of `click` or `conversion`."""
        own = sum(float(getattr(part, stage)) for part in self.parts)
        return own + float(getattr(STRENGTH, stage)) * self.discount


def draw_copy(count: int, rng: np.random.Generator) -> list[Copy]:
    """Texts of `count` promotions, no two alike while there are enough combinations (31,000)."""
    total = int(np.prod(_SHAPE))
    drawn = rng.choice(total, size=count, replace=count > total)
    urgencies, tones = list(URGENCIES), list(TONES)
    copies = []
    for p, o, u, t in zip(*np.unravel_index(drawn, _SHAPE), strict=True):
        (category, product, price), (offer, discount) = _PRODUCTS[p], _OFFERS[o]
        copies.append(Copy(category, product, price, offer, discount, urgencies[u], tones[t]))
    return copies


def text_effects(copies: list[Copy], stage: str) -> Floats:
    """What each text adds to a stage's log-odds `[P]`."""
    return np.array([copy.effect(stage) for copy in copies])


def coefficients() -> dict[str, dict[str, float]]:
    """Every effect by the name of its part, `click` and `conversion`; of discount per unit."""
    named = {f"category={name}": part for name, (part, _) in CATEGORIES.items()}
    groups = {"offer": DISCOUNT_OFFERS | OTHER_OFFERS, "urgency": URGENCIES, "tone": TONES}
    for group, parts in groups.items():
        named |= {f"{group}={name}": part for name, part in parts.items()}
    named["discount"] = STRENGTH
    return {
        name: {"click": part.click, "conversion": part.conversion} for name, part in named.items()
    }
