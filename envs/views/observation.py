"""What a policy sees: a few numbers of the flight and some of every promotion."""

import math

import numpy as np

from promopilot.envs.engine.observe import fill
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

GLOBAL_NAMES = ("days_left", "budget_left", "weekday_sin", "weekday_cos", "outlook")
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
    world, catalog, day = market.world, market.world.catalog, market.day
    out = np.zeros((market.num_flights, size(world)), dtype=np.float32)
    if market.done:
        return out
    first, second = market.first_belief.now, market.second_belief.now
    fill(
        *(out, LIMIT, day, (world.days - day) / world.days),
        2 * math.pi * (world.start.weekday() + day) / 7,
        float(replan.outlook[day]),
        float(world.budget * replan.planned_share_left[day]),
        *(market.budget_left, market.exogenous.price_factor),
        *(catalog.promotion, catalog.placement, catalog.audience),
        *(world.segment_size[catalog.segment], world.unit_cost, market.reach),
        *(market.worth_per_impression, market.fatigue, catalog.stock, market.stock_left),
        *(first.mean, first.sd, second.mean, second.sd),
    )
    return out
