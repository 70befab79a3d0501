"""What share of its reach a line item wants at given prices, for each family of saturation.

A line item that gains `net` per impression and pays x(y) = c R z(y / R) at a price of money Lambda
wants the share u with z'(u) = net / (c Lambda), the upper one where there are two. z is that of
`promopilot.envs.response`.
"""

import math

from numba import njit

from promopilot.envs.response import EXPONENTIAL, MICHAELIS_MENTEN, ratio_paid

# `_wanted_hill` starts with log z' at most 1.4 above its target: 5 to 8 of Newton's steps are
# usual, more where the slope is next to 1.
_MOST_STEPS = 60
_TOLERANCE = 1e-10  # the step after is shorter than its square
_LARGEST_LOG = 700.0  # exp of more is not a number any longer


@njit(cache=True, error_model="numpy")
def wanted(net: float, paid: float, family: int, slope: float) -> tuple[float, float]:
    """Share u with z'(u) = g = net / paid, and du / dlog g; g is above z'(0).

    | family | u | du / dlog g |
    |---|---|---|
    | exponential | 1 - 1 / g | 1 / g |
    | michaelis_menten | 1 - 1 / sqrt(g) | 1 / (2 sqrt(g)) |
    | hill | by Newton's steps | u (1 - u) / (1 / s - 1 + 2 u) |
    """
    # (net - paid) / net keeps digits that 1 - paid / net would lose.
    if family == EXPONENTIAL:
        return (net - paid) / net, paid / net
    if family == MICHAELIS_MENTEN:
        root = math.sqrt(paid / net)
        return (net - paid) / net / (1 + root), root / 2
    return _wanted_hill(net / paid, slope)


@njit(cache=True, error_model="numpy")
def _wanted_hill(marginal: float, slope: float) -> tuple[float, float]:
    """The same for `hill`, in log-odds v = log(u / (1 - u)).

    log z'(v) = (1/s - 1) v + 2 log(1 + e^v) - log s is convex in v, so Newton's steps from the
    right of the root go down to it without passing it. 2 max(v, 0) in place of 2 log(1 + e^v) gives
    such a start.
    """
    bend = 1 / slope - 1
    target = min(max(math.log(slope * marginal), -_LARGEST_LOG), _LARGEST_LOG)
    odds = target / (bend + 2) if target > 0 else target / bend if bend > 0 else 0.0
    share, step = 0.0, math.inf
    for _ in range(_MOST_STEPS):
        small = math.exp(-abs(odds))
        share = (1.0 if odds > 0 else small) / (1 + small)
        rise = bend + 2 * share
        # Never so for a convex cost. For an S-shaped one: no share costs so little at the margin.
        if rise <= 0:
            return share, 0.0
        if abs(step) <= _TOLERANCE:
            break
        step = (bend * odds + 2 * (max(odds, 0.0) + math.log1p(small)) - target) / rise
        odds -= step
    return share, share * (1 - share) / (bend + 2 * share)


@njit(cache=True, error_model="numpy")
def envelope(top: float, family: int, slope: float) -> tuple[float, float]:
    """How an S-shaped line item starts to buy: the marginal ratio above which, and the share then.

    A line from the origin touches z at u = 1 - 1/s (there z = u z'). Below the tangent point the
    line is the convex envelope of z; a line item that may not get so far has its chord instead.

    Args:
        top: Largest share that the line item may get, above zero.
        family: Code of `hill`.
        slope: s, above 1.
    """
    jump = min(1 - 1 / slope, top)
    return ratio_paid(jump, family, slope) / jump, jump


@njit(cache=True, error_model="numpy")
def ratio_on_envelope(share: float, jump: float, family: int, slope: float) -> float:
    """z(u), with a straight line from the origin to `jump`."""
    if share >= jump:
        return ratio_paid(share, family, slope)
    return ratio_paid(jump, family, slope) * share / jump
