"""What more or less money would bring: response curves of the largest line items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.response import Saturation
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart, label, layout, money_axis
from promopilot.experiments.report.finished_run import ITEM, FinishedRun
from promopilot.experiments.report.parameters import kind_of
from promopilot.experiments.report.section import Page, Section

SHOWN = 8
_POINTS = 60


@dataclass(frozen=True)
class Curve:
    """One line item on a mean day of those on which it may be funded; money per day."""

    names: tuple[str, str, str]  # promotion, placement, segment
    spend: Floats  # [K]
    profit: Floats  # [K] before media
    current: tuple[float, float]  # spend and its profit
    planned: tuple[float, float]
    next_unit: float  # profit of the next unit of money at the plan


def section(page: Page) -> Section:
    """Small charts of one scale of meaning each, and one note."""
    curves = largest_curves(page.run)
    view = {
        "charts": [_chart(page, number, curve) for number, curve in enumerate(curves)],
        "note": _note(page, curves),
    }
    return Section("curves", "What the next unit of money brings", "curves.html", view, "Curves")


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
        curves.append(_curve(names, worth, prices, points))
    return curves


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
    return Curve(names, grid, profit(grid), current, planned, slope)


def _chart(page: Page, number: int, curve: Curve) -> Chart:
    promotion, placement, segment = curve.names
    symbol = page.numbers.symbol
    even = float(min(curve.spend[-1], max(curve.profit.max(), 0.0)))
    traces = [
        _line("costs as much as it brings", [0.0, even], [0.0, even], "muted", "dot", 1.2),
        _line("response", curve.spend.tolist(), curve.profit.tolist(), "ink", "solid", 2.0),
        _point("current mix", curve.current, "before", symbol),
        _point("plan", curve.planned, "accent", symbol),
    ]
    return Chart(
        id=f"curve-{number}",
        title=promotion,
        traces=traces,
        layout=layout(
            xaxis=money_axis(symbol, title="media per day", rangemode="tozero", nticks=5),
            yaxis=money_axis(symbol, title="profit per day", rangemode="tozero", nticks=5),
        ),
        height=230,
        note=Markup("{} · {}").format(placement, segment),
        small=True,
    )


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
        "hovertemplate": f"{name}<br>media %{{x}} a day<br>profit %{{y}} a day<extra></extra>",
    }


def _note(page: Page, curves: list[Curve]) -> Markup:
    if not curves:
        return Markup("The plan funds nothing, so there is no curve to show.")
    unit = f"{page.numbers.symbol}1"
    returns = [curve.next_unit for curve in curves]
    more = sum(curve.planned[0] > curve.current[0] for curve in curves)
    above = sum(r > 1 for r in returns)
    text = (
        "The {} line items with most planned money, on a mean day. Each curve flattens because the "
        "same people are reached again and again; where it runs steeper than the dotted line, the "
        "next {} of media brings more than {} of profit. The plan spends more than the current mix "
        "on {} of them, and the next {} would bring between {} and {}: {}. {} Line items of one "
        "placement and segment share its exposures, which the curves leave out."
    )
    if above == len(curves):
        end = f"more than {unit} on all, so more budget would pay"
    elif above == 0:
        end = "no more than it costs on any, so more budget would not pay here"
    else:
        end = f"more than {unit} on {above} of them"
    amount = page.numbers.amount
    return Markup(text).format(
        *(len(curves), unit, unit, more, unit, amount(min(returns)), amount(max(returns)), end),
        _shape(page),
    )


def _shape(page: Page) -> str:
    """The curves' family in words, and whether anything measured it."""
    saturation = page.run.world.dynamics.saturation
    name, meaning = words.CURVES[saturation.family]
    if saturation.family == "hill":
        early = "brings little at first" if saturation.slope > 1 else "flattens from the start"
        name, meaning = f"{name}, slope {saturation.slope:.2g}", f"{meaning}; it {early}"
    kind = kind_of(page.run.parameter_sources.get("saturation", "prior"))
    rests = {
        "data": "its shape was measured on your history",
        "estimate": "its shape was estimated from your history",
    }.get(kind, "its shape is an assumption, no measurement")
    return (
        f"The curve is of the family “{name}”: {meaning}. Its height rests on what was learnt "
        f"about the response; {rests} (see “What rests on data”)."
    )
