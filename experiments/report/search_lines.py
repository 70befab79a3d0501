"""Many lines of one look as one trace, which plotly draws many times as fast as a trace each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promopilot.experiments.report.chart import Trace


@dataclass(frozen=True)
class Line:
    """One line; all three are as long as it has points."""

    x: list[float]
    y: list[float]
    hover: list[str]


@dataclass(frozen=True)
class Look:
    """How lines look."""

    color: str
    opacity: float = 1.0
    width: float = 1.5  # px
    dot: float = 5.0  # px


BEST = Look("warm", width=3.5, dot=9)


def lines_trace(lines: Sequence[Line], look: Look, **more: Any) -> Trace:
    """The lines with gaps between them.

    Args:
        lines: At least one.
        look: Of all of them.
        more: What else plotly is told.
    """
    gap = Line([], [], [])
    parts = [part for line in lines for part in (gap, line)][1:]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": _joined([part.x for part in parts], None),
        "y": _joined([part.y for part in parts], None),
        "text": _joined([part.hover for part in parts], ""),
        "opacity": look.opacity,
        "line": {"color": look.color, "width": look.width},
        "marker": {"color": look.color, "size": look.dot},
        "hovertemplate": "%{text}<extra></extra>",
        **more,
    }


def _joined(parts: Sequence[list[Any]], gap: Any) -> list[Any]:
    """All parts in a row; an empty one is a gap."""
    return [value for part in parts for value in (part or [gap])]
