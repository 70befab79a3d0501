"""What offline evaluation can be told: intervals, the reward model, and when a verdict is given."""

from pydantic import BaseModel, ConfigDict, Field


class OpeSettings(BaseModel):
    """Settings of offline evaluation; a verdict's rules are those of `verdict.judge`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Intervals.
    # Bootstrap replicates; Efron and Tibshirani (1993) want 1,000 at least for percentiles.
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

    # Below any of these the verdict is insufficient_support.
    # Usable evidence in rows (ESS); under about 50 an interval for a mean of skewed terms is not
    # to be believed. Our choice.
    min_ess: float = Field(default=50.0, ge=0.0)
    # Usable evidence as a share of all rows. Our choice: below it 99 rows in 100 say nothing.
    min_ess_share: float = Field(default=0.01, ge=0.0, le=1.0)
    # Independent units (clusters, else decisions); Cameron and Miller (2015): 20 to 50 is few.
    min_units: int = Field(default=30, ge=2)
    # Largest share of the policy's choices on actions that the log never shows. Our choice.
    max_unsupported_share: float = Field(default=0.05, ge=0.0, le=1.0)

    # Falling short of any of these, the verdict is test_first at most.
    # Usable evidence as a share of all rows. Our choice.
    ship_ess_share: float = Field(default=0.10, ge=0.0, le=1.0)
    # Largest share of the total weight that one decision may carry. Our choice: none decides alone.
    ship_max_weight_share: float = Field(default=0.05, gt=0.0, le=1.0)
    # Largest share of choices never logged: below it the bias is at most 1 % of the reward's range.
    ship_unsupported_share: float = Field(default=0.01, ge=0.0, le=1.0)
    # Standard errors by which the mean weight may miss 1, its value under true propensities.
    ship_mean_weight_z: float = Field(default=3.0, gt=0.0)

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
