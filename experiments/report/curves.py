"""What more or less money would bring: response curves of the largest line items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.response import Saturation
from promopilot.envs.world import World
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart, label, layout, money_axis, upright
from promopilot.experiments.report.finished_run import ITEM, FinishedRun
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.likely_range import likely_factors
from promopilot.experiments.report.parameters import kind_of
from promopilot.experiments.report.section import Page, Section

SHOWN = 8
_POINTS = 60
_NEARLY_ALL = 0.85  # share of its exposures that leaves little more to be bought
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


def section(page: Page) -> Section:
    """Small charts of one scale of meaning each, and one note."""
    curves = largest_curves(page.run)
    view = {
        "charts": [_chart(page, number, curve) for number, curve in enumerate(curves)],
        "note": _note(page, curves),
        "has_bounds": any(0 < at <= c.spend[-1] for c in curves for at in c.bounds),
    }
    return Section(
        "curves", tr("What the next unit of money brings"), "curves.html", view, tr("Curves")
    )


def largest_curves(run: FinishedRun) -> list[Curve]:
    """Curves of the line items that the plan funds most, at mean prices and supply.

    The response is what the plan expects of the line item (conversions per impression over the
    flight, so that tired audiences are in it); where the plan buys nothing, the predicted rate.
    Line items without planned money have none: what their first unit brings may be anything
    between nothing (an S-shaped curve) and no end (a slope below 1).
    """
    catalog, world = run.world.catalog, run.world
    sums = run.plan.groupby(ITEM, sort=False)[
        ["planned_budget", "expected_impressions", "expected_conversions"]
    ].sum()
    largest = sums["planned_budget"].sort_values(ascending=False, kind="stable")
    largest = largest[largest > 0]
    position = {
        tuple(ids): number
        for number, ids in enumerate(
            zip(
                np.array(catalog.promotion_ids, dtype=object)[catalog.promotion],
                np.array(catalog.placement_ids, dtype=object)[catalog.placement],
                np.array(catalog.segment_ids, dtype=object)[catalog.segment],
                strict=True,
            )
        )
    }
    planned, current = run.spend("planned_budget"), run.spend("current_budget")
    shared = _shared_pools(world)
    curves = []
    for key in largest.index[:SHOWN]:
        item = position[key]
        live = world.live[:, item]
        rate = _rate(run, sums.loc[key], item, live)
        worth = catalog.profit_per_conversion()[catalog.promotion[item]] * rate
        reach = float((world.reach_share[item] * world.supply[live, catalog.pool[item]]).mean())
        names = (run.promotions[key[0]], run.placements[key[1]], run.segments[key[2]])
        points = (float(current[live, item].mean()), float(planned[live, item].mean()))
        prices = (world.unit_cost[item : item + 1], np.array([reach]), world.dynamics.saturation)
        bounds = _bounds(run.plan, key)
        curves.append(
            replace(
                _curve(names, worth, prices, points),
                likely=likely_factors(world.rates, catalog.promotion[item], item, live),
                bounds=bounds,
                shares=bool(shared[catalog.pool[item]]),
            )
        )
    return curves


def _shared_pools(world: World) -> Bools:
    """[K] pools whose line items could together have more exposures than there are."""
    pool = world.catalog.pool
    reach = np.bincount(pool, world.reach_share, int(pool.max()) + 1)
    return np.asarray(reach > 1 + _SLIGHT)


def _bounds(plan: pd.DataFrame, key: tuple[str, str, str]) -> tuple[float, float]:
    """Least and most money of a line item on a mean day."""
    rows = plan[(plan[ITEM] == list(key)).all(axis=1)]
    return float(rows["min_budget"].mean()), float(rows["max_budget"].fillna(np.inf).mean())


def _rate(run: FinishedRun, sums: pd.Series[float], item: int, live: Bools) -> float:
    shown = float(sums["expected_impressions"])
    if shown > 0:
        return float(sums["expected_conversions"]) / shown
    return float((run.world.rates.first * run.world.rates.second)[live, item].mean())


def _curve(
    names: tuple[str, str, str],
    worth: float,
    prices: tuple[Floats, Floats, Saturation],
    points: tuple[float, float],
) -> Curve:
    """A curve, from what an impression is worth and what it costs: unit cost, reach and law."""

    def profit(spend: Floats) -> Floats:
        return worth * response.impressions(spend, *prices)

    most = 1.6 * max(*points, 1e-9)
    grid = np.linspace(0.0, most, _POINTS)
    current, planned = ((x, float(profit(np.array([x]))[0])) for x in points)
    bought = response.impressions(np.array([points[1]]), *prices)
    slope = worth / float(response.marginal_cost(bought, *prices)[0]) if prices[1][0] > 0 else 0.0
    part = float(bought[0] / prices[1][0]) if prices[1][0] > 0 else 0.0
    free = ((1.0, 1.0), (0.0, np.inf))
    return Curve(names, grid, profit(grid), current, planned, slope, *free, part, shares=True)


def _chart(page: Page, number: int, curve: Curve) -> Chart:
    promotion, placement, segment = curve.names
    symbol = page.numbers.symbol
    even = float(min(curve.spend[-1], max(curve.profit.max(), 0.0)))
    traces = [
        _band(curve),
        _line(tr("costs as much as it brings"), [0.0, even], [0.0, even], "muted", "dot", 1.2),
        _line(tr("response"), curve.spend.tolist(), curve.profit.tolist(), "ink", "solid", 2.0),
        _point(tr("current mix"), curve.current, "before", symbol),
        _point(tr("plan"), curve.planned, "accent", symbol),
    ]
    return Chart(
        id=f"curve-{number}",
        title=promotion,
        traces=traces,
        layout=layout(
            xaxis=money_axis(symbol, title=tr("media per day"), rangemode="tozero", nticks=5),
            yaxis=money_axis(symbol, title=tr("profit per day"), rangemode="tozero", nticks=5),
            shapes=[
                upright(at, "warm", "dash") for at in curve.bounds if 0 < at <= curve.spend[-1]
            ],
        ),
        height=230,
        note=Markup(" · ").join([placement, segment, *_little_more(page, curve)]),
        small=True,
    )


def _little_more(page: Page, curve: Curve) -> list[Markup]:
    """Where the plan buys nearly all that there is, that it does."""
    if curve.bought <= _NEARLY_ALL:
        return []
    text = tr("little more to be had: {} of what it can be shown")
    return [Markup(text).format(page.numbers.share("average:bought", curve.bought))]


def _band(curve: Curve) -> dict[str, Any]:
    """Where the curve lies in 8 of 10 cases."""
    low, high = curve.likely
    return {
        "type": "scatter",
        "mode": "lines",
        "name": tr("likely range"),
        "x": [*curve.spend, *curve.spend[::-1]],
        "y": [*(high * curve.profit), *(low * curve.profit)[::-1]],
        "fill": "toself",
        "fillcolor": "band",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _line(
    name: str, x: list[float], y: list[float], color: str, dash: str, width: float
) -> dict[str, Any]:
    line = {"color": color, "dash": dash, "width": width, "shape": "spline"}
    return {"type": "scatter", "mode": "lines", "name": label(name), "x": x, "y": y} | {
        "line": line if dash == "solid" else {**line, "shape": "linear"},
        "hoverinfo": "skip",
    }


def _point(name: str, at: tuple[float, float], color: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [at[0]],
        "y": [at[1]],
        "marker": {"size": 11, "color": color, "line": {"width": 2, "color": "paper"}},
        "cliponaxis": False,
        "hovertemplate": tr(
            "{}<br>media %{{x}} a day<br>profit %{{y}} a day<extra></extra>"
        ).format(name),
    }


def _note(page: Page, curves: list[Curve]) -> Markup:
    if not curves:
        return Markup(tr("The plan funds nothing, so there is no curve to show."))
    unit, amount = f"{page.numbers.symbol}1", page.numbers.amount
    returns = [curve.next_unit for curve in curves]
    more = sum(curve.planned[0] > curve.current[0] for curve in curves)
    above = sum(r > 1 for r in returns)
    if above == len(curves):
        end = tr("more than it costs, so more budget would pay")
    elif above == 0:
        end = tr("no more than it costs, so more budget would not pay here")
    else:
        end = tr("more than {} on {} of them").format(unit, above)
    sentences = (
        plural(
            len(curves),
            later("The line item with most planned money, on a mean day."),
            later("The {} line items with most planned money, on a mean day."),
        ).format(len(curves)),
        tr(
            "Each curve flattens because the same people are reached again and again; where it "
            "runs steeper than the dotted line, the next {} of media brings more than {} of profit."
        ).format(unit, unit),
        plural(
            len(curves),
            later("The next {1} would bring {2}: {4}."),
            later(
                "The plan spends more than the current mix on {} of them, and the next {} would "
                "bring between {} and {}: {}."
            ),
        ).format(more, unit, amount(min(returns)), amount(max(returns)), end),
        _shape(page),
        _sharing(curves),
    )
    return Markup(tr(" ")).join(sentences)


def _sharing(curves: list[Curve]) -> str:
    """Whether line items can take exposures from each other."""
    if all(curve.shares for curve in curves):
        return tr(
            "Line items of one placement and segment share its exposures, which the curves leave "
            "out."
        )
    if not any(curve.shares for curve in curves):
        return tr("Each has exposures of its own, which no other line item can take.")
    places = dict.fromkeys(curve.names[1] for curve in curves if curve.shares)
    return tr(
        "In {} the line items of a segment share its exposures, which the curves leave out; "
        "elsewhere each has its own, which no other can take."
    ).format(tr(", ").join(places))


def _shape(page: Page) -> str:
    """The curves' family in words, and whether anything measured it."""
    saturation = page.run.world.dynamics.saturation
    name, meaning = words.curve(saturation.family)
    if saturation.family == "hill":
        early = (
            tr("brings little at first") if saturation.slope > 1 else tr("flattens from the start")
        )
        name, meaning = (
            tr("{}, slope {:.2g}").format(name, saturation.slope),
            tr("{}; it {}").format(meaning, early),
        )
    kind = kind_of(page.run.parameter_sources.get("saturation", "prior"))
    rests = {
        "data": tr("its shape was measured on your history"),
        "estimate": tr("its shape was estimated from your history"),
    }.get(kind, tr("its shape is an assumption, no measurement"))
    return tr(
        "The curve is of the family “{}”: {}. Its height rests on what was learnt about "
        "the response; {} (see “What rests on data”)."
    ).format(name, meaning, rests)
