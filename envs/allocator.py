"""The convex split of a day's money over saturating line items that share pools.

Maximise  sum_i w_i y_i - k x_i(y_i)  over impressions y, with cost x_i(y) = c_i R_i z(y / R_i) (z:
`promopilot.envs.response`), subject to  sum_i x_i + s_i y_i <= budget,
sum_{i in pool} y_i <= S_pool,  0 <= x_i <= x_max_i  and  y_i <= y_max_i. With the budget's price
lambda and a pool's price mu the stationary point solves
k + lambda times x_i'(y) = w_i - mu - lambda s_i, cut to its bounds; what is left is one monotone
equation per pool inside one monotone equation per flight (Boyd and Vandenberghe, Convex
Optimization, 5.5.3).

Exact for convex costs. With S-shaped ones (`hill` with a slope above 1) the problem is not concave:
see `promopilot.envs.split.whole` for what is done then, and how far from the optimum that may be.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.grouping import Grouping
from promopilot.envs.response import HILL, MICHAELIS_MENTEN, Saturation
from promopilot.envs.split.flights import split_flights

# Where the objective does not charge for spend, money is still worth this much, so that a budget
# that could not be spent on anything useful leaves a finite solution.
_LEAST_PRICE = 1e-6
_DEFAULT = Saturation()


@dataclass(frozen=True)
class Split:
    """The solution and its duals."""

    spend: Floats  # [N, L] money
    impressions: Floats  # [N, L]
    # [N] objective per unit of money at the margin, beyond its face value; at a budget of 0 what
    # the first unit brings, which is next to infinite for `hill` with a slope below 1
    budget_price: Floats
    pool_price: Floats  # [N, Q] objective per impression of supply


class Allocator:
    """Solves the day's split for batches of flights over one set of line items.

    Args:
        pools: Line items by pool.
        spend_weight: What the objective charges per unit of money (1 for net profit, else 0).
        saturation: The reach curve of all line items.
    """

    def __init__(
        self, pools: Grouping, spend_weight: float, saturation: Saturation = _DEFAULT
    ) -> None:
        self._order = pools.order
        self._ends = np.searchsorted(pools.group, np.arange(pools.size + 1)).astype(np.int64)
        self._least = max(float(spend_weight), _LEAST_PRICE)
        self._slope = float(saturation.slope)
        # With a slope of 1 they are the same, and the one has a closed form.
        straight = saturation.code == HILL and self._slope == 1.0
        self._family = MICHAELIS_MENTEN if straight else saturation.code

    def split(
        self,
        worth: Floats,
        unit_cost: Floats,
        reach: Floats,
        supply: Floats,
        budget: Floats,
        max_spend: Floats,
        max_impressions: Floats | None = None,
        subsidy: Floats | None = None,
    ) -> Split:
        """Spend `budget` where it earns most; less where the next unit returns less than it costs.

        Everything per line item is `[N, L]`, or `[L]` where it is the same for all flights.

        Args:
            worth: What the objective pays per impression; at or below zero buys nothing.
            unit_cost: c, money for a first impression, above zero.
            reach: Most impressions of each line item; 0 where not to be funded.
            supply: Impressions that each pool's line items share `[Q]` or `[N, Q]`.
            budget: Money for the day `[N]`.
            max_spend: Upper bound of each line item's spend; inf where free.
            max_impressions: Upper bound of each line item's impressions, if any.
            subsidy: s, money that the budget is expected to pay per impression on top of spend, at
                least zero; none where the budget covers media only. What the objective charges
                for it is in `worth` already.
        """
        flights, items, pools = len(budget), len(self._order), len(self._ends) - 1
        if max_impressions is None:
            max_impressions = np.full(items, np.inf)
        if subsidy is None:
            subsidy = np.zeros(items)
        split = Split(
            spend=np.zeros((flights, items)),
            impressions=np.zeros((flights, items)),
            budget_price=np.zeros(flights),
            pool_price=np.zeros((flights, pools)),
        )
        split_flights(
            *(self._order, self._ends, self._least, self._family, self._slope),
            _rows(worth, flights, items),
            _rows(unit_cost, flights, items),
            _rows(reach, flights, items),
            _rows(max_spend, flights, items),
            _rows(max_impressions, flights, items),
            _rows(subsidy, flights, items),
            _rows(supply, flights, pools),
            _plain(budget),
            *(split.spend, split.impressions, split.budget_price, split.pool_price),
        )
        return split


def _plain(values: Floats) -> Floats:
    """One layout and one type, so that one version is compiled; copied only where it differs."""
    return np.require(values, np.float64, ["C", "A", "W"])


def _rows(values: Floats, flights: int, width: int) -> Floats:
    """`[width]` as `[1, width]`, `[1 or N, width]` as it is."""
    rows = np.atleast_2d(_plain(values))
    if rows.shape not in ((1, width), (flights, width)):
        raise ValueError(f"An array has shape {rows.shape}, not {(flights, width)}.")
    return rows
