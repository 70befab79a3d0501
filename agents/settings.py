"""How policies that set prices are trained."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class AimSettings(BaseModel):
    """What training maximises; the objective itself is the world's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Share of the worst flights whose mean counts (CVaR); null: the mean of all. Small shares learn
    # slowly, since only they teach.
    cvar: float | None = Field(default=None, gt=0, lt=1)
    # Rates count as lower by this many standard errors of the belief, in every decision. Training
    # does not know of it, since it would learn to take it back.
    pessimism: float = Field(default=0.0, ge=0, le=5)
    # Conversion value per unit of spend that flights should bring in the mean; null: any. With a
    # target the re-planner's prices keep it in the expected flight, and there are no lessons.
    target_roas: float | None = Field(default=None, gt=0)
    # Money per conversion that flights should cost at most in the mean; null: any.
    target_cpa: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.target_roas is not None and self.target_cpa is not None:
            raise ValueError("target_roas and target_cpa are two targets: set one of them")
        return self


class PpoSettings(BaseModel):
    """Settings of PPO on prices.

    Defaults were chosen on validation flights of worlds that no figure is reported on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # equivariant: one set of weights for catalogs of any size; mlp: stable-baselines3's MlpPolicy.
    network: Literal["equivariant", "mlp"] = "equivariant"
    # Batches of training flights on which the look-ahead optimiser teaches, before PPO goes on by
    # itself: played its way, then as many of the second played the student's. 0: no teacher, PPO
    # starts at the re-planner (and gets less far in the same time).
    lessons: int = Field(default=3, ge=0)
    corrections: int = Field(default=3, ge=0)
    # Environment steps (flight-days) of PPO.
    steps: int = Field(default=96_000, ge=0)
    # Flights stepped together.
    num_envs: int = Field(default=64, ge=1)
    # Flights of the training seed that are played again and again; the re-planner's result on them
    # is the baseline of the reward.
    training_flights: int = Field(default=512, ge=1)
    # Samples per gradient step; as many as a rollout of four weeks has: what is left to gain after
    # the lessons is smaller than the noise of less.
    batch_size: int = Field(default=1_792, ge=2)
    # Passes over each rollout.
    epochs: int = Field(default=4, ge=1)
    # PPO's learning rate at the start; falls linearly to a tenth. Without a teacher thirty times as
    # much is needed; with one that undoes what was learnt.
    learning_rate: float = Field(default=1e-4, gt=0)
    # Generalised advantage estimation; rewards are not discounted. Shorter credit (.95, .9) taught
    # policies to spend early: their validation gain fell below zero.
    gae_lambda: float = Field(default=0.99, ge=0, le=1)
    # Standard deviation of exploration at the start, in units of the action (the box is +-1).
    exploration_sd: float = Field(default=0.05, gt=0, le=1)
    # Width of the equivariant network's hidden layers.
    hidden: int = Field(default=32, ge=4)
    # How often, in flight-days, the policy is measured on validation flights and kept if best.
    evaluate_every: int = Field(default=16_000, ge=1)
    # Measures without a better one after which training stops.
    patience: int = Field(default=8, ge=1)
    aim: AimSettings = AimSettings()
