"""What a price-setting policy sees: a few numbers of the flight and some of every promotion."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

GLOBAL_NAMES = ("days_left", "budget_left", "weekday_sin", "weekday_cos")
PROMOTION_NAMES = (
    "first_belief_mean",
    "first_belief_sd",
    "second_belief_mean",
    "second_belief_sd",
    "fatigue",
    "return_on_cost",
    "reach",
    "stock_left",
    "live",
)
# Every entry is clipped to +- this: the space is bounded, and nothing useful lies outside.
LIMIT = 10.0


def num_globals(world: World) -> int:
    """Entries before the promotions'."""
    return len(GLOBAL_NAMES) + len(world.catalog.placement_ids)


def size(world: World) -> int:
    """Length of one flight's observation."""
    return num_globals(world) + len(PROMOTION_NAMES) * world.catalog.num_promotions


def observe(market: Market, replan: Replan) -> np.ndarray:
    """Observation `[N, size]` float32 before the day's decision; zeros when the flight is over.

    Globals first (`GLOBAL_NAMES`, then the log price of each placement against its mean), then
    promotion by promotion (`PROMOTION_NAMES`).
    """
    world, catalog = market.world, market.world.catalog
    if market.done:
        return np.zeros((market.num_flights, size(world)), dtype=np.float32)
    day, ones = market.day, np.ones(market.num_flights)
    left = world.days - day
    expected_left = world.budget * replan.planned_share_left[day]
    weekday = 2 * np.pi * (world.start.weekday() + day) / 7
    worth = market.worth_per_impression
    ratio = np.where(market.reach > 0, worth / market.unit_cost, 0.0)
    reach = np.broadcast_to(market.reach, worth.shape)
    weight = np.maximum(catalog.by_promotion.sum(reach), 1e-9)
    people = world.segment_size[catalog.segment]
    recent = market.fatigue[:, catalog.audience] * people
    first, second = market.first_belief.now, market.second_belief.now
    globals_ = [
        ones * left / world.days,
        np.log((market.budget_left + 1e-9) / (expected_left + 1e-9)),
        ones * np.sin(weekday),
        ones * np.cos(weekday),
        *np.log(market.exogenous.price_factor[:, day]).T,
    ]
    promotions = [
        first.mean,
        first.sd,
        second.mean,
        second.sd,
        np.log1p(catalog.by_promotion.sum(recent) / catalog.by_promotion.sum(people)),
        catalog.by_promotion.sum(np.log1p(np.maximum(ratio, 0)) * reach) / weight,
        np.broadcast_to(
            catalog.by_promotion.sum(market.reach) / max(float(market.reach.sum()), 1e-9),
            first.mean.shape,
        ),
        _stock_share(market.stock_left, catalog.stock),
        np.broadcast_to(catalog.by_promotion.sum(market.reach) > 0, first.mean.shape),
    ]
    per_promotion = np.stack(promotions, axis=-1).reshape(market.num_flights, -1)
    full = np.concatenate([np.stack(globals_, axis=-1), per_promotion], axis=1)
    return np.asarray(np.clip(full, -LIMIT, LIMIT), dtype=np.float32)


def _stock_share(left: Floats, stock: Floats) -> Floats:
    limited = np.isfinite(stock) & (stock > 0)
    safe = np.where(limited, stock, 1.0)
    return np.where(limited, np.where(limited, left, 0.0) / safe, np.where(stock > 0, 1.0, 0.0))
