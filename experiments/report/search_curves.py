"""How trials learnt: the gain of each after so much practice."""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup

from promopilot.experiments.report.chart import (
    Chart,
    Trace,
    axis,
    label,
    large_numbers,
    layout,
    legend,
)
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.numbers import percent_sign
from promopilot.experiments.report.search_lines import BEST, Line, Look, lines_trace
from promopilot.experiments.report.search_tried import hover
from promopilot.experiments.report.search_view import Search, gain_of
from promopilot.experiments.tuning.trial import Trial

# In this order they are drawn.
_KINDS = {
    "stopped": (later("stopped early"), Look("before", 0.6)),
    "running": (later("not over"), Look("c3", 0.8)),
    "finished": (later("to the end"), Look("accent", 0.7)),
    "best": (later("the best"), BEST),
}
# A trial may fall so deep that the others would lie on one line: what is drawn reaches below the
# best gain by this many times what lies between it and the best of three trials in four.
_DEPTH = 2.5


def curves_chart(search: Search) -> Chart:
    """One line per trial that has a gain; there is at least one."""
    low, high = _range(search)
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "layer": "below"}
    zero |= {"line": {"color": "muted", "width": 1.5, "dash": "dot"}}
    most = max(one.steps for trial in search.compared for one in trial.history)
    return Chart(
        id="search-curves",
        title=tr("Gain after so much practice"),
        traces=_traces(search),
        layout=layout(
            xaxis=axis(
                title=tr("days practised in simulated flights"),
                range=[0, 1.03 * max(most, 1)],
                nticks=6,
                **large_numbers(),
            ),
            yaxis=axis(ticksuffix=percent_sign(), range=[low, high], nticks=7),
            shapes=[zero] if low <= 0 <= high else [],
            **legend(y=-0.2, yanchor="top"),
        ),
        height=420,
        note=_note(search, low),
    )


def _traces(search: Search) -> list[Trace]:
    groups: dict[str, list[Line]] = {kind: [] for kind in _KINDS}
    for trial in search.compared:
        groups["best" if trial is search.best else trial.status].append(_line(search, trial))
    return [
        lines_trace(lines, _KINDS[kind][1], name=tr(_KINDS[kind][0]))
        for kind, lines in groups.items()
        if lines
    ]


def _line(search: Search, trial: Trial) -> Line:
    points = [one for one in trial.history if math.isfinite(one.gain_pct)]
    about = hover(search, trial)
    told = [
        tr("{} after {:,.0f} days").format(search.percent(one.gain_pct), one.steps)
        for one in points
    ]
    return Line(
        [one.steps for one in points],
        [one.gain_pct for one in points],
        [f"{label(text)}<br>{about}" for text in told],
    )


def _gains(search: Search) -> list[float]:
    return [
        one.gain_pct
        for trial in search.compared
        for one in trial.history
        if math.isfinite(one.gain_pct)
    ]


def _range(search: Search) -> tuple[float, float]:
    """Lowest and highest gain that is drawn."""
    gains = _gains(search)
    best = max(gains)
    depth = _DEPTH * (best - float(np.quantile([gain_of(one) for one in search.compared], 0.25)))
    low = max(min(gains), best - depth) if depth > 0 else min(gains)
    room = 0.06 * ((best - low) or abs(best) or 1.0)
    return low - room, best + room


def _note(search: Search, low: float) -> Markup:
    parts = [
        tr(
            "Each dot is a measure of the {} on the validation flights; what counts of a trial is "
            "its best one. 0 is the daily re-optimiser."
        ).format(search.agent)
    ]
    below = sum(gain < low for gain in _gains(search))
    if below:
        parts.append(
            plural(
                below,
                later("{} measure lies below what is drawn."),
                later("{} measures lie below what is drawn."),
            ).format(below)
        )
    return Markup.escape(tr(" ").join(parts))
