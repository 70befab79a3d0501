"""How policies that fill blocks are trained."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PlacementSettings(BaseModel):
    """Settings of DQN, QR-DQN and maskable PPO on block flights.

    Defaults were chosen on validation flights of small synthetic worlds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # dqn (Mnih et al. 2015), qrdqn (Dabney et al. 2018), maskable_ppo (Huang and Ontanon 2022)
    algorithm: Literal["dqn", "qrdqn", "maskable_ppo"] = "dqn"
    # Blocks filled in training. Beyond it the validation gain of the small worlds was flat.
    steps: int = Field(default=300_000, ge=0)
    # Flights stepped together.
    num_envs: int = Field(default=32, ge=1)
    # Flights of the training seed that are played again and again.
    training_flights: int = Field(default=256, ge=1)
    # Blocks of each pool and day; the environment's own default.
    blocks_per_day: int = Field(default=10, ge=1)
    # Width of the network's hidden layers.
    hidden: int = Field(default=32, ge=4)
    # Adam's learning rate at the start; falls linearly to a tenth. 3e-4 was too slow.
    learning_rate: float = Field(default=5e-4, gt=0)
    # Discount per block. Rewards are shaped, so that a shorter horizon trusts the worth of money
    # more; .95 forgot tired audiences, 1 was noisier.
    discount: float = Field(default=0.998, gt=0, le=1)
    # How often, in blocks, the policy is measured on validation flights and kept if best.
    evaluate_every: int = Field(default=25_000, ge=1)
    # Measures without a better one after which training stops.
    patience: int = Field(default=8, ge=1)

    # DQN and QR-DQN alone:
    # Blocks whose rewards are added before the network's own estimate; 10 were noisier.
    lookahead: int = Field(default=3, ge=1)
    # Decisions that are remembered and learnt from.
    memory: int = Field(default=100_000, ge=1)
    # Decisions before the first lesson.
    warm_up: int = Field(default=5_000, ge=0)
    # Decisions in a gradient step, and such steps each time that all flights step.
    batch_size: int = Field(default=256, ge=2)
    lessons: int = Field(default=1, ge=1)
    # Share of the way that the target network goes towards the network each step.
    tracking: float = Field(default=0.01, gt=0, le=1)
    # Share of choices drawn among what is available, at the start and at the end; it falls over
    # the first half of training.
    exploration: tuple[float, float] = (0.2, 0.02)
    # QR-DQN's quantiles of each action.
    quantiles: int = Field(default=8, ge=1)

    # Maskable PPO alone:
    # Steps of all flights between lessons, and passes over them.
    rollout: int = Field(default=128, ge=1)
    epochs: int = Field(default=4, ge=1)
    # Samples in a gradient step.
    ppo_batch_size: int = Field(default=1024, ge=2)
    # Generalised advantage estimation.
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    # How much likelier, as a log ratio, an action is for each unit of value. Where greedy choices
    # are far from good and there is little time, .5 leaves them sooner.
    sharpness: float = Field(default=2.0, gt=0)
