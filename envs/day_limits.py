"""One day's limits for a batch of flights, as the allocator takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.grouping import Grouping
from promopilot.envs.split.shapes import Shape


@dataclass(frozen=True)
class DayLimits:
    """Limits on money of a day: what line items and groups of them spend.

    Arrays per flight have one row or N.
    """

    min_spend: Floats  # [N, L] or [L]
    groups: Bools  # [G, L] who belongs to which group
    group_min: Floats  # [N, G] or [G]; 0 where there is none
    group_max: Floats  # [N, G] or [G]; inf where there is none
    max_share: Floats  # [G] of the day's spend; 1 where there is none
    spend_all: bool = False  # the whole budget is spent, whether it earns anything or not
    # A change against `current` [N, L] or [L] by less than this share of it is dropped last, where
    # the limits allow; 0 where all are made.
    min_change: float = 0.0
    current: Floats | None = None

    @classmethod
    def none(cls, line_items: int) -> DayLimits:
        """Limits that allow everything."""
        return cls(
            min_spend=np.zeros(line_items),
            groups=np.zeros((0, line_items), dtype=bool),
            group_min=np.zeros(0),
            group_max=np.zeros(0),
            max_share=np.zeros(0),
        )

    def rows(self) -> tuple[Floats, Ints]:
        """What limits count per unit of money `[1 + G + S, L]`: budget, groups, largest shares.

        And the groups `[S]` that have a largest share.
        """
        items = self.groups.shape[1]
        shared = np.flatnonzero(self.max_share < 1).astype(np.int64)
        share = self.groups[shared] - self.max_share[shared, None]
        money = np.concatenate([np.ones((1, items)), self.groups.astype(np.float64), share])
        return money, shared

    def shape(self, pools: Grouping, price: float, family: int, slope: float) -> Shape:
        """The limits as sparse rows: budget, groups, largest shares, pools."""
        items = self.groups.shape[1]
        own, shared = self.rows()
        pool = np.zeros((pools.size, items))
        pool[pools.group, pools.order] = 1.0
        money = np.concatenate([own, np.zeros_like(pool)])
        shown = np.concatenate([np.zeros((len(money) - len(pool), items)), pool])
        taken = (money != 0) | (shown != 0)
        row, item = np.nonzero(taken)
        order = np.lexsort((row, item))  # by line item
        entry = np.empty(len(row), dtype=np.int64)
        entry[order] = np.arange(len(row))
        return Shape(
            starts=_starts(item, items),
            row=row[order].astype(np.int64),
            money=money[row, item][order],
            shown=shown[row, item][order],
            row_starts=_starts(row, len(money)),
            item=item.astype(np.int64),
            entry=entry,
            shared=shared,
            price=price,
            family=family,
            slope=slope,
            spend_all=self.spend_all,
        )


def _starts(index: Ints, size: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(index, minlength=size))]).astype(np.int64)
