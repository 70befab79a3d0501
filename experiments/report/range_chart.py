"""What came as a share of what was foreseen: a dot on its range, one row for each promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    Trace,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    upright,
)
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import percent_sign

# Per cent of what was foreseen: few orders foreseen make shares so large that nothing else of the
# chart could be read. What lies beyond is drawn at the edge.
_EDGE = 250.0


@dataclass(frozen=True)
class Against:
    """One row."""

    name: str
    came: float
    foreseen: float  # above 0
    low: float  # of the range
    high: float
    inside: bool
    text: str  # read on hovering

    def share(self, value: float) -> float:
        """A value in per cent of what was foreseen."""
        return 100 * value / self.foreseen

    @property
    def is_beyond(self) -> bool:
        """Whether what came lies beyond the edge of the chart."""
        return self.share(self.came) > _EDGE


def range_chart(
    name: str,
    title: str,
    rows: Sequence[Against],
    note: Markup,
    columns: tuple[str, ...] = (),
    figures: Sequence[tuple[Cell, ...]] = (),
) -> Chart:
    """Bands of what was foreseen, and dots of what came.

    Args:
        name: The chart's id.
        title: Its title.
        rows: From the top.
        note: What it shows; that dots lie at the edge is added.
        columns: Headers of the table of figures.
        figures: Its rows.
    """
    laid = labelled_rows([row.name for row in rows], DOT)
    ends = [(_drawn(row, row.low), _drawn(row, row.high)) for row in rows]
    middle = [(low + high) / 2 for low, high in ends]
    band = interval_rows(laid, middle, list(ends), ["rgba(0,0,0,0)"] * len(rows), [])
    band |= {"hoverinfo": "skip"}
    band["error_x"] |= {"thickness": 9, "color": "band"}
    if beyond := sum(row.is_beyond for row in rows):
        note += tr(" ") + tr("Arrows at the edge stand for more than {}: {}.").format(
            f"{_EDGE:.0f}{percent_sign()}", beyond
        )
    right = max([100.0, *(_drawn(row, row.came) for row in rows), *(high for _, high in ends)])
    return Chart(
        id=name,
        title=title,
        traces=[band, _dots(rows, laid.at)],
        layout=layout(
            yaxis=laid.axis,
            xaxis=axis(
                ticksuffix=percent_sign(),
                hoverformat=".0f",
                nticks=6,
                zeroline=False,
                range=[-0.03 * right, 1.05 * right],
            ),
            annotations=laid.names,
            shapes=[upright(100.0, "muted", "dot")],
        ),
        height=laid.height + 40,
        note=note,
        columns=columns,
        rows=list(figures),
    )


def _dots(rows: Sequence[Against], at: list[float]) -> Trace:
    return {
        **{"type": "scatter", "mode": "markers", "showlegend": False, "y": at},
        "x": [_drawn(row, row.came) for row in rows],
        "marker": {
            "size": 11,
            "color": ["accent" if row.inside else "warm" for row in rows],
            "symbol": ["triangle-right" if row.is_beyond else "circle" for row in rows],
        },
        "text": [row.text for row in rows],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _drawn(row: Against, value: float) -> float:
    return min(row.share(value), _EDGE)
