"""What charts of what was said against what was seen share: dots with intervals, and their line."""

from __future__ import annotations

from collections.abc import Sequence

from promopilot.experiments.report.chart import Trace

Ends = tuple[float | None, float | None]  # of an interval; None where it is not defined


def dots(name: str, said: list[float], seen: list[float], ends: Sequence[Ends]) -> Trace:
    """What was seen at what was said; one without an interval is a dot alone."""
    spans = list(zip(seen, ends, strict=True))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": said,
        "y": seen,
        "marker": {"size": 9, "color": "accent"},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [0 if high is None else high - y for y, (_, high) in spans],
            "arrayminus": [0 if low is None else y - low for y, (low, _) in spans],
            "color": "muted",
            "thickness": 2,
            "width": 0,
        },
    }


def as_said(name: str, span: list[float]) -> Trace:
    """Where all dots would lie if what was said were seen."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": span,
        "y": span,
        "line": {"color": "before", "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }
