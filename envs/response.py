"""How spend becomes impressions: one reach curve, its inverse and its slope.

Exponential saturation: impressions = R (1 - exp(-x / (c R))), with spend x, cost per impression c
at the first impression and reach R, the most that the line item can get that day. The cost of y
impressions, -c R log(1 - y / R), is convex, which is what the allocator needs.
"""

import numpy as np

from promopilot.envs.arrays import Floats

# Shares of reach above this are not bought: the next impression costs a million times the first.
_FULL = 1 - 1e-6


def impressions(spend: Floats, unit_cost: Floats, reach: Floats) -> Floats:
    """Impressions bought by `spend`; zero where there is no reach (arrays of one shape)."""
    scale = unit_cost * reach
    ratio = np.divide(spend, scale, out=np.zeros_like(scale), where=scale > 0)
    return np.asarray(reach * -np.expm1(-ratio))


def cost(bought: Floats, unit_cost: Floats, reach: Floats) -> Floats:
    """Spend that buys `bought` impressions, the inverse of `impressions`."""
    share = np.divide(bought, reach, out=np.zeros_like(reach), where=reach > 0)
    return np.asarray(-unit_cost * reach * np.log1p(-np.minimum(share, _FULL)))


def marginal_cost(bought: Floats, unit_cost: Floats, reach: Floats) -> Floats:
    """Cost of the next impression, c / (1 - y / R)."""
    share = np.divide(bought, reach, out=np.zeros_like(reach), where=reach > 0)
    return np.asarray(unit_cost / (1 - np.minimum(share, _FULL)))
