"""What offline evaluation can be told: intervals, the reward model, and when a verdict is given."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OpeSettings(BaseModel):
    """Settings of offline evaluation; a verdict's rules are those of `trust.rules`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Intervals.
    # How intervals are made: the studentised bootstrap, influence functions with Student's t, or
    # the empirical Bernstein bound. `auto`: the first, by measured coverage (the study in docs/).
    interval: Literal["auto", "bootstrap", "influence", "bernstein"] = "auto"
    # Bootstrap replicates; Efron and Tibshirani (1993) want 1,000 at least for ends of intervals.
    replicates: int = Field(default=1000, ge=100)
    # Confidence level, a share of 1; ope.json's `ci95` is named after the default.
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    # Units drawn per replicate; more units are first dealt at random into this many groups, whose
    # spread is known to 1/sqrt(2 x 20,000) = 0.5 %, closer than 1,000 replicates tell (2 %).
    max_units: int = Field(default=20_000, ge=100)

    # The reward model, used where no reward estimates are given.
    # Parts for cross-fitting; five is what Chernozhukov et al. (2018) find to do well.
    folds: int = Field(default=5, ge=2)
    # Rounds of boosting, step of each; few, as a reward per decision is mostly noise. Our choice.
    model_rounds: int = Field(default=60, ge=1)
    model_rate: float = Field(default=0.1, gt=0.0, le=1.0)
    # Fewest rows in a leaf (scikit-learn's default), and the rows' worth of the overall mean that
    # an action's own mean is mixed with.
    model_leaf_rows: int = Field(default=20, ge=1)
    # What estimates the reward of a decision: a linear model with coefficients per action, the same
    # and boosted trees on what it leaves (of all tried on made-up logs the least error where
    # rewards bend), or a predictor of rates from texts, calibrated to the log's reward.
    reward_model: Literal["boosting", "linear", "predictor"] = "boosting"
    # For reward_model predictor: the folder of a fitted predictor, and that of the tables with the
    # texts of the promotions that the log's actions name.
    predictor: Path | None = None
    data: Path | None = None
    # Rows that one model is fitted on, at most. Our choice: an action in twenty then still has
    # 10,000, and a fit takes seconds.
    model_rows: int = Field(default=200_000, ge=100)
    # Decisions that the classifier of balanced_ipw is fitted on, at most: it has coefficients per
    # action and feature, and takes half a minute for so many and 20 actions. Our choice.
    balance_rows: int = Field(default=50_000, ge=100)
    # How the lambda of an estimator is chosen where it is not given: by the least estimated mean
    # squared error, or by SLOPE, which on made-up logs of ours comes out further from the best.
    tuning: Literal["mse", "slope"] = "mse"
    # Estimated propensities are at least this share of 1 / number of actions, so that no weight
    # comes from a model's guess that something never happens. Our choice.
    propensity_floor: float = Field(default=0.01, gt=0.0, lt=1.0)

    # Logs of episodes.
    # What a reward one step later counts for, a share of 1; design: the discount factor is 1.
    discount: float = Field(default=1.0, gt=0.0, le=1.0)
    # Model of what the rest of an episode brings: `linear`, which learnt more in our trials on
    # fewer than 10,000 episodes, or `boosting` (`model_rounds` and the like), 20 times slower.
    q_model: Literal["linear", "boosting"] = "linear"
    # Share of what a line explains that the model must explain to count as trained. Our choice.
    q_model_min_share: float = Field(default=0.5, ge=0.0, le=1.0)
    # Standard errors that the value may move by when the model is trained twice as long. Our
    # choice: half of one leaves an interval's coverage within 3 points of what it says.
    q_model_max_shift: float = Field(default=0.5, gt=0.0)

    # Below any of these the verdict is insufficient_support.
    # Usable evidence in rows (ESS); under about 75 an interval for a mean of skewed terms is not
    # to be believed. Our choice, from logs simulated beside those of the study in docs/.
    min_ess: float = Field(default=75.0, ge=0.0)
    # Usable evidence as a share of all rows. Our choice: below it 99 rows in 100 say nothing.
    min_ess_share: float = Field(default=0.01, ge=0.0, le=1.0)
    # The same among rows whose reward is not the usual one, where most bring the same (as nothing):
    # from fewer, 95 % intervals of simulated click logs held the truth in 77 to 86 of 100. The rule
    # of ten events per estimate: Peduzzi et al. (1996).
    min_told_ess: float = Field(default=10.0, ge=0.0)
    # Independent units (clusters, else decisions); Cameron and Miller (2015): 20 to 50 is few.
    min_units: int = Field(default=30, ge=2)
    # Largest share of the policy's choices on actions that the log never shows. Our choice.
    max_unsupported_share: float = Field(default=0.05, ge=0.0, le=1.0)
    # Standard errors by which the mean weight may fall below 1, and how far below at least. Logs
    # that missed the heaviest weights are told by it: in simulated ones with poor overlap the
    # intervals of the others held the truth more often. Our choice; 2 in 100 sound logs.
    max_unseen_z: float = Field(default=2.0, gt=0.0)
    max_unseen_weight: float = Field(default=0.1, ge=0.0)
    # Shape k of the weights' tail; from 1 on their mean does not exist, and no number of rows gives
    # an estimate (Vehtari et al. 2024, "Pareto smoothed importance sampling").
    max_pareto_k: float = Field(default=1.0, gt=0.0)

    # Falling short of any of these, the verdict is test_first at most.
    # Usable evidence: in rows, enough by itself, or as a share of all rows. A policy that is sure
    # of one action in twenty never has much of an even log, but of a long one enough. Our choice.
    ship_ess: float = Field(default=1000.0, ge=0.0)
    ship_ess_share: float = Field(default=0.10, ge=0.0, le=1.0)
    # Largest share of the total weight that one decision may carry. Our choice: none decides alone.
    ship_max_weight_share: float = Field(default=0.05, gt=0.0, le=1.0)
    # Largest share of choices never logged: below it the bias is at most 1 % of the reward's range.
    ship_unsupported_share: float = Field(default=0.01, ge=0.0, le=1.0)
    # Standard errors by which the mean weight may miss 1, its value under true propensities.
    ship_mean_weight_z: float = Field(default=3.0, gt=0.0)
    # Smaller misses of it, or of how often the policy takes one action, do not matter, however
    # plain a large log makes them; as for `ship_unsupported_share`.
    ship_weight_gap: float = Field(default=0.01, ge=0.0)
    # Independent units; Cameron and Miller (2015): intervals from 20 to 50 come out too narrow.
    ship_min_units: int = Field(default=50, ge=2)
    # Shape k of the weights' tail, in small logs of S weights less, 1 - 1 / log10(S): beyond it the
    # rows needed grow out of reach (Vehtari et al. 2024).
    ship_pareto_k: float = Field(default=0.7, gt=0.0)
    # Standard errors by which two estimates that should agree may differ: 3 in 1,000 sound logs.
    ship_agreement_z: float = Field(default=3.0, gt=0.0)
    # Share of the gain that their difference must exceed to matter. Our choice: less leaves most.
    ship_agreement_share: float = Field(default=0.5, ge=0.0)
    # Probability below which a miss of the calibration tables, all rows together, is no chance.
    ship_calibration_chance: float = Field(default=0.001, gt=0.0, lt=1.0)
    # Share of the heaviest weights whose cut the gain must outlive. Our choice.
    ship_clip_share: float = Field(default=0.01, ge=0.0, lt=1.0)

    # The test proposed where the verdict is not ship.
    # Probability of finding a gain of the size worth detecting; the custom in trials (Cohen 1988).
    test_power: float = Field(default=0.8, gt=0.5, lt=1.0)
    # Gain worth detecting where none is clear yet, as a share of what was earned. Our choice.
    test_gain_share: float = Field(default=0.05, gt=0.0)
    # The same as a share of a decision's standard deviation where the log's mean is near 0: half of
    # what Cohen (1988) calls a small effect.
    test_gain_deviations: float = Field(default=0.1, gt=0.0)
    # Fewest rows a cluster has where it is a region or a day, and most of such clusters; others are
    # customers, who can be dealt to two groups one by one. Our choice.
    test_region_rows: float = Field(default=20.0, ge=1.0)
    test_regions: int = Field(default=400, ge=2)
    # Share of decisions left to the policy where the log is to learn about it first. The usable
    # evidence is then at least this share of the rows, above `ship_ess_share` with room to spare.
    test_explore_share: float = Field(default=0.15, gt=0.0, lt=1.0)

    # The log that a run writes in its own market.
    # Days logged, in whole flights: 112 independent days are enough for `min_units` many times.
    log_days: int = Field(default=112, ge=2)
    # Blocks into which a pool's expected daily supply is cut (design: the logged decision).
    blocks_per_day: int = Field(default=10, ge=1, le=100)
    # Share of choices drawn evenly from what is available. Our choice: support for most plans.
    exploration: float = Field(default=0.3, gt=0.0, le=1.0)

    # Reading files.
    # How far a decision's probabilities may sum from 1: room for files rounded to 5 or 6 decimals.
    probability_tolerance: float = Field(default=1e-4, gt=0.0, lt=0.1)
    # Memory in MB that reading a bandit log may take for sorting and joining its files; what is
    # more goes to scratch files. Our choice: a third of the 3 GB that an evaluation is to keep to.
    reading_mb: int = Field(default=1000, ge=100)
