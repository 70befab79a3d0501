"""The studio's charts."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go  # type: ignore[import-untyped]

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
    labels = [name if len(name) <= _LONG else f"{name[:_LONG]}…" for name in rows["promotion"]]
    figure = go.Figure(bars)
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=labels)
    return _laid_out(figure, f"change, {currency}", 60 + 26 * len(rows))


def days(by_day: pd.DataFrame, currency: str) -> go.Figure:
    """Money per day, now and planned."""
    figure = go.Figure(
        [
            go.Scatter(x=by_day["date"], y=by_day["current"], name="now", line={"color": _NOW}),
            go.Scatter(x=by_day["date"], y=by_day["planned"], name="plan", line={"color": _PLAN}),
        ]
    )
    figure.update_yaxes(rangemode="tozero", title=f"media a day, {currency}")
    return _laid_out(figure, "", 320)


def curve(points: pd.DataFrame, planned: float, currency: str) -> go.Figure:
    """What a promotion's profit would be with less or more media, the plan marked."""
    at = points.iloc[(points["media"] - planned).abs().argsort()[:1]]
    figure = go.Figure(
        [
            go.Scatter(x=points["media"], y=points["profit"], name="profit", line={"color": _PLAN}),
            go.Scatter(
                x=points["media"],
                y=points["media"],
                name="costs as much as it brings",
                line={"color": _NOW, "dash": "dot"},
            ),
            go.Scatter(
                x=at["media"],
                y=at["profit"],
                name="plan",
                mode="markers",
                marker={"size": 12, "color": _PLAN},
            ),
        ]
    )
    figure.update_yaxes(title=f"profit before media, {currency}")
    return _laid_out(figure, f"media over the flight, {currency}", 320)


def _laid_out(figure: go.Figure, below: str, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "y": 1.1},
    )
    figure.update_xaxes(title=below)
    return figure
