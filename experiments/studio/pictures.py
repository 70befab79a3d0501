"""The studio's charts."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go  # type: ignore[import-untyped]

from promopilot.experiments.report.language import tr

_NOW, _PLAN = "#9aa0a6", "#0b7a75"
_MOST = 20  # bars
_LONG = 28  # letters of a name beside its bar


def changes(by_promotion: pd.DataFrame, currency: str) -> go.Figure:
    """How much more or less each promotion gets, the largest changes first."""
    order = by_promotion["change"].abs().sort_values(ascending=False).index[:_MOST]
    rows = by_promotion.loc[order][::-1]
    places = list(range(len(rows)))
    bars = go.Bar(
        x=rows["change"],
        y=places,
        orientation="h",
        marker={"color": _PLAN},
        customdata=rows["promotion"],
        hovertemplate="%{customdata}<br>%{x:+,.2f}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=_short(rows["promotion"]))
    return _laid_out(figure, tr("change, {}").format(currency), 60 + 26 * len(rows))


def days(by_day: pd.DataFrame, currency: str) -> go.Figure:
    """Money per day, now and planned."""
    figure = go.Figure(
        [
            go.Scatter(x=by_day["date"], y=by_day["current"], name=tr("now"), line={"color": _NOW}),
            go.Scatter(
                x=by_day["date"], y=by_day["planned"], name=tr("plan"), line={"color": _PLAN}
            ),
        ]
    )
    figure.update_xaxes(tickformat="%m-%d", hoverformat="%Y-%m-%d")  # in every language
    figure.update_yaxes(rangemode="tozero", title=tr("media a day, {}").format(currency))
    return _laid_out(figure, "", 320)


def curve(points: pd.DataFrame, planned: float, currency: str) -> go.Figure:
    """What a promotion's profit would be with less or more media, the plan marked."""
    at = points.iloc[(points["media"] - planned).abs().argsort()[:1]]
    figure = go.Figure(
        [
            go.Scatter(
                x=points["media"], y=points["profit"], name=tr("profit"), line={"color": _PLAN}
            ),
            go.Scatter(
                x=points["media"],
                y=points["media"],
                name=tr("costs as much as it brings"),
                line={"color": _NOW, "dash": "dot"},
            ),
            go.Scatter(
                x=at["media"],
                y=at["profit"],
                name=tr("plan"),
                mode="markers",
                marker={"size": 12, "color": _PLAN},
            ),
        ]
    )
    figure.update_yaxes(title=tr("profit before media, {}").format(currency))
    return _laid_out(figure, tr("media over the flight, {}").format(currency), 320)


def beside(money: pd.DataFrame, currency: str) -> go.Figure:
    """Planned money of promotions (rows) in scenarios (columns), the first rows of the table."""
    rows = money.iloc[:_MOST][::-1]
    places = list(range(len(rows)))
    figure = go.Figure(
        [
            go.Bar(
                x=rows[name],
                y=places,
                orientation="h",
                name=str(name),
                customdata=list(rows.index),
                hovertemplate="%{customdata}<br>%{x:,.2f}",
            )
            for name in rows
        ]
    )
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=_short(rows.index))
    figure.update_layout(legend_traceorder="normal")
    height = 80 + (14 + 10 * rows.shape[1]) * len(rows)
    return _laid_out(figure, tr("media over the flight, {}").format(currency), height)


def _short(names: Iterable[str]) -> list[str]:
    """Names that leave room for their bars."""
    return [name if len(name) <= _LONG else f"{name[:_LONG]}…" for name in names]


def _laid_out(figure: go.Figure, below: str, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "y": 1.1},
    )
    figure.update_xaxes(title=below)
    return figure
