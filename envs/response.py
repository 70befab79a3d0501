"""How spend becomes impressions: reach curves, their inverses and their slopes.

With spend x, reach R (the most that a line item can get that day) and unit cost c, each family
says what share u = impressions / R the ratio z = x / (c R) buys:

| family | u(z) | z(u) | source |
|---|---|---|---|
| `exponential` | 1 - exp(-z) | -log(1 - u) | reach of independent exposures |
| `michaelis_menten` | z / (1 + z) | u / (1 - u) | Michaelis and Menten 1913 |
| `hill` | z^s / (1 + z^s) | (u / (1 - u))^(1/s) | Hill 1910; S-shaped for s > 1 |

c is the cost of the first impression in the first two; in the third, as in the second, half the
reach costs c R. What z(u) costs is convex in u but for `hill` with s > 1 near zero.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, vectorize

import promopilot.envs.compiled  # noqa: F401 - before anything is compiled
from promopilot.envs.arrays import Floats
from promopilot.envs.errors import MarketError

FAMILIES = ("exponential", "michaelis_menten", "hill")
EXPONENTIAL, MICHAELIS_MENTEN, HILL = range(3)
# Shares of reach above this are not bought: the next impression costs a million times the first.
FULL = 1 - 1e-6


@dataclass(frozen=True)
class Saturation:
    """A family and, for `hill`, its slope.

    Raises:
        MarketError: An unknown family, or a slope that is not a number above 0.
    """

    family: str = "exponential"
    slope: float = 1.0  # s of `hill`; other families have none

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise MarketError(f"Saturation {self.family!r} is not one of {', '.join(FAMILIES)}.")
        if not 0 < self.slope < math.inf:
            raise MarketError(f"The slope of saturation is {self.slope}; it must be above 0.")

    @property
    def code(self) -> int:
        """Its number, for compiled code."""
        return FAMILIES.index(self.family)


@njit(cache=True, error_model="numpy")
def share_bought(ratio: float, family: int, slope: float) -> float:
    """u(z), for one line item."""
    if ratio <= 0:
        return 0.0
    if family == EXPONENTIAL:
        return -math.expm1(-ratio)
    power = ratio if family == MICHAELIS_MENTEN else ratio**slope
    return power / (1 + power) if power < math.inf else 1.0


@njit(cache=True, error_model="numpy")
def ratio_paid(share: float, family: int, slope: float) -> float:
    """z(u), for one line item; u above `FULL` is taken as `FULL`."""
    if share <= 0:
        return 0.0
    share = min(share, FULL)
    if family == EXPONENTIAL:
        return -math.log1p(-share)
    odds = share / (1 - share)
    return odds if family == MICHAELIS_MENTEN else odds ** (1 / slope)


@njit(cache=True, error_model="numpy")
def marginal_ratio(share: float, family: int, slope: float) -> float:
    """dz/du, for one line item: what the next impression costs in units of c."""
    share = min(max(share, 0.0), FULL)
    if family == EXPONENTIAL:
        return 1 / (1 - share)
    if family == MICHAELIS_MENTEN:
        return 1 / (1 - share) ** 2
    if share == 0.0:
        return math.inf if slope > 1 else 0.0 if slope < 1 else 1.0
    return (share / (1 - share)) ** (1 / slope - 1) / (slope * (1 - share) ** 2)


@vectorize(cache=True)
def _impressions(spend, unit_cost, reach, family, slope):  # type: ignore[no-untyped-def]
    return reach * share_bought(spend / (unit_cost * reach), family, slope) if reach > 0 else 0.0


@vectorize(cache=True)
def _cost(bought, unit_cost, reach, family, slope):  # type: ignore[no-untyped-def]
    return unit_cost * reach * ratio_paid(bought / reach, family, slope) if reach > 0 else 0.0


@vectorize(cache=True)
def _marginal_cost(bought, unit_cost, reach, family, slope):  # type: ignore[no-untyped-def]
    share = bought / reach if reach > 0 else 0.0
    return unit_cost * marginal_ratio(share, family, slope)


_DEFAULT = Saturation()


def impressions(
    spend: Floats, unit_cost: Floats, reach: Floats, saturation: Saturation = _DEFAULT
) -> Floats:
    """Impressions bought by `spend`; zero where there is no reach (arrays broadcast)."""
    return np.asarray(_impressions(spend, unit_cost, reach, saturation.code, saturation.slope))


def cost(
    bought: Floats, unit_cost: Floats, reach: Floats, saturation: Saturation = _DEFAULT
) -> Floats:
    """Spend that buys `bought` impressions, the inverse of `impressions`."""
    return np.asarray(_cost(bought, unit_cost, reach, saturation.code, saturation.slope))


def marginal_cost(
    bought: Floats, unit_cost: Floats, reach: Floats, saturation: Saturation = _DEFAULT
) -> Floats:
    """Cost of the next impression after `bought` ones."""
    return np.asarray(_marginal_cost(bought, unit_cost, reach, saturation.code, saturation.slope))
