"""Response curves of the line items that the plan funds most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.experiments.line_items import line_items
from promopilot.experiments.report.finished_run import FinishedRun
from promopilot.experiments.report.likely_range import likely_factors
from promopilot.experiments.tables.keys import ITEM

SHOWN = 8
_POINTS = 60
_SLIGHT = 1e-3  # of a pool's exposures: rounding


@dataclass(frozen=True)
class Curve:
    """One line item on a mean day of those on which it may be funded; money per day."""

    names: tuple[str, str, str]  # promotion, placement, segment
    spend: Floats  # [K]
    profit: Floats  # [K] before media
    current: tuple[float, float]  # spend and its profit
    planned: tuple[float, float]
    next_unit: float  # profit of the next unit of money at the plan
    likely: tuple[float, float]  # factors of the profit: 8 of 10 such line items lie between
    bounds: tuple[float, float]  # the least and the most that the plan may spend; inf: free
    bought: float  # share that the plan buys of the exposures that the line item can have
    shares: bool  # whether others can take exposures that it could have


def largest_curves(run: FinishedRun) -> list[Curve]:
    """Curves of the line items that the plan funds most, at mean prices and supply.

    The response is what the plan expects of the line item (conversions per impression over the
    flight, so that tired audiences are in it); where the plan buys nothing, the predicted rate.
    Line items without planned money have none: what their first unit brings may be anything
    between nothing (an S-shaped curve) and no end (a slope below 1).
    """
    plan = run.plan.assign(max_budget=run.plan["max_budget"].fillna(np.inf))
    sums = ("planned_budget", "expected_impressions", "expected_conversions")
    rows = plan.groupby(ITEM, sort=False).agg(
        dict.fromkeys(sums, "sum") | dict.fromkeys(("min_budget", "max_budget"), "mean")
    )
    rows = rows[rows["planned_budget"] > 0]
    rows = rows.sort_values("planned_budget", ascending=False, kind="stable").iloc[:SHOWN]
    items = line_items(run.world).get_indexer(rows.index)
    spends = (run.spend("current_budget"), run.spend("planned_budget"))
    return [
        _curve(run, key, int(item), rows.loc[key], spends)
        for key, item in zip(rows.index, items, strict=True)
    ]


def _curve(
    run: FinishedRun,
    key: tuple[str, str, str],
    item: int,
    row: pd.Series[float],
    spends: tuple[Floats, Floats],
) -> Curve:
    """A line item's curve, from its row of sums and the current and planned spends `[D, L]`."""
    world, catalog = run.world, run.world.catalog
    live, pool = world.live[:, item], catalog.pool[item]
    reach = float((world.reach_share[item] * world.supply[live, pool]).mean())
    prices = (world.unit_cost[item : item + 1], np.array([reach]), world.dynamics.saturation)
    each = float(catalog.profit_per_conversion()[catalog.promotion[item]])
    worth = each * _rate(run, row, item, live)

    def profit(spend: Floats) -> Floats:
        return worth * response.impressions(spend, *prices)

    points = [float(spend[live, item].mean()) for spend in spends]
    current, planned = ((x, float(profit(np.array([x]))[0])) for x in points)
    grid = np.linspace(0.0, 1.6 * max(*points, 1e-9), _POINTS)
    bought = response.impressions(np.array([points[1]]), *prices)
    promotion, placement, segment = key
    return Curve(
        names=(run.promotions[promotion], run.placements[placement], run.segments[segment]),
        spend=grid,
        profit=profit(grid),
        current=current,
        planned=planned,
        next_unit=worth / float(response.marginal_cost(bought, *prices)[0]) if reach > 0 else 0.0,
        likely=likely_factors(world.rates, catalog.promotion[item], item, live),
        bounds=(float(row["min_budget"]), float(row["max_budget"])),
        bought=float(bought[0] / reach) if reach > 0 else 0.0,
        shares=bool(world.reach_share[catalog.pool == pool].sum() > 1 + _SLIGHT),
    )


def _rate(run: FinishedRun, row: pd.Series[float], item: int, live: Bools) -> float:
    """Conversions per impression."""
    shown = float(row["expected_impressions"])
    if shown > 0:
        return float(row["expected_conversions"]) / shown
    return float((run.world.rates.first * run.world.rates.second)[live, item].mean())
