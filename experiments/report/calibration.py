"""Were the forecasts and the logged probabilities right? Said against seen."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    WRAP,
    Chart,
    Trace,
    axis,
    label,
    layout,
    legend,
    padded,
)
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare, percent_sign
from promopilot.experiments.report.said_seen import Ends, as_said, dots

_CENT = 100.0
_MOST_ROWS = 20  # actions in the table of figures


def rewards_chart(shown: Evaluation) -> Chart:
    """What the forecast said of logged decisions, and what these brought."""
    bins, text = shown.seen["reward_calibration"], shown.rewards.text
    said, seen = [b["predicted"] for b in bins], [b["observed"] for b in bins]
    known = [v for b in bins for v in (b["low"], b["high"]) if v is not None]
    span = padded([*said, *seen, *known])
    marks = _dots(
        tr("{}s with like forecasts").format(shown.unit),
        said,
        seen,
        [(b["low"], b["high"]) for b in bins],
        [
            tr("said {}, brought {}").format(text(x), text(y))
            for x, y in zip(said, seen, strict=True)
        ],
    )
    place = "diagnostics.reward_calibration"
    return Chart(
        id=f"{shown.id}forecast",
        title=tr("What the forecast said, and what {}s brought").format(shown.unit),
        traces=[as_said(tr("as said"), span), marks],
        layout=layout(
            xaxis=axis(title=tr("forecast"), range=span, nticks=6, **shown.rewards.ticks),
            yaxis=axis(title=tr("brought"), range=span, nticks=6, **shown.rewards.ticks),
            **legend(),
        ),
        height=340,
        note=_rewards_note(shown, bins),
        columns=(
            tr("Forecast"),
            tr("Brought"),
            tr("{} interval").format(shown.sure),
            f"{shown.unit.capitalize()}s",
        ),
        rows=[
            (
                shown.reward(f"{place}.{at}.predicted", b["predicted"]),
                shown.reward(f"{place}.{at}.observed", b["observed"]),
                Markup(tr("{} to {}")).format(
                    shown.reward(f"{place}.{at}.low", b["low"]),
                    shown.reward(f"{place}.{at}.high", b["high"]),
                ),
                shown.count(f"{place}.{at}.units", b["units"]),
            )
            for at, b in enumerate(bins)
        ],
    )


def probabilities_chart(shown: Evaluation) -> Chart:
    """How often the policy takes each action, as it says and as the weighted log shows."""
    rows = shown.seen["propensity_calibration"]
    said = [_CENT * row["predicted"] for row in rows]
    seen = [_CENT * row["observed"] for row in rows]
    ends = [_interval(row) for row in rows]
    span = _shares_span(said, seen, ends)
    marks = _dots(
        tr("an action"),
        said,
        seen,
        ends,
        [
            tr("{}<br>says {:.3g} %, log shows {:.3g} %").format(
                label(str(row["action"]), WRAP), x, y
            )
            for row, x, y in zip(rows, said, seen, strict=True)
        ],
    )
    place = "diagnostics.propensity_calibration"
    scale = {"range": span, "nticks": 6, "ticksuffix": percent_sign()}
    return Chart(
        id=f"{shown.id}probabilities",
        title=tr("Are the log's probabilities right?"),
        traces=[as_said(tr("as said"), span), marks],
        layout=layout(
            xaxis=axis(title=tr("how often {} takes an action").format(shown.policy), **scale),
            yaxis=axis(title=tr("as the weighted log shows it"), **scale),
            **legend(),
        ),
        height=340,
        note=_probabilities_note(shown, rows),
        columns=(tr("Action"), tr("Policy says"), tr("Weighted log shows"), tr("Times logged")),
        rows=[
            (
                str(row["action"]),
                shown.share(f"{place}.{at}.predicted", row["predicted"], 2),
                shown.share(f"{place}.{at}.observed", row["observed"], 2),
                shown.count(f"{place}.{at}.units", row["units"]),
            )
            for at, row in enumerate(rows[:_MOST_ROWS])
        ],
    )


def _shares_span(said: list[float], seen: list[float], ends: list[Ends]) -> list[float]:
    """The range of an axis of shares: not beyond 0 and 100 % for the sake of an interval's end."""
    low, high = padded([0.0, *said, *seen, *(e for pair in ends for e in pair if e is not None)])
    least, most = padded([0.0, _CENT, *said, *seen], 0.04)
    return [max(low, least), min(high, most)]


def _interval(row: dict[str, Any]) -> Ends:
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return None, None
    return _CENT * low, _CENT * high


def _dots(
    name: str, said: list[float], seen: list[float], ends: list[Ends], hover: list[str]
) -> Trace:
    return dots(name, said, seen, ends) | {
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _held(rows: list[dict[str, Any]]) -> tuple[int, int]:
    """How many intervals hold what was said, and of how many; one without width is none."""
    known = [row for row in rows if None not in _interval(row) and row["low"] < row["high"]]
    return sum(row["low"] <= row["predicted"] <= row["high"] for row in known), len(known)


def _rewards_note(shown: Evaluation, bins: list[dict[str, Any]]) -> Markup:
    held, known = _held(bins)
    reached = tr("; here {} of {} intervals reach the line").format(held, known) if known else ""
    made = {
        "given": tr("The forecast is the one that was handed in."),
        "cross-fitted": (
            tr(
                "The forecast was learnt from the log, each {}'s by a model that had not seen it."
            ).format(shown.unit)
        ),
    }.get(str(shown.seen.get("reward_model")), "")
    return Markup(
        tr(
            "{} Weighted towards what {} would do. A dot on the dotted line says that "
            "{}s with this forecast brought it{}. Where they miss it, trust the ways of "
            "estimating that correct the forecast."
        )
    ).format(made, shown.policy, shown.unit, reached)


def _probabilities_note(shown: Evaluation, rows: list[dict[str, Any]]) -> Markup:
    held, known = _held(rows)
    made = (
        tr("The log does not say how likely each choice was, so this was estimated from it.")
        if shown.seen.get("propensities") == "estimated"
        else tr("The log says how likely each choice was.")
    )
    found = tr(" Here {} of {} intervals reach the line.").format(held, known) if known else ""
    more = len(rows) - _MOST_ROWS
    tail = tr(" The table shows the {} most frequent of {}.").format(
        _MOST_ROWS, bare(len(rows), 0)
    ) * (more > 0)
    return Markup(
        tr(
            "{} If that is right, each action is as frequent in the log, weighted "
            "towards {}, as {} says: on the dotted line.{}{}"
        )
    ).format(made, shown.policy, shown.policy, found, tail)
