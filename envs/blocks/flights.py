"""A batch of flights decided block by block: choices in, observations and rewards out."""

from dataclasses import replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.blocks.day import Block, BlockDay
from promopilot.envs.blocks.layout import Blocks
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.views.ad_observation import BlockObserver
from promopilot.envs.views.flights import FlightBatch
from promopilot.envs.world import World


class BlockFlights:
    """N flights of one world, in each of which pools take turns at filling a block.

    Args:
        world: What is played.
        blocks_per_day: Blocks of each pool and day.
    """

    def __init__(self, world: World, blocks_per_day: int) -> None:
        self.world = world
        self.market = Market(world)
        self.blocks = Blocks.of(world, blocks_per_day)
        self.num_actions = world.catalog.num_promotions + 1
        # What a block of the re-planner's is worth in the reference flight; one number per world.
        self.reward_scale = FlightBatch(world).reward_scale / self.blocks.decisions_per_day
        self.observer = BlockObserver(world, self.reward_scale)
        self.day: BlockDay | None = None
        self._earned = np.zeros(0)  # [N] objective of today's blocks so far

    @property
    def done(self) -> bool:
        """Whether the last block of the flight was filled."""
        return self.day is None

    @property
    def pool(self) -> int:
        """Whose block is next; the last pool after the end."""
        return self.blocks.size.shape[1] - 1 if self.day is None else self.day.pool

    @property
    def available(self) -> Bools:
        """[N, A] what the next block can be filled with; `none` alone after the end."""
        flights = self.market.num_flights
        if self.day is None:
            return np.tile(np.arange(self.num_actions) == self.num_actions - 1, (flights, 1))
        return self.day.available

    @property
    def budget_left(self) -> Floats:
        """[N] money that may still be committed, the blocks of today taken off."""
        return (
            self.market.budget_left
            if self.day is None
            else np.maximum(self.day.left + self.day.unseen, 0.0)
        )

    def reset(self, seed: int, flights: Ints) -> np.ndarray:
        """Start flights `[N]` of a seed and observe them `[N, size]`."""
        self.market.reset(seed, flights)
        return self._start_day()

    def _start_day(self) -> np.ndarray:
        # All of the budget may go today, up to the day's limit: pacing is the agent's.
        self.day = BlockDay(self.market, self.blocks, self.market.budget_left)
        self.observer.start(self.day)
        self._earned = np.zeros(self.market.num_flights)
        return self.observer.observe(self.day)

    def step(self, action: Ints) -> tuple[np.ndarray, Floats, Block, DayOutcome | None]:
        """Fill the next block of every flight `[N]`.

        Returns:
            Observation `[N, size]`, zeros after the end; reward `[N]`; the block's accounting; and
            the day's where the block was its last. That block's objective also settles what the
            day's books changed (redemption refused for want of budget), so that a day's objectives
            add up to its accounting.

        Raises:
            MarketError: The flight is over.
        """
        day = self.day
        if day is None:
            raise MarketError(f"The flight ended after day {self.world.days}; reset it first.")
        block = day.fill(action)
        self._earned = self._earned + block.objective
        if not day.done:
            return self.observer.observe(day), block.objective / self.reward_scale, block, None
        outcome = day.close()
        settled = block.objective + outcome.total("objective") - self._earned
        block = replace(
            block,
            objective=settled,
            mean_objective=block.mean_objective + settled - block.objective,
        )
        if self.market.done:
            self.day = None
            observed = np.zeros((self.market.num_flights, self.observer.size), dtype=np.float32)
        else:
            observed = self._start_day()
        return observed, settled / self.reward_scale, block, outcome
