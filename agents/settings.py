"""How the PPO policy is trained."""

from pydantic import BaseModel, ConfigDict, Field


class AgentSettings(BaseModel):
    """Settings of PPO on prices.

    Defaults were chosen on validation flights of the demo's market, never on its test flights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Environment steps (flight-days) of training.
    steps: int = Field(default=96_000, ge=0)
    # Flights stepped together.
    num_envs: int = Field(default=64, ge=1)
    # Flights of the training seed that are played again and again; the re-planner's result on them
    # is the baseline of the reward.
    training_flights: int = Field(default=256, ge=1)
    # Samples per gradient step.
    batch_size: int = Field(default=448, ge=2)
    # Passes over each rollout.
    epochs: int = Field(default=4, ge=1)
    # Adam's learning rate at the start; falls linearly to a tenth.
    learning_rate: float = Field(default=3e-3, gt=0)
    # Generalised advantage estimation; rewards are not discounted. Shorter credit (.95, .9) taught
    # policies to spend early: their validation gain fell below zero.
    gae_lambda: float = Field(default=0.99, ge=0, le=1)
    # Standard deviation of exploration at the start, in units of the action (the box is +-1).
    exploration_sd: float = Field(default=0.15, gt=0, le=1)
    # Width of the network's hidden layers.
    hidden: int = Field(default=32, ge=4)
    # How often, in flight-days, the policy is measured on validation flights and kept if best.
    evaluate_every: int = Field(default=16_000, ge=1)
