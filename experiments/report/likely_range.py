"""How far a line item's response may lie from what is expected of it."""

from __future__ import annotations

from math import exp, sqrt

from scipy.stats import norm

from promopilot.envs.arrays import Bools
from promopilot.envs.rates import Rates

# Of a standard normal: 8 of 10 draws lie between -Z and Z.
_Z = float(norm.ppf(0.9))


def likely_factors(rates: Rates, promotion: int, item: int, live: Bools) -> tuple[float, float]:
    """What the expected response is multiplied by at both ends of its 80 % range.

    The delta method on both stages' log-odds: sd² = Σ ((1 - rate)·sd of the shift)², and the
    response is log-normal around its mean, exp(±Z·sd - sd²/2).

    Args:
        rates: The market's funnel.
        promotion: Index of the line item's promotion.
        item: Index of the line item.
        live: Days on which it may be funded `[D]`.
    """
    variance = 0.0
    for stage in (rates.first_stage, rates.second_stage):
        spread = float(stage.shared_sd[promotion] ** 2 + stage.own_sd[item] ** 2)
        variance += (1.0 - float(stage.rate[live, item].mean())) ** 2 * spread
    sd = sqrt(variance)
    return exp(-_Z * sd - variance / 2), exp(_Z * sd - variance / 2)
