"""Whether 80 % ranges held as often as they should, told apart from chance."""

from __future__ import annotations

from typing import Literal

from scipy.stats import binom

LEVEL = 0.8  # of what happened that ranges are made to hold
# Held this seldom, a market is surer of itself than a decision may rest on: what it calls one case
# in five happens in two.
_LEAST = 0.6
# At most one honest market in forty is called too sure, and one in forty too careful: both ends of
# a 95 % interval.
_CHANCE = 0.025

Held = Literal["far too narrow", "too narrow", "as meant", "too wide"]


def how_held(held: int, of: int) -> Held:
    """What a number of ranges that held says of how wide they are.

    Of honest ranges it is binomial(of, 80 %) where days and promotions go their own ways; they
    share a level, so that chance does somewhat more than this allows for.

    Args:
        held: Ranges that held what happened.
        of: All of them; at least 1.
    """
    if binom.cdf(held, of, LEVEL) < _CHANCE:
        return "far too narrow" if held < _LEAST * of else "too narrow"
    return "too wide" if binom.sf(held - 1, of, LEVEL) < _CHANCE else "as meant"
