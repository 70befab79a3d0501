"""How policies that choose among presets are trained."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DqnSettings(BaseModel):
    """Settings of DQN and QR-DQN on presets of the re-planner.

    Defaults were chosen on validation flights of small synthetic worlds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # dqn (Mnih et al. 2015) or qrdqn (Dabney et al. 2018)
    algorithm: Literal["dqn", "qrdqn"] = "dqn"
    # Environment steps (flight-days) of training.
    steps: int = Field(default=96_000, ge=0)
    # Flights stepped together.
    num_envs: int = Field(default=64, ge=1)
    # Flights of the training seed that are played again and again; the re-planner's result on them
    # is the baseline of the reward.
    training_flights: int = Field(default=512, ge=1)
    # Width of the network's hidden layers.
    hidden: int = Field(default=32, ge=4)
    # Adam's learning rate at the start; falls linearly to a tenth.
    learning_rate: float = Field(default=1e-3, gt=0)
    # Days whose rewards are added before the network's own estimate; they are not discounted. What
    # stock kept today is worth shows at the end of the flight: with 1 day gains were a tenth, with
    # 5 days four fifths of those with 14.
    lookahead: int = Field(default=14, ge=1)
    # Days that are remembered and learnt from.
    memory: int = Field(default=100_000, ge=1)
    # Days before the first lesson.
    warm_up: int = Field(default=2_000, ge=0)
    # Days in a gradient step, and such steps each time that all flights step.
    batch_size: int = Field(default=256, ge=2)
    lessons: int = Field(default=2, ge=1)
    # Share of the way that the target network goes towards the network each step.
    tracking: float = Field(default=0.02, gt=0, le=1)
    # Share of presets drawn at random, at the start and at the end; it falls over the first half
    # of training.
    exploration: tuple[float, float] = (0.3, 0.05)
    # QR-DQN's quantiles of each preset.
    quantiles: int = Field(default=8, ge=1)
    # How often, in flight-days, the policy is measured on validation flights and kept if best.
    evaluate_every: int = Field(default=16_000, ge=1)
    # Measures without a better one after which training stops.
    patience: int = Field(default=8, ge=1)
