"""A day filled block by block, as an ad server does it, with the probability of every choice.

A block is a tenth of a pool's expected daily supply, or less where the day's money would not buy
that much. For each block the server draws one promotion, or none, from probabilities that it writes
down; what the block brought is the reward. That is a log from which other policies can be evaluated
offline. Pools, reach, stock and every limit on money make choices unavailable.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.exogenous import stream
from promopilot.envs.market import Market
from promopilot.envs.outcomes import sample_binomial, serve_from_stock
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

# A share of its reach that a line item may not pass by blocks: beyond, an impression costs 20 times
# the first one.
_MOST_OF_REACH = 0.95
# A promotion is offered only while its stock covers this many times what a block in each of its
# pools is expected to sell, so that rewards need not know about the last pieces.
_STOCK_COVER = 4.0
_CHOICE_STREAM = 2


@dataclass(frozen=True)
class BlockLog:
    """n decisions; A = P + 1 actions, the last one is `none`."""

    flight: Ints  # [n]
    day: Ints  # [n]
    pool: Ints  # [n]
    action: Ints  # [n]
    propensity: Floats  # [n] probability with which the action was drawn
    reward: Floats  # [n] objective of the block, in money
    available: Bools  # [n, A]
    believed: Floats  # [n, A] reward expected under the predicted rates
    expected: Floats  # [n, A] reward expected under the market's true rates


def explore_in_blocks(
    world: World, seed: int, flights: Ints, blocks_per_day: int, exploration: float
) -> BlockLog:
    """Let the re-planner's shares, mixed with uniform choice, fill blocks; log every choice.

    Args:
        world: What is played.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights `[N]`.
        blocks_per_day: Blocks of each pool and day.
        exploration: Share of choices drawn uniformly from what is available, 0-1.
    """
    market, replan = Market(world), Replan(world)
    market.reset(seed, flights)
    streams = [stream(seed, int(flight), _CHOICE_STREAM) for flight in flights]
    parts: list[dict[str, np.ndarray]] = []
    while not market.done:
        day = _Day(market, replan, blocks_per_day, exploration)
        for _ in range(blocks_per_day):
            uniform = np.stack([rng.random(day.num_pools) for rng in streams])
            parts.append(day.fill(uniform))
        day.close()
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns["flight"] = np.asarray(flights)[columns["flight"]]
    return BlockLog(**columns)


class _Day:
    """One day of N flights while its blocks are being filled."""

    def __init__(
        self, market: Market, replan: Replan, blocks_per_day: int, exploration: float
    ) -> None:
        self.market = market
        world, catalog = market.world, market.world.catalog
        self.num_pools, self.none = len(catalog.pools), catalog.num_promotions
        self.exploration = exploration
        self.cost = market.unit_cost
        self.reach = np.broadcast_to(market.reach, self.cost.shape)
        # Exploring spends what the re-planner would: more would leave nothing for the last days.
        self.money = replan.budget_today(market)  # [N]
        self.block = self._block(blocks_per_day)  # [N, L]
        supply = np.maximum(world.supply[market.day], 1e-9)[catalog.pool]
        self.target = self._by_action(replan(market).impressions / supply)
        worth, self.spend_weight = catalog.worth(world.objective)
        self.worth = worth[catalog.promotion]
        prior = world.rates.first[market.day] * market.fatigue_factor
        believed = np.minimum(prior, 1.0) * world.rates.second[market.day]
        self.sales = market.true_first_rate * market.true_second_rate * self.block
        self.believed = believed * self.worth * self.block
        self.expected = self.sales * self.worth
        shape = self.cost.shape
        self.delivered, self.spent = np.zeros(shape), np.zeros(shape)
        self.clicks, self.converted = np.zeros(shape), np.zeros(shape)

    def _block(self, blocks_per_day: int) -> Floats:
        """Whole impressions of a block: a part of the supply, or what a pool's even money buys."""
        market, pools = self.market, self.market.world.catalog.by_pool
        supply = market.world.supply[market.day] / blocks_per_day
        mean_cost = pools.sum(self.cost) / pools.sum(np.ones_like(self.cost))
        affordable = self.money[:, None] / self.num_pools / mean_cost
        whole = np.floor(np.minimum(supply, affordable))
        return np.asarray(whole[:, market.world.catalog.pool])

    def _by_action(self, values: Floats) -> Floats:
        """`[N, L]` to `[N, Q, A]`, zero where a promotion has no line item and for `none`."""
        catalog = self.market.world.catalog
        full = np.zeros((len(values), self.num_pools, self.none + 1))
        full[:, catalog.pool, catalog.promotion] = values
        return full

    def fill(self, uniform: Floats) -> dict[str, np.ndarray]:
        """Draw and deliver one block in every pool of every flight; `uniform` is `[N, Q]`."""
        catalog = self.market.world.catalog
        extra = response.cost(self.delivered + self.block, self.cost, self.reach) - response.cost(
            self.delivered, self.cost, self.reach
        )
        can = self._can(extra)
        available = self._by_action(can.astype(float)) > 0
        available[..., self.none] = True
        probability = self._probabilities(available)
        action = (probability.cumsum(axis=-1) < uniform[..., None]).sum(axis=-1)
        action = np.minimum(action, self.none)
        chosen = (action[:, catalog.pool] == catalog.promotion) & can
        reward = self._deliver(chosen, extra)
        flight, pool = np.indices(action.shape)
        paid = self.spend_weight * extra
        rows = {
            "flight": flight,
            "day": np.full(action.shape, self.market.day),
            "pool": pool,
            "action": action,
            "propensity": np.take_along_axis(probability, action[..., None], -1)[..., 0],
            "reward": catalog.by_pool.sum(reward),
            "available": available,
            "believed": self._by_action(self.believed - paid) * available,
            "expected": self._by_action(self.expected - paid) * available,
        }
        return {name: values.reshape(-1, *values.shape[2:]) for name, values in rows.items()}

    def _can(self, extra: Floats) -> Bools:
        """[N, L] which line items' next block no limit forbids, `extra` being its cost."""
        market, catalog = self.market, self.market.world.catalog
        # Each pool may use its even part of the day's money left, so that no round overspends.
        purse = (self.money - self.spent.sum(axis=1)) / self.num_pools
        pool_left = market.exogenous.supply[:, market.day] - catalog.by_pool.sum(self.delivered)
        stock_left = market.stock_left - catalog.by_promotion.sum(self.converted)
        covered = stock_left >= 1 + _STOCK_COVER * catalog.by_promotion.sum(self.sales)
        return np.asarray(
            (self.block >= 1)
            & (self.delivered + self.block <= _MOST_OF_REACH * self.reach)
            & (self.block <= pool_left[:, catalog.pool])
            & (extra <= purse[:, None])
            & (self.spent + extra <= market.world.max_spend)
            & covered[:, catalog.promotion]
        )

    def _probabilities(self, available: Bools) -> Floats:
        wanted = self.target * available
        wanted[..., self.none] = np.maximum(1 - wanted.sum(axis=-1), 0.0)
        wanted /= wanted.sum(axis=-1, keepdims=True)
        even = available / available.sum(axis=-1, keepdims=True)
        return np.asarray((1 - self.exploration) * wanted + self.exploration * even)

    def _deliver(self, chosen: Bools, extra: Floats) -> Floats:
        """Outcomes of the chosen line items' blocks; returns rewards `[N, L]`."""
        market, promotions = self.market, self.market.world.catalog.by_promotion
        shown = np.where(chosen, self.block, 0.0)
        clicks = sample_binomial(market.streams, shown, market.true_first_rate)
        converted = sample_binomial(market.streams, clicks, market.true_second_rate)
        stock_left = market.stock_left - promotions.sum(self.converted)
        converted = serve_from_stock(converted, stock_left, promotions)
        paid = np.where(chosen, extra, 0.0)
        self.delivered += shown
        self.clicks += clicks
        self.converted += converted
        self.spent += paid
        return np.asarray(converted * self.worth - self.spend_weight * paid)

    def close(self) -> None:
        """Book the day in the market."""
        self.market.book(self.spent, self.spent, self.delivered, self.clicks, self.converted)


def shares_of_plan(world: World, impressions: Floats) -> Floats:
    """What a plan would choose: its expected impressions over the pool's supply, the rest `none`.

    Args:
        world: Its market.
        impressions: Expected impressions of the plan `[D, L]`.

    Returns:
        Probabilities `[D, Q, A]`.
    """
    catalog = world.catalog
    supply = world.supply[:, catalog.pool]
    share = np.divide(impressions, supply, out=np.zeros_like(supply), where=supply > 0)
    full = np.zeros((world.days, len(catalog.pools), catalog.num_promotions + 1))
    full[:, catalog.pool, catalog.promotion] = share
    full /= np.maximum(full.sum(axis=-1, keepdims=True), 1.0)
    full[..., -1] = 1 - full.sum(axis=-1)
    return full


def choices_at(log: BlockLog, shares: Floats) -> Floats:
    """A plan's probabilities `[n, A]` at the logged states; what is unavailable there is `none`."""
    wanted = shares[log.day, log.pool] * log.available
    wanted[:, -1] = 0.0
    wanted[:, -1] = np.maximum(1 - wanted.sum(axis=1), 0.0)
    return np.asarray(wanted / wanted.sum(axis=1, keepdims=True))
