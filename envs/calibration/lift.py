"""What share of conversions a promotion caused, from lift tests.

Tests of one promotion are weighted by precision, with the spread between them added to each test's
variance where they disagree (random effects, DerSimonian and Laird 1986). Promotions of a shop
differ in the same way around its mean; how much is estimated likewise, with the prior's spread
counting as much as five promotions. A test of a placement concerns all that ran there: it is
evidence of the shop's mean alone. A promotion without a test gets that mean.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.priors import PRIORS

NONE = -1
_PRIOR_WEIGHT = 4.0  # degrees of freedom of the prior's spread between promotions


@dataclass(frozen=True)
class LiftTests:
    """Results of M tests.

    Raises:
        MarketError: A standard error is not above 0, an estimate is no number, or lengths differ.
    """

    promotion: Ints  # [M] index; -1 for a test of a placement
    incrementality: Floats  # [M] share of conversions that would not have come without
    se: Floats  # [M] its standard error

    def __post_init__(self) -> None:
        for name in ("incrementality", "se"):
            values = getattr(self, name)
            if values.shape != self.promotion.shape:
                raise MarketError(
                    f"lift_tests.{name} has shape {values.shape}; it must be "
                    f"{self.promotion.shape}."
                )
        for name, good, rule in (
            ("incrementality", np.isfinite(self.incrementality), "a number"),
            ("se", np.isfinite(self.se) & (self.se > 0), "a number above 0"),
        ):
            if not good.all():
                value = getattr(self, name)[~good][0]
                raise MarketError(f"lift_tests.{name} holds {value}; it must be {rule}.")


@dataclass(frozen=True)
class Lift:
    """Incrementality of P promotions."""

    mean: Floats  # [P] within 0 to 1
    sd: Floats  # [P]
    tested: int  # promotions with a test of their own
    shop: float  # the shop's mean


def fit_lift(tests: LiftTests, promotions: int) -> Lift:
    """Incrementality of each of P promotions.

    Raises:
        MarketError: There is no test, or one names a promotion that is not there.
    """
    if tests.promotion.size == 0:
        raise MarketError("There are no lift tests; incrementality cannot be learnt without one.")
    beyond = tests.promotion[(tests.promotion >= promotions) | (tests.promotion < NONE)]
    if beyond.size:
        raise MarketError(
            f"lift_tests.promotion holds {beyond[0]}; every value must be below {promotions}, or "
            f"{NONE} for a placement's test."
        )
    own, own_var = np.full(promotions, np.nan), np.full(promotions, np.nan)
    for p in np.unique(tests.promotion[tests.promotion != NONE]):
        its = tests.promotion == p
        value, variance = tests.incrementality[its], tests.se[its] ** 2
        variance = variance + _between(value, variance, 0.0, 0.0)
        own[p], own_var[p] = (
            (value / variance).sum() / (1 / variance).sum(),
            1 / (1 / variance).sum(),
        )
    tested = ~np.isnan(own)
    everywhere = tests.promotion == NONE
    value = np.concatenate([own[tested], tests.incrementality[everywhere]])
    variance = np.concatenate([own_var[tested], tests.se[everywhere] ** 2])
    prior = PRIORS["incrementality_between"].mean ** 2
    between = _between(value, variance, prior, _PRIOR_WEIGHT)
    weight = 1 / (variance + between)
    shop = float(weight @ value / weight.sum())
    shop_var = float(1 / weight.sum()) + between
    # A promotion's own tests count by their precision against what the shop lets expect.
    precision = np.where(tested, 1 / own_var, 0.0)
    weight = precision / (precision + 1 / shop_var)
    mean = shop + weight * (np.where(tested, own, shop) - shop)
    sd = np.sqrt(1 / (precision + 1 / shop_var))
    return Lift(np.clip(mean, 0.0, 1.0), sd, int(tested.sum()), float(np.clip(shop, 0.0, 1.0)))


def _between(value: Floats, variance: Floats, prior: float, prior_weight: float) -> float:
    """DerSimonian and Laird's variance between units, averaged with a prior by weight."""
    weight, free = 1 / variance, len(value) - 1
    found = 0.0
    if free > 0:
        mean = weight @ value / weight.sum()
        spread = float(weight @ (value - mean) ** 2)
        room = float(weight.sum() - (weight**2).sum() / weight.sum())
        found = max((spread - free) / room, 0.0)
    total = free + prior_weight
    return (free * found + prior_weight * prior) / total if total > 0 else 0.0
