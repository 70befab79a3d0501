"""Whole impressions, clicks and conversions from their expectations."""

import numpy as np
from numpy.random import Generator

from promopilot.envs.arrays import Floats
from promopilot.envs.grouping import Grouping


def round_in_pools(
    delivered: Floats, supply: Floats, pools: Grouping, streams: list[Generator]
) -> Floats:
    """Round impressions so that each keeps its mean and no pool passes its whole supply.

    Systematic sampling: with one uniform number u per pool, line item i gets
    floor(C_i + u) - floor(C_(i-1) + u), C the running sum inside the pool.

    Args:
        delivered: Expected impressions `[N, L]`.
        supply: Whole impressions of each pool `[N, Q]`.
        pools: Line items by pool.
        streams: One generator per flight.
    """
    uniform = np.stack([rng.random(supply.shape[1]) for rng in streams])
    # The minimum: rounding in the running sum must not lift a full pool above its supply.
    return pools.through_running_sum(
        delivered,
        lambda running, pool: np.floor(np.minimum(running, supply[:, pool]) + uniform[:, pool]),
    )


def sample_binomial(streams: list[Generator], trials: Floats, probability: Floats) -> Floats:
    """Binomial draws `[N, L]`, each flight from its own stream.

    The loop over flights is the price of flights that are the same alone and in a batch.
    """
    counts = trials.astype(np.int64)
    chance = np.broadcast_to(probability, trials.shape)
    draws = [rng.binomial(counts[i], chance[i]) for i, rng in enumerate(streams)]
    return np.stack(draws).astype(np.float64)


def serve_from_stock(converted: Floats, stock_left: Floats, promotions: Grouping) -> Floats:
    """Conversions that stock allows `[N, L]`; a promotion's line items are served in their order.

    Args:
        converted: Conversions asked for `[N, L]`.
        stock_left: What is left of each promotion `[N, P]`; inf where unlimited.
        promotions: Line items by promotion.
    """
    if np.isinf(stock_left).all():
        return converted
    return promotions.through_running_sum(
        converted, lambda running, promotion: np.minimum(running, stock_left[:, promotion])
    )
