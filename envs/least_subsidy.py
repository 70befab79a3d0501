"""The least subsidy that a unit of spend can cause, as a linear bound.

Impressions, and subsidy with them, are concave in spend. Between nothing and the most that a line
item may spend they lie above their chord, so that a plan whose spend and chords pass the budget
passes it in truth.
"""

from __future__ import annotations

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import mean_draw
from promopilot.envs.limits import Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.state import expected_reach_share, usual_exposure
from promopilot.envs.world import World

_SURE = 0.9  # of the subsidy in the reference flight: plans are rounded, and hard rows have slack


def least_subsidy(world: World, limits: Limits) -> Floats:
    """Subsidy per unit of spend `[D, L]` that every plan which keeps the limits causes at least.

    In the reference flight, with audiences and pools as if every line item took the most it may,
    and of no more conversions than there is stock. 0 where the budget does not cover subsidy.
    """
    if "subsidy" not in world.covers:
        return np.zeros(world.live.shape)
    catalog, mean = world.catalog, mean_draw(world)
    most = _most_spend(world, limits)
    supply = mean.supply[0][:, catalog.pool]
    unit_cost = world.unit_cost * mean.price_factor[0][:, catalog.placement]
    reach = expected_reach_share(world) * world.supply[:, catalog.pool] * world.live
    shown = response.impressions(most, unit_cost, reach, world.dynamics.saturation)
    wanted = catalog.by_pool.sum(shown)[:, catalog.pool]
    shown = shown * np.minimum(1.0, supply / np.maximum(wanted, 1e-300))
    first = np.minimum(world.rates.first * _most_tired(world, shown), 1.0)
    each = catalog.unit_subsidy[catalog.promotion] * first * world.rates.second
    curve = world.dynamics.saturation
    # Where it starts out convex it lies below its chord, but for spend that is known.
    sure = limits.locked if curve.family == "hill" and curve.slope > 1 else True
    caused = np.where((most > 0) & sure, _SURE * each * shown, 0.0)
    slope = np.divide(caused, most, out=np.zeros_like(most), where=most > 0)
    return np.asarray(slope * _in_stock(world, slope, caused)[catalog.promotion])


def _most_tired(world: World, shown: Floats) -> Floats:
    """[D, L] the fatigue factor of audiences that have seen all of `shown` `[D, L]` so far."""
    catalog = world.catalog
    exposed = catalog.by_audience.sum(shown / world.segment_size[catalog.segment])
    fatigue = np.empty_like(exposed)
    recent = world.initial.fatigue
    for day in range(world.days):
        fatigue[day] = recent
        recent = (recent + exposed[day]) * world.dynamics.forget
    above_usual = np.log1p(fatigue) - usual_exposure(world)
    factor = np.exp(-world.dynamics.fatigue_exponent * above_usual)
    return np.asarray(factor[:, catalog.audience])


def _in_stock(world: World, slope: Floats, caused: Floats) -> Floats:
    """[P] the share of each promotion's slopes that its stock leaves a lower bound.

    With no more than K of subsidy in stock and no more than M caused in all, min(K, s x) lies above
    s x min(1, K / M).
    """
    catalog = world.catalog
    left = max(world.budget - world.initial.spent, 0.0)
    steepest = np.zeros(catalog.num_promotions)
    np.maximum.at(steepest, catalog.promotion, slope.max(axis=0))
    most = np.minimum(catalog.by_promotion.sum(caused).sum(axis=0), left * steepest)
    stock = catalog.unit_subsidy * np.where(most > 0, catalog.stock, 0.0)
    share = np.divide(stock, most, out=np.ones_like(most), where=most > 0)
    return np.asarray(np.minimum(share, 1.0))


def _most_spend(world: World, limits: Limits) -> Floats:
    """[D, L] what a line item may spend at most: by its maximum, lock, budget and steps."""
    left = max(world.budget - world.initial.spent, 0.0)
    most = np.minimum(world.max_spend, min(left, world.per_day_max)) * world.live
    if limits.steps:
        catalog, share = world.catalog, equal_share(world)
        may = catalog.by_promotion.sum(world.day_before)
        locked = catalog.by_promotion.sum(world.current_mix * limits.locked * world.live)
        for day in range(world.days):
            may = np.maximum(may + limits.max_step * np.maximum(may, share[day]), locked[day])
            most[day] = np.minimum(most[day], may[catalog.promotion])
    return np.where(limits.locked, world.current_mix * world.live, most)
