"""What more or less money would bring: response curves of the largest line items."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart, label, layout, money_axis, upright
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.parameters import kind_of
from promopilot.experiments.report.response_curves import Curve, largest_curves
from promopilot.experiments.report.section import Page, Section

_NEARLY_ALL = 0.85  # share of its exposures that leaves little more to be bought


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
