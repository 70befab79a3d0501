"""What the days that are over come to, as a target counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.experiments.limits.target_price import Totals
from promopilot.experiments.line_items import line_items
from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.update.standing import Standing


@dataclass(frozen=True)
class Reached:
    """Orders of the days that are over, by promotion `[P]`, wherever its money was spent.

    Orders and money are the business's, a panel's counts projected.
    """

    orders: Floats  # that were read
    valued: Floats  # those of them whose `conversion_value` is recorded
    value: Floats  # money that customers paid for these
    to_come: Floats  # orders that are still expected
    believed: Floats  # money of an order as the plan has it
    spend: float  # money of the flight's budget

    @property
    def each(self) -> Floats:
        """Money of an order `[P]`: what customers paid where that is known, else as believed."""
        known = self.valued > 0
        return np.where(known, self.value / np.where(known, self.valued, 1.0), self.believed)

    @property
    def totals(self) -> Totals:
        """What the target counts."""
        rest = self.orders - self.valued + self.to_come
        value = self.value.sum() + rest @ self.each
        return Totals(self.spend, float(value), float((self.orders + self.to_come).sum()))


def reached(today: Standing) -> Reached:
    """What the days that are over come to, with the conversions that are still expected of them.

    The flight's promotions may also have had money on line items that the plan may not fund. It is
    of the flight's budget, so its orders count too; more of them come as the delay has it.

    Args:
        today: Where the flight stands.
    """
    world = today.world
    latest = today.ledger.latest
    rows = latest[
        latest["promotion_id"].isin(world.catalog.promotion_ids) & latest["conversions"].notna()
    ]
    items = line_items(world)
    elsewhere = items.get_indexer(pd.MultiIndex.from_frame(rows[items.names])) < 0
    # Without the money that they cost they cannot count.
    counted = ~elsewhere | rows["spend"].notna().to_numpy()
    rows, elsewhere = rows[counted], elsewhere[counted]
    orders = today.projection * rows["conversions"].to_numpy(dtype=np.float64)
    value = today.projection * rows["conversion_value"].to_numpy(dtype=np.float64)
    known = ~np.isnan(value)
    promotion = pd.Index(world.catalog.promotion_ids).get_indexer(pd.Index(rows["promotion_id"]))

    def of(amounts: Floats) -> Floats:
        sums = np.bincount(promotion, amounts, minlength=world.catalog.num_promotions)
        return np.asarray(sums, dtype=np.float64)

    age = np.asarray((rows[AS_OF] - rows["date"]).dt.days, dtype=np.float64)
    late = np.where(elsewhere, orders / world.dynamics.delay.seen(age) - orders, 0.0)
    return Reached(
        orders=of(orders),
        valued=of(np.where(known, orders, 0.0)),
        value=of(np.nan_to_num(value)),
        to_come=world.catalog.by_promotion.sum(today.to_come) + of(late),
        believed=world.catalog.conversion_value,
        spend=float(today.market.spent[0]),
    )
