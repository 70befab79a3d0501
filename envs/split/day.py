"""One flight's day as the solver sees it, and what its equations share."""

from typing import NamedTuple

from numba import njit

from promopilot.envs.arrays import Floats, Ints

# Newton's steps, then halvings: 80 of them leave 1e-24 of a bracket.
NEWTON_STEPS = 20
MOST_STEPS = 100
# Convergence of each equation, relative to its right-hand side.
TOLERANCE = 1e-12
# Beside a jump, relative to the size of what is subtracted to find it: a few rounding errors.
HAIR = 4e-15


class Day(NamedTuple):
    """One flight's day: line items that may buy something, sorted by pool, and the money."""

    worth: Floats  # [L] w, objective per impression, above zero
    cost: Floats  # [L] c, money for the first impression
    reach: Floats  # [L] R, impressions
    subsidy: Floats  # [L] s, money from the budget per impression
    top: Floats  # [L] most impressions that the line item's own limits allow, below `reach`
    start: Floats  # [L] marginal ratio above which it buys; inf where it is left out
    jump: Floats  # [L] least share of reach that it then buys
    ends: Ints  # [Q + 1] pool q has the line items from ends[q] up to ends[q + 1]
    budget: float
    least: float  # k, what a unit of money is worth unspent
    family: int  # of saturation
    slope: float
    s_shaped: bool


@njit(cache=True, error_model="numpy")
def copy(values: Floats, into: Floats) -> None:
    """`into[:] = values`, which would compile for a second, most of it words for an error."""
    for i in range(len(values)):
        into[i] = values[i]


@njit(cache=True, error_model="numpy")
def mix(values: Floats, others: Floats, weight: float) -> None:
    """Move `values` a share of the way to `others`."""
    if weight > 0:
        for i in range(len(values)):
            values[i] += min(weight, 1.0) * (others[i] - values[i])


@njit(cache=True, error_model="numpy")
def cut(values: Floats, total: float, limit: float) -> None:
    """Scale down what adds up to more than its limit, by a rounding error."""
    if total > limit:
        for i in range(len(values)):
            values[i] *= limit / total
