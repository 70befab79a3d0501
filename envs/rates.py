"""Predicted response per line item and day, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats
from promopilot.envs.errors import MarketError


@dataclass(frozen=True)
class Rates:
    """Mean rates of the two stages and the spread of the first one's hidden shift.

    Where no clicks are recorded, `first` is the rate of conversions per impression and `second`
    is one: the same funnel with its first stage named otherwise.

    Raises:
        MarketError: A rate outside [0, 1] or a standard deviation below zero.
    """

    first: Floats  # [D, L] clicks per impression
    second: Floats  # [D, L] conversions per click
    shared_sd: Floats  # [P] sd of a promotion's shift in the first stage's log-odds
    own_sd: Floats  # [L] sd of a line item's own shift
    has_clicks: bool = True

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            values = getattr(self, name)
            if not ((values >= 0) & (values <= 1)).all():
                worst = values[~((values >= 0) & (values <= 1))][0]
                raise MarketError(f"A {name}-stage rate is {worst}; rates lie between 0 and 1.")
        for name in ("shared_sd", "own_sd"):
            if not (getattr(self, name) >= 0).all():
                raise MarketError(f"{name} holds a value below 0 or not a number.")

    def centre(self, promotion_of_item: np.ndarray) -> Floats:
        """[D, L] log-odds around which shifts are drawn so that the mean rate is `first`.

        A zero-mean shift of log-odds raises the mean rate; second-order expansion of the logistic
        function: E[expit(c + z)] = expit(c) + var/2 p (1-p) (1-2p), which moves the centre by
        -var/2 (1 - 2p).
        """
        rate = np.clip(self.first, 1e-9, 1 - 1e-9)
        variance = self.shared_sd[promotion_of_item] ** 2 + self.own_sd**2
        return np.asarray(logit(rate) - variance / 2 * (1 - 2 * rate))


def mean_rate(centre: Floats, shift: Floats, variance: Floats) -> Floats:
    """Expected first-stage rate when the shift is Gaussian (the inverse of `Rates.centre`).

    Args:
        centre: Log-odds `[..., L]`.
        shift: Mean of the shift `[..., L]`.
        variance: Its variance `[..., L]`.
    """
    middle = expit(centre + shift)
    return np.asarray(expit(centre + shift + variance / 2 * (1 - 2 * middle)))
