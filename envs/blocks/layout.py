"""How the days of a world are cut into blocks of impressions."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.engine import streams
from promopilot.envs.errors import MarketError
from promopilot.envs.world import World


@dataclass(frozen=True)
class Blocks:
    """How the days of a world are cut into blocks, line items sorted by pool."""

    per_day: int  # B, blocks of each pool and day
    size: Floats  # [D, Q] whole impressions
    order: Ints  # [L] line items by pool, inside a pool by promotion
    starts: Ints  # [Q + 1] where each pool begins in that order
    promotion: Ints  # [L] in that order

    @classmethod
    def of(cls, world: World, per_day: int) -> "Blocks":
        """Cut each pool's expected supply of a day into `per_day` blocks.

        Blocks are smaller where a pool's even part of a day's even money would not buy one.

        Raises:
            MarketError: `per_day` is no whole number above 0, or a flight has too many blocks.
        """
        if isinstance(per_day, bool) or not isinstance(per_day, int | np.integer) or per_day < 1:
            raise MarketError(f"blocks_per_day is {per_day!r}; it must be a whole number above 0.")
        catalog = world.catalog
        pools = catalog.by_pool
        decisions = world.days * per_day * pools.size
        if decisions > streams.LAST_STEP // 2:
            raise MarketError(
                f"{world.days} days x {per_day} blocks x {pools.size} pools are {decisions} "
                f"decisions; a flight has at most {streams.LAST_STEP // 2}: use fewer blocks a day."
            )
        mean_cost = pools.sum(world.unit_cost) / pools.sum(np.ones_like(world.unit_cost))
        budget = max(world.budget - world.initial.spent, 0.0)
        money = min(budget / world.days, world.per_day_max) / pools.size
        return cls(
            per_day=int(per_day),
            size=np.floor(np.minimum(world.supply / per_day, money / mean_cost)),
            order=pools.order,
            starts=np.searchsorted(pools.group, np.arange(pools.size + 1)).astype(np.int64),
            promotion=catalog.promotion[pools.order],
        )

    @property
    def decisions_per_day(self) -> int:
        """Blocks of all pools together."""
        return self.per_day * len(self.starts[1:])

    def items(self, pool: int) -> slice:
        """Where a pool's line items stand."""
        return slice(int(self.starts[pool]), int(self.starts[pool + 1]))
