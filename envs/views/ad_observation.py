"""What is seen before a block is filled: the flight, the pool, and each promotion in it."""

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.day import BlockDay
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

GLOBAL_NAMES = (
    "days_left",
    "blocks_left",
    "budget_left",
    "weekday_sin",
    "weekday_cos",
    "log_price",
    "supply_left",
)
PROMOTION_NAMES = (
    "return_on_cost",
    "belief_sd",
    "fatigue",
    "reach_left",
    "stock_left",
    "profit",
    "cost",
    "available",
)
# Every entry is clipped to +- this: the space is bounded, and nothing useful lies outside.
LIMIT = 10.0


def names(world: World) -> tuple[str, ...]:
    """Every entry's name in order; a promotion's are `<promotion_id>.<name>`."""
    ids = world.catalog.promotion_ids
    return (*GLOBAL_NAMES, *(f"{id_}.{name}" for id_ in ids for name in PROMOTION_NAMES))


def signed_log(values: Floats) -> Floats:
    """sign(x) log(1 + |x|): keeps sign and order, and what is large inside the bounds."""
    return np.asarray(np.copysign(np.log1p(np.abs(values)), values))


def return_on_cost(worth: Floats, cost: Floats) -> Floats:
    """log(1 + worth / cost); 0 where nothing is worth or paid anything."""
    gain = np.maximum(worth, 0)
    ratio = np.divide(gain, cost, out=np.zeros_like(gain), where=cost > 0)
    return np.asarray(np.log1p(ratio))


class BlockObserver:
    """Observes N flights before each block of a day.

    Args:
        world: What is played.
        reward_scale: Money that is one unit of reward.
    """

    def __init__(self, world: World, reward_scale: float) -> None:
        self.world, self._unit = world, reward_scale
        worth, self._spend_weight = world.catalog.worth(world.objective)
        self._paid = worth[world.catalog.promotion[world.catalog.by_pool.order]]  # [L] by pool
        self.size = len(GLOBAL_NAMES) + len(PROMOTION_NAMES) * world.catalog.num_promotions
        self._even_share_left = np.r_[Replan(world).planned_share_left, 0.0]  # [D + 1]

    def start(self, day: BlockDay) -> None:
        """Take in what does not change while the day's blocks are filled."""
        market, catalog, order = day.market, self.world.catalog, day.blocks.order
        self._rate = market.expected_rate[:, order]  # [N, L]
        self._reach = market.reach[order]
        self._sd = np.hypot(market.first_belief.now.sd, market.second_belief.now.sd)  # [N, P]
        self._supply = np.maximum(market.supply, 1e-9)
        self._log_price = np.log(market.exogenous.price_factor[:, market.day])
        self._fatigue = market.fatigue
        self._people = self.world.segment_size[catalog.segment[order]]
        self._audience = catalog.audience[order]
        self._stock = np.where(np.isinf(catalog.stock), 1.0, np.maximum(catalog.stock, 1e-9))
        angle = 2 * np.pi * (self.world.start.weekday() + market.day) / 7
        self._weekday = np.sin(angle), np.cos(angle)

    def observe(self, day: BlockDay) -> np.ndarray:
        """Observation `[N, size]` float32 before the next block is filled."""
        market, blocks, pool = day.market, day.blocks, day.pool
        at, promotion = blocks.items(pool), blocks.promotion[blocks.items(pool)]
        flights, count = market.num_flights, market.world.catalog.num_promotions
        full = np.zeros((flights, self.size), dtype=np.float32)
        first = full[:, : len(GLOBAL_NAMES)]
        first[:, 0] = (self.world.days - market.day) / self.world.days
        first[:, 1] = 1 - (day.filled // blocks.size.shape[1]) / blocks.per_day
        first[:, 2] = np.log((np.maximum(day.left, 0) + 1e-9) / (self._even_left(day) + 1e-9))
        first[:, 3], first[:, 4] = self._weekday
        first[:, 5] = self._log_price[:, market.world.catalog.pools[pool, 0]]
        first[:, 6] = 1 - day.delivered[:, at].sum(axis=1) / self._supply[pool]
        each = full[:, len(GLOBAL_NAMES) :].reshape(flights, count, len(PROMOTION_NAMES))
        worth, cost = self.next_block(day)
        each[:, promotion, 0] = return_on_cost(worth, cost)
        each[..., 1] = self._sd
        each[:, promotion, 2] = self._tired(day)
        reach = self._reach[at]
        left = 1 - day.delivered[:, at] / np.maximum(reach, 1e-9)
        each[:, promotion, 3] = np.where(reach > 0, np.maximum(left, 0), 0.0)
        each[..., 4] = np.where(np.isinf(day.stock_left), 1.0, day.stock_left / self._stock)
        each[:, promotion, 5] = signed_log((worth - self._spend_weight * cost) / self._unit)
        each[:, promotion, 6] = np.log1p(cost / self._unit)
        each[..., 7] = day.available[:, :-1]
        return np.clip(full, -LIMIT, LIMIT, out=full)

    def _even_left(self, day: BlockDay) -> float:
        """Budget that an even pace would have left now."""
        start, end = self._even_share_left[day.market.day : day.market.day + 2]
        gone = day.filled / day.blocks.decisions_per_day
        return float(self.world.budget * (start + (end - start) * gone))

    def next_block(self, day: BlockDay) -> tuple[Floats, Floats]:
        """[N, I] money that the next block is expected to be worth, and [N, I] to cost.

        Under the belief, at believed reach; what stock cannot serve, and what cannot be shown at
        all, is worth nothing.
        """
        at, size = day.blocks.items(day.pool), day.size[day.pool]
        given = day.unit_cost[:, at], self._reach[at], day.saturation
        before = day.delivered[:, at]
        cost = response.cost(before + size, *given) - response.cost(before, *given)
        sold = np.minimum(self._rate[:, at] * size, day.stock_left[:, day.blocks.promotion[at]])
        shown = self._reach[at] > 0
        return sold * self._paid[at] * shown, np.where(shown, cost, 0.0)

    def _tired(self, day: BlockDay) -> Floats:
        """[N, I] log(1 + recent exposures per person), what this pool showed today included."""
        at = day.blocks.items(day.pool)
        seen = day.delivered[:, at] / self._people[at]
        return np.asarray(np.log1p(self._fatigue[:, self._audience[at]] + seen))
