"""What saturation adds to the log price of an impression, and its derivatives.

With u the share of reach that was bought and z(u) the family's cost in units of c (see `response`),
spend / impressions = c z(u) / u, so the log price of an impression is log c + h(u), h = log(z/u).
"""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.response import Saturation

_SMALL = 1e-4  # below it the series is more exact than the formula


def premium(log_share: Floats, saturation: Saturation) -> tuple[Floats, Floats]:
    """h, and the log of how fast log spend grows with log impressions, log(1 + dh / d log u).

    Args:
        log_share: Log of u, below 0.
        saturation: The family.
    """
    share = np.exp(log_share)
    dear = -np.log1p(-share)
    if saturation.family == "michaelis_menten":
        return dear, dear
    if saturation.family == "hill":
        slope = saturation.slope
        return (log_share + dear) / slope - log_share, dear - np.log(slope)
    small = share < _SMALL
    log_dear = np.log(np.where(small, 1.0, dear))
    height = np.where(small, share / 2 + 5 * share**2 / 24, log_dear - log_share)
    return height, dear - height


def rise_and_tilt(log_share: Floats, saturation: Saturation) -> tuple[Floats, Floats]:
    """Dh / d log u and dh / d log slope, at the same."""
    stretch = premium(log_share, saturation)[1]
    if saturation.family != "hill":
        return np.expm1(stretch), np.zeros_like(log_share)
    odds = log_share - np.log1p(-np.exp(log_share))
    return np.expm1(stretch), -odds / saturation.slope
