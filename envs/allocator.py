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

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.day_limits import DayLimits
from promopilot.envs.grouping import Grouping
from promopilot.envs.response import FAMILIES, HILL, MICHAELIS_MENTEN, Saturation
from promopilot.envs.small_changes import without_small_changes
from promopilot.envs.split.flights import split_flights
from promopilot.envs.split.limited import split_limited
from promopilot.envs.split.s_shaped_limited import split_s_shaped
from promopilot.envs.split.shapes import Given, Out

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
    # Of limits, where there are any: what the objective gains per unit of money by which a group's
    # maximum is raised, or, below zero, loses per unit of its minimum; likewise for the line items'
    # own bounds, and for a group's largest share per unit of money that its share lacks.
    group_price: Floats | None = None  # [N, G]
    share_price: Floats | None = None  # [N, G]
    item_price: Floats | None = None  # [N, L]
    # [N] by how much the best plan may be worth more, at most; a rounding error where this is it
    gap: Floats | None = None


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
        self._pools = pools
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
        limits: DayLimits | None = None,
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
            limits: Minima, groups and the like, if any. Where the money does not cover all minima
                they are scaled down by one factor.
        """
        flights, items, pools = len(budget), len(self._order), len(self._ends) - 1
        if max_impressions is None:
            max_impressions = np.full(items, np.inf)
        if subsidy is None:
            subsidy = np.zeros(items)
        if limits is not None:
            return self._within(
                limits,
                *(worth, unit_cost, reach, supply, budget, max_spend, max_impressions, subsidy),
            )
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

    def _within(
        self,
        limits: DayLimits,
        worth: Floats,
        unit_cost: Floats,
        reach: Floats,
        supply: Floats,
        budget: Floats,
        max_spend: Floats,
        max_impressions: Floats,
        subsidy: Floats,
    ) -> Split:
        flights, items, pools = len(budget), len(self._order), len(self._ends) - 1
        groups = len(limits.groups)
        given = Given(
            worth=_rows(worth, flights, items),
            cost=_rows(unit_cost, flights, items),
            reach=_rows(reach, flights, items),
            least=_rows(limits.min_spend, flights, items),
            most=_rows(max_spend, flights, items),
            most_shown=_rows(max_impressions, flights, items),
            subsidy=_rows(subsidy, flights, items),
            supply=_rows(supply, flights, pools),
            budget=_plain(budget),
            group_min=_rows(limits.group_min, flights, groups),
            group_max=_rows(limits.group_max, flights, groups),
        )
        widths = (items, items, None, pools, groups, groups, items, None)
        out = Out(*(np.zeros(flights if width is None else (flights, width)) for width in widths))
        shape = limits.shape(self._pools, self._least, self._family, self._slope)
        s_shaped = self._family == HILL and self._slope > 1
        (split_s_shaped if s_shaped else split_limited)(shape, given, out)
        if limits.min_change > 0:
            self._keep_current(limits, given, out)
        return Split(
            *(out.spend, out.shown, out.budget_price, out.pool_price),
            *(out.group_price, out.share_price, out.item_price, out.gap),
        )

    def _keep_current(self, limits: DayLimits, given: Given, out: Out) -> None:
        """Drop small changes in `out`; what that costs is added to the gap."""
        flights, items = out.spend.shape

        def each(values: Floats, width: int) -> Floats:
            return np.broadcast_to(values, (flights, width))

        worth, cost, reach = (each(of, items) for of in (given.worth, given.cost, given.reach))
        current = np.asarray(
            each(
                _rows(
                    limits.current if limits.current is not None else np.zeros(items),
                    flights,
                    items,
                ),
                items,
            )
        )
        money, shared = limits.rows()
        pool = np.zeros((self._pools.size, items))
        pool[self._pools.group, self._pools.order] = 1.0
        count = np.zeros((flights, len(money) + len(pool), items))
        count[:, 0], count[:, len(money) :] = given.subsidy, pool
        groups, nothing = len(limits.groups), np.full((flights, 1), -np.inf)
        low = np.concatenate(
            [
                given.budget[:, None] if limits.spend_all else nothing,
                each(given.group_min, groups),
                np.full((flights, len(shared) + len(pool)), -np.inf),
            ],
            axis=1,
        )
        high = np.concatenate(
            [
                given.budget[:, None],
                each(given.group_max, groups),
                np.zeros((flights, len(shared))),
                each(given.supply, len(pool)),
            ],
            axis=1,
        )
        saturation = Saturation(FAMILIES[self._family], self._slope)
        shown = response.impressions(current, cost, reach, saturation)
        most = np.where(shown <= given.most_shown, each(given.most, items), 0.0)
        before = (worth * out.shown - self._least * out.spend).sum(axis=1)
        out.spend[:], out.shown[:] = without_small_changes(
            *(out.spend, out.shown, current, shown, limits.min_change),
            (each(given.least, items), most),
            (np.concatenate([money, np.zeros_like(pool)]), count),
            (low, high),
        )
        after = (worth * out.shown - self._least * out.spend).sum(axis=1)
        out.gap[:] = np.maximum(out.gap + before - after, 0.0)


def _plain(values: Floats) -> Floats:
    """One layout and one type, so that one version is compiled; copied only where it differs."""
    return np.require(values, np.float64, ["C", "A", "W"])


def _rows(values: Floats, flights: int, width: int) -> Floats:
    """`[width]` as `[1, width]`, `[1 or N, width]` as it is."""
    rows = np.atleast_2d(_plain(values))
    if rows.shape not in ((1, width), (flights, width)):
        raise ValueError(f"An array has shape {rows.shape}, not {(flights, width)}.")
    return rows
