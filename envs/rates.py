"""Predicted response per line item and day, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError

# Log-odds are finite: rates are kept this far from 0 and 1 on the way to them.
_EDGE = 1e-9
# Gauss-Hermite nodes and weights for a standard normal; five give the mean of a logistic function
# to 0.1 % up to a standard deviation of 1.5.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
_NEWTON_STEPS = 6


@dataclass(frozen=True)
class Stage:
    """One stage of the funnel: its mean rates and the spread of the hidden shift of its log-odds.

    Raises:
        MarketError: A rate outside [0, 1] or a standard deviation below zero.
    """

    rate: Floats  # [D, L] events per trial
    shared_sd: Floats  # [P] sd of a promotion's shift, common to its line items
    own_sd: Floats  # [L] sd of a line item's own shift

    def __post_init__(self) -> None:
        good = (self.rate >= 0) & (self.rate <= 1)
        if not good.all():
            raise MarketError(f"A rate is {self.rate[~good][0]}; rates lie between 0 and 1.")
        for name in ("shared_sd", "own_sd"):
            spread = getattr(self, name)
            if not ((spread >= 0) & np.isfinite(spread)).all():
                raise MarketError(f"{name} holds a value that is not a number of at least 0.")

    def centre(self, promotion: Ints) -> Floats:
        """[D, L] log-odds around which shifts are drawn so that the mean rate is `rate`.

        A zero-mean shift of log-odds moves the mean rate, so the centre has to move against it:
        Newton steps on `mean_rate`, in log-odds of the mean.

        Args:
            promotion: Promotion of each line item `[L]`.
        """
        # Every market of a world asks anew, and the steps take longer than a day's split.
        known: dict[bytes, Floats] = self.__dict__.setdefault("_centres", {})
        key = promotion.tobytes()
        if key not in known:
            known[key] = self._centre(promotion)
        return known[key]

    def _centre(self, promotion: Ints) -> Floats:
        rate = np.clip(self.rate, _EDGE, 1 - _EDGE)
        variance = self.shared_sd[promotion] ** 2 + self.own_sd**2
        target = logit(rate)
        centre = target
        for _ in range(_NEWTON_STEPS if variance.any() else 0):
            centre = centre + target - logit(mean_rate(centre, np.zeros(()), variance))
        return np.asarray(centre)

    def shift_to_mean(self, promotion: Ints) -> Floats:
        """[L] shift at which a line item has its mean rate (averaged over days)."""
        rate = np.clip(self.rate, _EDGE, 1 - _EDGE)
        return np.asarray((logit(rate) - self.centre(promotion)).mean(axis=0))


@dataclass(frozen=True)
class Rates:
    """The funnel of a flight.

    Where no clicks are recorded, the first stage is conversions per impression and the second is
    certain: the same funnel with its first stage named otherwise.

    Raises:
        MarketError: Without clicks, a second stage that is not certain.
    """

    first_stage: Stage  # clicks per impression
    second_stage: Stage  # conversions per click
    has_clicks: bool = True

    def __post_init__(self) -> None:
        if not self.has_clicks and not (self.second_stage.rate == 1).all():
            raise MarketError("Without clicks the rate of the second stage is 1 everywhere.")

    @property
    def first(self) -> Floats:
        """[D, L] clicks per impression."""
        return self.first_stage.rate

    @property
    def second(self) -> Floats:
        """[D, L] conversions per click."""
        return self.second_stage.rate

    @property
    def stages(self) -> tuple[Stage, Stage]:
        """First and second stage."""
        return self.first_stage, self.second_stage


def mean_rate(centre: Floats, shift: Floats, variance: Floats) -> Floats:
    """Expected rate of a stage when the shift is Gaussian, by Gauss-Hermite quadrature.

    Args:
        centre: Log-odds `[..., L]`.
        shift: Mean of the shift `[..., L]`.
        variance: Its variance `[..., L]`.
    """
    middle, sd = centre + shift, np.sqrt(variance)
    return np.asarray(
        sum(weight * expit(middle + node * sd) for node, weight in zip(NODES, WEIGHTS, strict=True))
    )
