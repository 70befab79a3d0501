"""One row per thing compared: a dot, its interval, and a line where there is no difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    padded,
    upright,
)

Ends = tuple[float | None, float | None]  # of an interval; None where it is not defined


def interval_chart(
    name: str,
    title: str,
    rows: Sequence[tuple[str, float, Ends, str, str]],
    note: Markup,
    *,
    ticks: dict[str, Any],
    lines: Sequence[tuple[float, str, str]] = ((0.0, "muted", "dot"),),
    columns: tuple[str, ...] = (),
    figures: Sequence[tuple[Cell, ...]] = (),
) -> Chart:
    """Rows of dots with intervals.

    Args:
        name: The chart's id.
        title: Its title.
        rows: Label, value, interval, colour and what is read on hovering, from the top.
        note: What it shows.
        ticks: How the axis writes its numbers.
        lines: Upright lines: where, colour and dash.
        columns: Headers of the table of figures.
        figures: Its rows.
    """
    labels, values, ends, colors, hover = (list(column) for column in zip(*rows, strict=True))
    laid = labelled_rows(labels, DOT)
    known = [end for pair in ends for end in pair if end is not None]
    return Chart(
        id=name,
        title=title,
        traces=[interval_rows(laid, values, ends, colors, hover)],
        layout=layout(
            yaxis=laid.axis,
            xaxis=axis(
                nticks=6,
                zeroline=False,
                range=padded([*(at for at, _, _ in lines), *values, *known]),
                **ticks,
            ),
            annotations=laid.names,
            shapes=[upright(*line) for line in lines],
        ),
        height=laid.height + 40,
        note=note,
        columns=columns,
        rows=list(figures),
    )
