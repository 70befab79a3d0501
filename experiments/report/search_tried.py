"""What was tried, as parallel coordinates: a scale for each setting, a line for each trial.

The scales lie one below the other, so that any width has room for their names. Plotly's own
parallel coordinates make code of text, which the page forbids.
"""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import search_words
from promopilot.experiments.report.chart import (
    Chart,
    Trace,
    axis,
    label,
    labelled_rows,
    layout,
)
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.search_lines import BEST, Line, Look, lines_trace
from promopilot.experiments.report.search_view import Search, gain, gain_of, settings_of
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.trial import Trial, Value

_ROOM = 46  # px below a scale's name: the scale and its values
_UP = 12  # px of them above the values
_FAINTEST = 0.12  # opacity of the worst trial's line
_LEVELS = 7  # above that
_MOST_CHOICES = 8  # values of a choice that are written below its scale
_SHORT = 14  # characters of such a value


def tried_chart(search: Search) -> Chart:
    """One line per trial that has a gain; there is at least one."""
    names = [_name(domain) for domain in search.record.domains]
    rows = labelled_rows([*names, tr("gain on the validation flights")], _ROOM)
    heights = [at - _ROOM / 2 + _UP for at in rows.at]
    gains = [gain_of(trial) for trial in search.compared]
    ends = min(gains), max(gains)
    marks = [
        text
        for domain, y in zip(search.record.domains, heights, strict=False)
        for text in _values_below(domain, y)
    ]
    marks += [_below(at, heights[-1], search.percent(end)) for at, end in _ends(*ends)]
    scales = [_scale(y) for y in heights]
    return Chart(
        id="search-tried",
        title=tr("What was tried, and what it brought"),
        traces=_traces(search, heights, ends),
        layout=layout(
            xaxis=axis(visible=False, range=[-0.02, 1.02]),
            yaxis={**rows.axis, "showline": False},
            annotations=rows.names + marks,
            shapes=scales,
        ),
        height=rows.height + 16,
        note=_note(search),
    )


def _name(domain: Domain) -> str:
    """A setting's name, and that its scale is one of ratios where it is."""
    name = search_words.setting(domain.path)
    return tr("{} (log scale)").format(name) if domain.is_log else name


def position(domain: Domain, value: Value) -> float:
    """Where a value lies on its scale, from 0 to 1; values of a choice lie evenly spread."""
    if domain.kind == "choice":
        last = len(domain.values) - 1
        return domain.values.index(value) / last if last else 0.5
    low, high = (float(end) for end in domain.ends)
    found = float(value)
    if domain.is_log:
        low, high, found = math.log(low), math.log(high), math.log(found)
    return (found - low) / (high - low)


def hover(search: Search, trial: Trial) -> str:
    """A trial's number, gain and settings, a line each, as plotly reads them."""
    values = [f"{name}: {shown}" for name, shown in settings_of(search, trial)]
    head = tr("{}: {}").format(
        search_words.trial_name(trial.number),
        tr("no gain") if trial.best is None else search.percent(trial.best.gain_pct),
    )
    ended = search_words.status(trial.status)
    return "<br>".join(label(line) for line in (head, ended, *values))


def _traces(search: Search, heights: list[float], ends: tuple[float, float]) -> list[Trace]:
    """The worst first, so that better ones lie over them."""
    groups: dict[int, list[Line]] = {}
    for trial in sorted(search.compared, key=gain_of):
        if trial is not search.best:
            level = round(search.ranks[trial.number] * _LEVELS)
            groups.setdefault(level, []).append(_line(search, trial, heights, ends))
    many = len(search.compared) / 50  # the more there are, the fewer stand out
    looks = {
        level: Look("accent", _FAINTEST / (1 + many) + 0.68 * (level / _LEVELS) ** (2 + 2 * many))
        for level in groups
    }
    traces = [lines_trace(lines, looks[level], cliponaxis=False) for level, lines in groups.items()]
    if search.best is not None:
        best = _line(search, search.best, heights, ends)
        traces.append(lines_trace([best], BEST, cliponaxis=False))
    return traces


def _line(search: Search, trial: Trial, heights: list[float], ends: tuple[float, float]) -> Line:
    low, high = ends
    along = (gain_of(trial) - low) / (high - low) if high > low else 0.5
    places = [position(d, trial.parameters[d.path]) for d in search.record.domains]
    return Line([*places, along], heights, [hover(search, trial)] * len(heights))


def _scale(y: float) -> dict[str, Any]:
    line = {"color": "before", "width": 1.5}
    return {"type": "line", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line, "layer": "below"}


def _values_below(domain: Domain, y: float) -> list[dict[str, Any]]:
    if domain.kind != "choice":
        return [_below(at, y, search_words.value(end)) for at, end in _ends(*domain.ends)]
    shown = domain.values
    if len(shown) > _MOST_CHOICES or sum(len(str(value)) for value in shown) > 4 * _SHORT:
        shown = (shown[0], shown[-1])
    return [_below(position(domain, v), y, search_words.value(v)) for v in shown]


def _ends(low: Any, high: Any) -> list[tuple[float, Any]]:
    return [(0.5, low)] if low == high else [(0.0, low), (1.0, high)]


def _below(at: float, y: float, text: str) -> dict[str, Any]:
    side = {0.0: "left", 1.0: "right"}.get(at, "center")
    return {
        **{"x": at, "y": y + 20, "xanchor": side, "yanchor": "middle", "showarrow": False},
        "text": label(text, _SHORT, 1),
        "font": {"color": "muted", "size": 11.5},
        **{"bgcolor": "paper", "borderpad": 1},
    }


def _note(search: Search) -> Markup:
    shown, best = search.compared, search.best
    if best is None or len(shown) == 1:
        return Markup(tr("One trial has a gain: there is nothing to compare it with."))
    text = Markup(
        tr(
            "Each line is a trial, from the values that it had down to the gain it reached; the "
            "stronger the line, the better it did among the {}. The thick one is the best, {}: {}."
        )
    ).format(bare(len(shown), 0), search_words.trial_name(best.number), gain(search, best))
    left_out = len(search.trials) - len(shown)
    if left_out:
        text += tr(" ") + plural(left_out, _ONE_LEFT_OUT, _LEFT_OUT).format(left_out)
    return text


_ONE_LEFT_OUT = later("{} trial that failed or has no gain is not drawn.")
_LEFT_OUT = later("{} trials that failed or have no gain are not drawn.")
