"""A log of block fillings with the probability of every choice, for offline evaluation.

For each block one promotion, or none, is drawn from probabilities that are written down; what the
block brought is the reward. From such a log other policies can be evaluated offline.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.blocks.day import BlockDay
from promopilot.envs.blocks.layout import Blocks
from promopilot.envs.catalog import Catalog
from promopilot.envs.engine import streams
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.world import World

# A promotion is offered only while its stock covers this many times what a block is expected to
# sell, so that rewards need not know about the last pieces.
_STOCK_COVER = 4.0


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
    world: World,
    spend: Callable[[Market], Floats],
    seed: int,
    flights: Ints,
    blocks_per_day: int,
    exploration: float,
) -> BlockLog:
    """Let a policy's shares, mixed with uniform choice, fill blocks; log every choice.

    The impressions that the policy's spend is expected to buy, over the pool's expected supply, are
    its shares; what is left is `none`. Exploring spends no more in a day than the policy would.

    Args:
        world: What is played.
        spend: Media spend `[N, L]` that the policy asks for today, as `Policy.spend`.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights `[N]`.
        blocks_per_day: Blocks of each pool and day.
        exploration: Share of choices drawn uniformly from what is available, 0-1.

    Raises:
        MarketError: `exploration` is no share, or days cannot be cut so.
    """
    if not 0 <= exploration <= 1:
        raise MarketError(f"exploration is {exploration}; it must be from 0 to 1.")
    market, blocks = Market(world), Blocks.of(world, blocks_per_day)
    market.reset(seed, flights)
    rows = np.arange(len(flights))
    parts: list[BlockLog] = []
    while not market.done:
        asked = _within_limits(market, spend(market))
        wanted = _expected_impressions(market, asked)[:, blocks.order]
        supply = np.maximum(market.supply, 1e-9)
        rates = world.rates.first[market.day] * market.fatigue_factor
        first = np.minimum(rates, 1.0)[:, blocks.order]
        second = np.broadcast_to(world.rates.second[market.day], first.shape)[:, blocks.order]
        worth = world.catalog.worth(world.objective)[0]
        day = BlockDay(market, blocks, asked.sum(axis=1), _STOCK_COVER)
        while not day.done:
            shares = day.by_action(wanted[:, blocks.items(day.pool)] / supply[day.pool])
            probability = mixed(shares, day.available, exploration)
            drawn = streams.uniforms(seed, flights, streams.CHOICES, 1, 1, day.step)[:, 0, 0]
            action = draw(probability, drawn)
            pool, available = day.pool, day.available
            believed = day.reward_expected(first, second, worth)
            expected = day.reward_expected(day.first, day.second, day.worth)
            block = day.fill(action)
            parts.append(
                BlockLog(
                    flight=np.asarray(flights, dtype=np.int64),
                    day=np.full(len(rows), market.day),
                    pool=np.full(len(rows), pool),
                    action=action,
                    propensity=probability[rows, action],
                    reward=block.objective,
                    available=available,
                    believed=believed,
                    expected=expected,
                )
            )
        day.close()
    return joined(parts)


def joined(parts: list[BlockLog]) -> BlockLog:
    """Logs one after the other."""
    return BlockLog(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(BlockLog))
    )


def draw(probability: Floats, uniform: Floats) -> Ints:
    """Actions `[N]` drawn from probabilities `[N, A]` by one number between 0 and 1 each `[N]`."""
    action = (probability.cumsum(axis=-1) < uniform[:, None]).sum(axis=-1)
    # Rounding may leave the running sum below the number: the last action that has a chance.
    last = probability.shape[1] - 1 - (probability[:, ::-1] > 0).argmax(axis=1)
    return np.asarray(np.minimum(action, last), dtype=np.int64)


def mixed(shares: Floats, available: Bools, exploration: float) -> Floats:
    """Probabilities `[N, A]`: shares of what is available, the rest `none`, mixed with even ones.

    Args:
        shares: Share of each promotion `[N, A]`; that of `none` is not read.
        available: `[N, A]`.
        exploration: Weight of the even choice among what is available.
    """
    wanted = shares * available
    wanted[:, -1] = 0.0
    wanted[:, -1] = np.maximum(1 - wanted.sum(axis=-1), 0.0)
    wanted /= wanted.sum(axis=-1, keepdims=True)
    even = available / available.sum(axis=-1, keepdims=True)
    return np.asarray((1 - exploration) * wanted + exploration * even)


def _within_limits(market: Market, spend: Floats) -> Floats:
    """Spend `[N, L]` cut to the limits of line items, day and budget, as the market cuts it."""
    world = market.world
    money = np.where(spend > 0, spend, 0.0) * world.live[market.day]
    money = np.minimum(money, np.minimum(world.max_spend, market.budget_left[:, None]))
    allowed = np.minimum(market.budget_left, world.per_day_max)
    factor = np.minimum(1.0, allowed / np.maximum(money.sum(axis=1), 1e-300))
    return np.asarray(money * factor[:, None])


def _expected_impressions(market: Market, spend: Floats) -> Floats:
    """Impressions `[N, L]` that spend is expected to buy; a pool over its supply is cut."""
    catalog = market.world.catalog
    bought = response.impressions(
        spend, market.unit_cost, market.reach, market.world.dynamics.saturation
    )
    factor = market.supply / np.maximum(catalog.by_pool.sum(bought), 1e-300)
    return np.asarray(bought * np.minimum(factor, 1.0)[:, catalog.pool])


def shares_of_plan(world: World, impressions: Floats) -> Floats:
    """What a plan would choose: its expected impressions over the pool's supply, the rest `none`.

    Args:
        world: Its market.
        impressions: Expected impressions of the plan `[D, L]`.

    Returns:
        Probabilities `[D, Q, A]`.
    """
    return _shares(world.catalog, impressions, world.supply)


def shares_of_spend(market: Market, spend: Floats) -> Floats:
    """What spend `[N, L]` asked for today would choose, as `shares_of_plan`: `[N, Q, A]`."""
    impressions = _expected_impressions(market, _within_limits(market, spend))
    return _shares(market.world.catalog, impressions, market.supply[None])


def _shares(catalog: Catalog, impressions: Floats, supply: Floats) -> Floats:
    """Shares `[X, Q, A]` of impressions `[X, L]` in the pools' supply `[1 or X, Q]`."""
    there = np.broadcast_to(supply[:, catalog.pool], impressions.shape)
    share = np.divide(impressions, there, out=np.zeros_like(impressions), where=there > 0)
    full = np.zeros((len(share), len(catalog.pools), catalog.num_promotions + 1))
    full[:, catalog.pool, catalog.promotion] = share
    full /= np.maximum(full.sum(axis=-1, keepdims=True), 1.0)
    full[..., -1] = 1 - full.sum(axis=-1)
    return full


def choices_at(log: BlockLog, shares: Floats) -> Floats:
    """A plan's probabilities `[n, A]` at the logged states; what is unavailable there is `none`."""
    return mixed(shares[log.day, log.pool], log.available, 0.0)
