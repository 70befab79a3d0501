"""A bound that no policy beats on average, given everything that a flight will bring.

Lagrangian relaxation (Boyd and Vandenberghe, Convex Optimization, 5.1.3), then dynamic programming.
Let y be the impressions that a policy gets, audience a's tiredness n_(t+1) = forget (n_t + e_t)
with exposures e_t linear in y_t, F(n) = C (1 + n)^-exponent, rate r, worth w and cost x(y).

1. Given what it has done so far, a policy's expected orders are at most r F(n) y, whatever luck
   decides, and those served are at most these and at most the stock. So with non-negative prices
   lambda of money, mu of pools, sigma of stock (and of each day's money, where that is limited) its
   expected value is at most that of the same policy paid
   max(w - sigma - lambda s, 0) r F(n) y - mu y - (k + lambda) x(y),
   plus lambda budget + mu supply + sigma stock: it meets each of these limits, so that what is
   added is never less than what is taken. (s is subsidy, where the budget covers it and never pays
   more than there is; where an overrun is booked instead, only media is counted.) What is left out
   (whole impressions, reserves, pay-outs) only ever lowers what a policy can get.
2. That splits by audience. Let V_t(n) be the most that days t and later can bring from one. V_t is
   convex in n: V_D = 0, and V_t(n) = max_y [c(y) F(n) + V_(t+1)(forget (n + e(y))) - ...] with
   c(y) >= 0 is a maximum of convex functions, F being convex.
3. So a chord of V_(t+1) between two points of a grid lies above it in between, and the piecewise
   linear W through points at or above V_(t+1) is above V_(t+1) everywhere on the grid, which goes
   as far as anybody can get. W is convex as well, hence the greatest of its chords' lines; for each
   line the best y of a day is that of separate line items, in closed form. The largest over lines
   is therefore V_t's bound at a grid point, and so on back to the first day.

Any prices give a valid bound; those of a plan made with hindsight give one next to it. Impressions
are taken at their expectation: rounding them to whole ones moves n by less than one person's share.
"""

from dataclasses import replace

import numpy as np

from promopilot.agents.lookahead.clairvoyant import Clairvoyant
from promopilot.agents.lookahead.relaxation import bound_flights
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.world import World

# Points of tiredness: twice as many lower the bound of a lively world by less than .1 %.
_POINTS = 48
# Moves of the plan that the prices are taken from.
_EFFORT = 20
# Flights planned together; more cost memory.
_BATCH = 64


def clairvoyant_bound(
    world: World, seed: int, flights: Ints, *, effort: int = _EFFORT, points: int = _POINTS
) -> Floats:
    """Objective that no policy exceeds on average, for each flight `[F]`.

    Args:
        world: What is played.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights `[F]`.
        effort: Most moves of the plan that prices are taken from, at least 1.
        points: Of tiredness, at least 2; more lower the bound.
    """
    # Where an overrun is booked, money for subsidy has no limit that holds on every path.
    counted = ("spend",) if world.overrun == "book" else world.covers
    market, relaxed = Market(world), replace(world, covers=counted)
    clairvoyant = Clairvoyant(relaxed, effort)
    _, charged = world.catalog.worth(world.objective)
    bounds = []
    for begin in range(0, len(flights), _BATCH):
        market.reset(seed, flights[begin : begin + _BATCH])
        rest = clairvoyant.known(market)
        bound = np.empty(market.num_flights)
        bound_flights(rest, clairvoyant.planner.plan(rest), float(charged), points, bound)
        bounds.append(bound)
    return np.concatenate(bounds)
