"""A day filled block by block, as an ad server does it: pool by pool, over and over.

A block is a part of a pool's expected daily supply. Whoever fills it names one promotion, or none;
supply, reach, stock and every limit on money make choices unavailable. What a day was filled with
is booked in the market at its end, so that blocks and daily spend are two views of one market: the
same impressions cost the same, and earn the same in expectation.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.blocks.layout import Blocks
from promopilot.envs.engine import binomial, streams
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.state import flight_arrays

# A share of its reach that a line item may not pass by blocks: beyond, an impression of the
# exponential curve costs 20 times the first one.
_MOST_OF_REACH = 0.95
# A hair, so that sums of rounded charges stay below the money they were checked against.
_HAIR = 1e-12


@dataclass(frozen=True)
class Block:
    """What the last block of each flight brought."""

    spend: Floats  # [N] money charged
    impressions: Floats  # [N]
    clicks: Floats  # [N]
    conversions: Floats  # [N] served from stock; the belief sees them when the delay says
    objective: Floats  # [N] money
    # [N] the same with conversions at their mean under the true rates, no more than the stock left:
    # what was decided, without the luck of the draw. For training; no real flight shows it.
    mean_objective: Floats


class BlockDay:
    """One day of N flights while its blocks are being filled; A = P + 1 actions, `none` the last.

    `available` `[N, A]` says what the next block can be filled with, `pool` whose block it is.
    Arrays per line item are in the order of `Blocks`.

    Args:
        market: Flights before the day's decision; `close` books the day in it.
        blocks: How days are cut.
        money: Media money that may be spent today `[N]`; no more than the market allows is.
        stock_cover: A promotion is offered while its stock covers one conversion and this many
            times what a block is expected to sell.
    """

    def __init__(
        self, market: Market, blocks: Blocks, money: Floats, stock_cover: float = 0.0
    ) -> None:
        self.market, self.blocks = market, blocks
        world, catalog, order = market.world, market.world.catalog, blocks.order
        exogenous, day = market.exogenous, market.day
        self.none, self.saturation = catalog.num_promotions, world.dynamics.saturation
        _, self._spend_weight = catalog.worth(world.objective)
        self.worth = flight_arrays(world, exogenous, market.flights).worth  # [N, P]
        self._rows = np.arange(market.num_flights)
        self.size = blocks.size[day]
        self.unit_cost = market.unit_cost[:, order]
        self.supply_left = exogenous.supply[:, day].copy()  # [N, Q]
        share = world.reach_share * exogenous.reach_factor[:, catalog.placement]
        reach = np.minimum(share, 1.0) * self.supply_left[:, catalog.pool] * world.live[day]
        self._reach = reach[:, order]
        self._most = _MOST_OF_REACH * self._reach
        self._max_spend = world.max_spend[order]
        self.first, self.second = (rate[:, order] for rate in market.true_rates)
        self.stock_left = market.stock_left.copy()  # [N, P]
        self._stocked = not np.isinf(self.stock_left).all()
        self._cover = stock_cover * market.expected_rate[:, order] if stock_cover else 0.0
        subsidy = market.subsidy_per_impression
        self._subsidy = None if subsidy is None else subsidy[:, order]
        # What may still be committed (spend, and the subsidy it is expected to cause where the
        # budget covers it), and what of it may be spent on media today.
        self.left = market.payable * (1 - _HAIR)  # [N]
        self.unseen = market.budget_left - market.payable  # [N] booked, and not known to be gone
        allowed = np.minimum(np.minimum(money, world.per_day_max), market.payable)
        self._allowed = allowed * (1 - _HAIR)  # [N]
        self.delivered, self.charged, self._clicks, self._asked = np.zeros((4, *reach.shape))
        self.filled = 0  # blocks of all pools so far
        self._offer()

    @property
    def done(self) -> bool:
        """Whether every block was filled."""
        return self.filled == self.blocks.decisions_per_day

    @property
    def pool(self) -> int:
        """Whose block is next."""
        return self.filled % len(self.size)

    @property
    def step(self) -> int:
        """Number of the next decision in its flight."""
        return self.market.day * self.blocks.decisions_per_day + self.filled

    def _offer(self) -> None:
        """See what the next block can be filled with, and what it would cost."""
        at, size = self.blocks.items(self.pool), self.size[self.pool]
        after = self.delivered[:, at] + size
        bill = response.cost(after, self.unit_cost[:, at], self._reach[:, at], self.saturation)
        self.extra = bill - self.charged[:, at]  # [N, I] of the pool's I line items
        can = (after <= self._most[:, at]) & (bill <= self._max_spend[at])
        can &= self.extra <= self._allowed[:, None]
        can &= (self.supply_left[:, self.pool] >= size)[:, None]
        if self._subsidy is not None:
            can &= self.extra + size * self._subsidy[:, at] <= self.left[:, None]
        promotion = self.blocks.promotion[at]
        if self._stocked:
            cover = self._cover[:, at] if isinstance(self._cover, np.ndarray) else 0.0
            can &= self.stock_left[:, promotion] >= 1 + size * cover
        self.available = np.zeros((len(can), self.none + 1), dtype=bool)
        self.available[:, promotion] = can & (size >= 1)
        self.available[:, self.none] = True

    def fill(self, action: Ints) -> Block:
        """Deliver the next block; an action `[N]` that is not available counts as `none`."""
        at, rows, step = self.blocks.items(self.pool), self._rows, self.step
        promotion = self.blocks.promotion[at]
        local = np.minimum(np.searchsorted(promotion, action), len(promotion) - 1)
        taken = self.available[rows, action] & (action != self.none)
        item, promotion = at.start + local, promotion[local]
        shown = np.where(taken, self.size[self.pool], 0.0)
        paid = np.where(taken, self.extra[rows, local], 0.0)
        drawn = (self.market.seed, self.market.flights, streams.BLOCKS)
        chance = self.first[rows, item], self.second[rows, item]
        clicks = binomial.sample(*drawn, 2 * step, shown[:, None], chance[0][:, None])
        asked = binomial.sample(*drawn, 2 * step + 1, clicks, chance[1][:, None])[:, 0]
        stock = self.stock_left[rows, promotion]
        served, mean = np.minimum(asked, stock), np.minimum(shown * chance[0] * chance[1], stock)
        self.delivered[rows, item] += shown
        self.charged[rows, item] += paid
        self._clicks[rows, item] += clicks[:, 0]
        self._asked[rows, item] += asked
        self.stock_left[rows, promotion] -= served
        self.supply_left[:, self.pool] -= shown
        self._allowed -= paid
        self.left -= paid
        if self._subsidy is not None:
            self.left -= shown * self._subsidy[rows, item]
        worth, cost = self.worth[rows, promotion], self._spend_weight * paid
        self.filled += 1
        if not self.done:
            self._offer()
        return Block(paid, shown, clicks[:, 0], served, served * worth - cost, mean * worth - cost)

    def by_action(self, values: Floats) -> Floats:
        """`[N, I]` of the pool whose block is next to `[N, A]`; 0 elsewhere."""
        full = np.zeros((len(values), self.none + 1))
        full[:, self.blocks.promotion[self.blocks.items(self.pool)]] = values
        return full

    def close(self) -> DayOutcome:
        """Book the day in the market."""
        booked = self.charged, self.delivered, self._clicks, self._asked
        return self.market.book(*(self._by_item(values) for values in booked))

    def _by_item(self, values: Floats) -> Floats:
        full = np.empty_like(values)
        full[:, self.blocks.order] = values
        return full

    def reward_expected(self, first: Floats, second: Floats, worth: Floats) -> Floats:
        """Objective `[N, A]` that the next block is expected to bring with each action.

        Args:
            first: Rate of the first stage `[N, L]`.
            second: Rate of the second stage `[N, L]`.
            worth: What the objective pays per conversion `[P]` or `[N, P]`.
        """
        at = self.blocks.items(self.pool)
        each = np.atleast_2d(worth)[:, self.blocks.promotion[at]]
        earned = first[:, at] * second[:, at] * self.size[self.pool] * each
        return self.by_action(earned - self._spend_weight * self.extra) * self.available
