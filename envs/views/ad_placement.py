"""`promopilot/AdPlacement-v0`: choose which promotion fills each block of impressions."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from promopilot.envs.arrays import Bools
from promopilot.envs.blocks.day import Block
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome
from promopilot.envs.views.ad_observation import LIMIT
from promopilot.envs.views.ad_placement_rendering import pixels, text
from promopilot.envs.views.played import FlightSequence, played_world
from promopilot.envs.views.whole_actions import whole_actions
from promopilot.envs.world import World


def spaces_of(batch: BlockFlights) -> tuple[spaces.Box, spaces.Discrete]:
    """Observation and action space of one flight."""
    observed = spaces.Box(-LIMIT, LIMIT, (batch.observer.size,), np.float32)
    return observed, spaces.Discrete(batch.num_actions)


def whereabouts(batch: BlockFlights) -> dict[str, str]:
    """Where the next block stands; the last one when the flight is over."""
    market, catalog = batch.market, batch.world.catalog
    placement, segment = catalog.pools[batch.pool]
    return {
        "date": str(batch.world.start + timedelta(days=min(market.day, batch.world.days - 1))),
        "placement_id": catalog.placement_ids[placement],
        "segment_id": catalog.segment_ids[segment],
    }


class AdPlacement(gymnasium.Env[np.ndarray, np.int64]):
    """Fill every pool's impressions block by block over a flight.

    Each pool's expected supply of a day is cut into `blocks_per_day` blocks (smaller ones where
    the budget's even part for the pool and day would not buy one). Pools take turns: one step is
    one block of one pool, a day is `blocks_per_day` rounds over all pools, an episode is a flight.

    Observation, `Box(-10, 10, (7 + 8 P,), float32)`, of the pool whose block is next:

    | entry | meaning |
    |---|---|
    | `days_left` | share of the flight's days left, today included, 0-1 |
    | `blocks_left` | share of the pool's blocks of today left, this one included, 0-1 |
    | `budget_left` | log of the budget left over what an even pace would have left now |
    | `weekday_sin`, `weekday_cos` | the weekday on a circle |
    | `log_price` | log of today's price of the placement over its mean |
    | `supply_left` | 1 - impressions delivered today / supply expected today; below 0 above it |

    and of each promotion in turn, in this pool (zeros where it cannot be shown there):

    | entry | meaning |
    |---|---|
    | `return_on_cost` | log(1 + worth / cost) of the block's impressions, under the belief |
    | `belief_sd` | sd of the belief on its hidden shift, both stages together (log-odds) |
    | `fatigue` | log(1 + recent exposures per person of the segment) |
    | `reach_left` | 1 - impressions delivered today / reach expected today, 0-1 |
    | `stock_left` | share of its stock left, 0-1; 1 where unlimited |
    | `profit` | the block's expected objective x under the belief, in units of reward: |
    |          | sign(x) log(1 + abs(x)); no more than the stock left is sold |
    | `cost` | log(1 + the block's expected media cost in units of reward) |
    | `available` | 1 if it can fill this block, else 0 |

    `promopilot.envs.views.ad_observation.names(world)` gives all names. After the last block:
    zeros.

    Action, `Discrete(P + 1)`: the promotion that fills the block, in the catalog's order, or none
    (the last action). A promotion is available while it is live there, a block fits into its
    reach (95 % of it), the pool's supply, its stock (one conversion at least), the line item's and
    the day's limit and the budget left; where the budget covers subsidy, the subsidy that the
    block is expected to cause must fit too. All of the budget may be spent on one day unless the
    world limits days: pacing is the agent's. An unavailable action counts as none, which always is
    available. The mask is `info["action_mask"]` (int8, as `action_space.sample(mask)` takes it) and
    `action_masks()` (bool).

    Reward: the block's objective (net profit unless the world says otherwise) over one constant
    per world, what a block of the daily re-planner earns in the reference flight; 0 for none and
    for an unavailable action. Conversions are credited to the block that caused them, at once; the
    belief only sees what has arrived, from the next day on. The day's last block also settles what
    the day's books refuse (redemption once the budget is used up). The flight's last block
    terminates; nothing truncates.

    `info` says where the next block stands (`date`, `placement_id`, `segment_id`,
    `action_mask`, `budget_left`) and, after a step, what the last one brought in this flight:
    `spend`, `impressions`, `clicks`, `conversions`, `objective`, and `mean_objective`, the same
    with conversions at their true mean, which no real flight shows; after a day's last block also
    `outcome`, the day's accounting per line item (`DayOutcome`'s fields, `[L]`).

    Every `reset` starts another flight; `reset(seed=...)` starts the sequence of flights anew.

    >>> import gymnasium, promopilot.envs
    >>> env = gymnasium.make("promopilot/AdPlacement-v0")
    >>> observation, info = env.reset(seed=7)
    >>> action = env.action_space.sample(info["action_mask"])
    >>> observation, reward, terminated, truncated, info = env.step(action)

    Args:
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played, e.g. `runs/demo`.
        blocks_per_day: Blocks of each pool and day.
        render_mode: `ansi` (text) or `rgb_array` (pixels).

    Raises:
        MarketError: A world and a run were given, an unreadable run folder, a number of blocks
            that is not a whole one above 0, or an unknown render mode.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 10,
    }

    def __init__(
        self,
        world: World | None = None,
        run: str | Path | None = None,
        blocks_per_day: int = 10,
        render_mode: str | None = None,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise MarketError(f"render_mode is {render_mode!r}; it must be one of {modes}.")
        self.render_mode = render_mode
        self.batch = BlockFlights(played_world(world, run), blocks_per_day)
        self.observation_space, self.action_space = spaces_of(self.batch)
        self._sequence = FlightSequence()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the next flight, or flight 0 of a new seed."""
        super().reset(seed=seed)
        observed = self.batch.reset(*self._sequence.take(1, seed, self))
        return observed[0], self._info(None, None)

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Fill a block.

        Raises:
            MarketError: The action is no whole number from 0 to P, or the flight is over.
        """
        chosen = whole_actions(action, (), self.batch.num_actions)
        observed, reward, block, outcome = self.batch.step(chosen.reshape(1))
        return observed[0], float(reward[0]), self.batch.done, False, self._info(block, outcome)

    def action_masks(self) -> Bools:
        """[A] whether each action is available now."""
        return np.array(self.batch.available[0])

    def render(self) -> Any:
        """The flight as text or pixels, as `render_mode` says; None without one."""
        if self.render_mode is None:
            return None
        return text(self.batch) if self.render_mode == "ansi" else pixels(self.batch)

    def _info(self, block: Block | None, outcome: DayOutcome | None) -> dict[str, Any]:
        info = {
            **whereabouts(self.batch),
            "action_mask": self.batch.available[0].astype(np.int8),
            "budget_left": float(self.batch.budget_left[0]),
        }
        if block is not None:
            info |= {name: float(values[0]) for name, values in vars(block).items()}
        if outcome is not None:
            info["outcome"] = {name: values[0] for name, values in vars(outcome).items()}
        return info
