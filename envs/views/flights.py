"""A batch of flights as an environment: decisions in, observations and rewards out.

The Gymnasium environment is a batch of one; the Gymnasium `VectorEnv` and the stable-baselines3
`VecEnv` are views of the same batch.
"""

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.views.preset_actions import PresetActions
from promopilot.envs.views.price_actions import PriceActions
from promopilot.envs.views.share_actions import ShareActions
from promopilot.envs.views.whole_actions import whole_actions
from promopilot.envs.world import World

ACTION_KINDS = ("prices", "shares", "presets")


class FlightBatch:
    """N flights of one world, in step with each other.

    Args:
        world: What is played.
        actions: What a decision is: one of `ACTION_KINDS`.

    Raises:
        MarketError: Another kind of action.
    """

    def __init__(self, world: World, actions: str = "prices") -> None:
        if actions not in ACTION_KINDS:
            raise MarketError(f"actions is {actions!r}; it must be one of {ACTION_KINDS}.")
        self.world = world
        self.market = Market(world)
        self.replan = Replan(world)
        self.actions = _actions(actions, self.replan)
        self.num_actions = self.actions.count
        # Of one flight's decision: a row of numbers, or the number of a preset.
        self.action_shape = () if actions == "presets" else (self.num_actions,)
        self.observation_size = observation.size(world)
        self.reward_scale = _reward_scale(world, self.replan)

    def reset(self, seed: int, flights: Ints) -> np.ndarray:
        """Start flights `[N]` of a seed and observe them `[N, observation_size]`."""
        self.market.reset(seed, flights)
        return observation.observe(self.market, self.replan)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, Floats, DayOutcome]:
        """Play a day: observation, reward `[N]` (objective over `reward_scale`), accounting.

        Args:
            action: `[N, num_actions]`; what lies outside its box is clipped, not a number counts
                as zero. Of presets `[N]` whole numbers.

        Raises:
            MarketError: The action has another shape, names no preset, or the flights are over.
        """
        outcome = self.market.step(self.spend(action))
        reward = outcome.total("objective") / self.reward_scale
        return observation.observe(self.market, self.replan), reward, outcome

    def spend(self, action: np.ndarray) -> Floats:
        """Media spend `[N, L]` that an action, as in `step`, asks for today.

        Raises:
            MarketError: As in `step`.
        """
        if self.market.done:
            raise MarketError(f"The flight ended after day {self.world.days}; reset it first.")
        rows = (self.market.num_flights, *self.action_shape)
        return self.actions.spend(self.market, self.checked(action, rows))

    def checked(self, action: object, shape: tuple[int, ...]) -> np.ndarray:
        """The action as numbers of that shape.

        Raises:
            MarketError: It is not.
        """
        if isinstance(self.actions, PresetActions):
            return whole_actions(action, shape, self.num_actions)
        try:
            values = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise MarketError(
                f"The action is {action!r:.60}; it must be numbers of shape {shape}: "
                f"{self.actions.rule}."
            ) from error
        if values.shape != shape:
            raise MarketError(
                f"The action has shape {values.shape}; it must be {shape}: {self.actions.rule}."
            )
        return values


def _actions(kind: str, replan: Replan) -> PriceActions | ShareActions | PresetActions:
    match kind:
        case "prices":
            return PriceActions(replan)
        case "shares":
            return ShareActions(replan.world)
    return PresetActions(replan)


def _reward_scale(world: World, replan: Replan) -> float:
    """What a day of the re-planner's is worth in the reference flight; one constant per world."""
    market = Market(world, expected=True)
    market.reset_to_mean()
    total = 0.0
    while not market.done:
        total += float(market.step(replan(market).spend).objective.sum())
    # A world in which nothing is worth funding is still a world: its rewards stay in money.
    return abs(total) / world.days if abs(total) > 1e-9 else 1.0
