"""Predicted response per line item and day, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError

# Log-odds are finite: rates are kept this far from 0 and 1 on the way to them.
_EDGE = 1e-9


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
            if not (getattr(self, name) >= 0).all():
                raise MarketError(f"{name} holds a value below 0 or not a number.")

    def centre(self, promotion: Ints) -> Floats:
        """[D, L] log-odds around which shifts are drawn so that the mean rate is `rate`.

        A zero-mean shift of log-odds moves the mean rate; second-order expansion of the logistic
        function: E[expit(c + z)] = expit(c + var/2 (1 - 2p)), so the centre moves by the opposite.

        Args:
            promotion: Promotion of each line item `[L]`.
        """
        rate = np.clip(self.rate, _EDGE, 1 - _EDGE)
        variance = self.shared_sd[promotion] ** 2 + self.own_sd**2
        return np.asarray(logit(rate) - variance / 2 * (1 - 2 * rate))

    def shift_to_mean(self, promotion: Ints) -> Floats:
        """[L] shift at which a line item has its mean rate (averaged over days)."""
        rate = np.clip(self.rate, _EDGE, 1 - _EDGE)
        return np.asarray((logit(rate) - self.centre(promotion)).mean(axis=0))


@dataclass(frozen=True)
class Rates:
    """The funnel of a flight.

    Where no clicks are recorded, the first stage is conversions per impression and the second is
    certain: the same funnel with its first stage named otherwise.
    """

    first_stage: Stage  # clicks per impression
    second_stage: Stage  # conversions per click
    has_clicks: bool = True

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
    """Expected rate of a stage when the shift is Gaussian (the inverse of `Stage.centre`).

    Args:
        centre: Log-odds `[..., L]`.
        shift: Mean of the shift `[..., L]`.
        variance: Its variance `[..., L]`.
    """
    middle = expit(centre + shift)
    return np.asarray(expit(centre + shift + variance / 2 * (1 - 2 * middle)))
