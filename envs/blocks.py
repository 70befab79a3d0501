"""A day filled block by block, as an ad server does it, with the probability of every choice.

A block is a tenth of a pool's expected daily supply. For each block the server draws one promotion,
or none, from probabilities that it writes down; what the block brought is the reward. That is a log
from which other policies can be evaluated offline.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.exogenous import stream
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

# A share of its reach that a line item may not pass by blocks: beyond, an impression costs 20 times
# the first one.
_MOST_OF_REACH = 0.95
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

    Raises:
        MarketError: The world has stock limits, which blocks of this version do not keep.
    """
    if np.isfinite(world.catalog.stock).any():
        raise MarketError("A block log needs promotions without a stock limit.")
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
        self.block = np.floor(world.supply[market.day] / blocks_per_day)[catalog.pool]  # [L]
        self.cost, self.reach = (
            market.unit_cost,
            np.broadcast_to(market.reach, market.unit_cost.shape),
        )
        shares = (
            replan(market).impressions / np.maximum(world.supply[market.day], 1e-9)[catalog.pool]
        )
        self.target = self._by_action(shares)
        worth = catalog.worth(world.objective)[0][catalog.promotion]
        self.spend_weight = catalog.worth(world.objective)[1]
        second = world.rates.second[market.day]
        prior = world.rates.first[market.day] * market.fatigue_factor * second
        self.believed = prior * worth * self.block
        true_rate = market.true_first_rate * market.true_second_rate
        self.expected = true_rate * worth * self.block
        shape = market.unit_cost.shape
        self.delivered, self.clicks, self.converted, self.spent = (
            np.zeros(shape) for _ in range(4)
        )

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
        # Each pool may use its even part of what is left, so that no round overspends.
        purse = (self.market.budget_left - self.spent.sum(axis=1)) / self.num_pools
        can = (
            (self.delivered + self.block <= _MOST_OF_REACH * self.reach)
            & (self.block >= 1)
            & (extra <= purse[:, None])
        )
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

    def _probabilities(self, available: Bools) -> Floats:
        wanted = self.target * available
        wanted[..., self.none] = np.maximum(1 - wanted.sum(axis=-1), 0.0)
        wanted /= wanted.sum(axis=-1, keepdims=True)
        even = available / available.sum(axis=-1, keepdims=True)
        return np.asarray((1 - self.exploration) * wanted + self.exploration * even)

    def _deliver(self, chosen: Bools, extra: Floats) -> Floats:
        """Outcomes of the chosen line items' blocks; returns rewards `[N, L]`."""
        from promopilot.envs.outcomes import sample_binomial

        market, catalog = self.market, self.market.world.catalog
        shown = np.where(chosen, self.block, 0.0)
        clicks = sample_binomial(market.streams, shown, market.true_first_rate)
        converted = sample_binomial(market.streams, clicks, market.true_second_rate)
        paid = np.where(chosen, extra, 0.0)
        self.delivered += shown
        self.clicks += clicks
        self.converted += converted
        self.spent += paid
        worth = catalog.worth(market.world.objective)[0][catalog.promotion]
        return np.asarray(converted * worth - self.spend_weight * paid)

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
