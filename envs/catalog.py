"""What can be funded: promotions, where they can be shown, to whom, and what they earn."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.grouping import Grouping

OBJECTIVES = ("net_profit", "profit", "revenue", "conversions")


@dataclass(frozen=True)
class Catalog:
    """Line items (promotion x placement x segment) and the economics of their promotions.

    Line items are sorted by promotion. Money is in one currency; `price` is before discount and
    `margin` is a share of it.

    Raises:
        MarketError: An array of the wrong length, or a value outside its range.
    """

    promotion_ids: tuple[str, ...]
    placement_ids: tuple[str, ...]
    segment_ids: tuple[str, ...]
    promotion: Ints  # [L] index into promotion_ids, ascending
    placement: Ints  # [L] index into placement_ids
    segment: Ints  # [L] index into segment_ids
    price: Floats  # [P] money per conversion before discount
    margin: Floats  # [P] share of price
    incrementality: Floats  # [P] share of conversions the promotion caused
    unit_subsidy: Floats  # [P] money paid per redeemed conversion
    conversion_value: Floats  # [P] money a customer pays per conversion, after discount
    stock: Floats  # [P] conversions that can be served; inf where unlimited

    def __post_init__(self) -> None:
        for name, size in (
            ("promotion", len(self.placement)),
            ("segment", len(self.placement)),
            *((name, len(self.promotion_ids)) for name in _PER_PROMOTION),
        ):
            if len(getattr(self, name)) != size:
                raise MarketError(f"{name} has {len(getattr(self, name))} entries, not {size}.")
        if len(self.promotion) == 0:
            raise MarketError("There is no line item to fund.")
        for name in ("promotion", "placement", "segment"):
            index, known = getattr(self, name), len(getattr(self, f"{name}_ids"))
            bad = index[(index < 0) | (index >= known)]
            if bad.size:
                raise MarketError(f"{name} holds {bad[0]}; it must be from 0 to {known - 1}.")
        if (np.diff(self.promotion) < 0).any():
            raise MarketError("Line items are not sorted by promotion.")
        for name, low, high in _RANGES:
            values = getattr(self, name)
            bad = ~((values >= low) & (values <= high))
            if bad.any():
                first = int(np.flatnonzero(bad)[0])
                raise MarketError(
                    f"{name} of promotion {self.promotion_ids[first]} is {values[first]}; "
                    f"it must lie between {low} and {high}."
                )

    @property
    def num_line_items(self) -> int:
        """L."""
        return len(self.promotion)

    @property
    def num_promotions(self) -> int:
        """P."""
        return len(self.promotion_ids)

    @cached_property
    def pools(self) -> Ints:
        """[Q, 2] placement and segment of each pool that some line item uses."""
        pairs = np.stack([self.placement, self.segment], axis=1)
        return np.unique(pairs, axis=0).astype(np.int64)

    @cached_property
    def pool(self) -> Ints:
        """[L] index into `pools`."""
        pairs = np.stack([self.placement, self.segment], axis=1)
        return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    @cached_property
    def by_promotion(self) -> Grouping:
        """Line items by promotion."""
        return Grouping.of(self.promotion, self.num_promotions)

    @cached_property
    def by_pool(self) -> Grouping:
        """Line items by pool."""
        return Grouping.of(self.pool, len(self.pools))

    @cached_property
    def audience(self) -> Ints:
        """[L] index of promotion x segment, promotion first."""
        return np.asarray(self.promotion * len(self.segment_ids) + self.segment)

    @cached_property
    def by_audience(self) -> Grouping:
        """Line items by promotion x segment, the people who tire of a promotion."""
        return Grouping.of(self.audience, self.num_promotions * len(self.segment_ids))

    def profit_per_conversion(self) -> Floats:
        """[P] incrementality x price x margin - subsidy, before media."""
        return self.incrementality * self.price * self.margin - self.unit_subsidy

    def worth(self, objective: str) -> tuple[Floats, float]:
        """What the objective pays per conversion `[P]`, and what it charges per unit of spend.

        Raises:
            MarketError: The objective is not one of `OBJECTIVES`.
        """
        match objective:
            case "net_profit":
                return self.profit_per_conversion(), 1.0
            case "profit":
                return self.profit_per_conversion(), 0.0
            case "revenue":
                return self.conversion_value, 0.0
            case "conversions":
                return np.ones(self.num_promotions), 0.0
        raise MarketError(f"Objective {objective!r} is not one of {', '.join(OBJECTIVES)}.")


_PER_PROMOTION = (
    "price",
    "margin",
    "incrementality",
    "unit_subsidy",
    "conversion_value",
    "stock",
)
_RANGES = (
    ("price", 0.0, np.finfo(float).max),
    ("margin", 0.0, 1.0),
    ("incrementality", 0.0, 1.0),
    ("unit_subsidy", 0.0, np.finfo(float).max),
    ("conversion_value", 0.0, np.finfo(float).max),
    ("stock", 0.0, np.inf),
)
