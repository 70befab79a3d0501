"""How far the predictions can be trusted: rates said and seen, and where counts fell."""

from __future__ import annotations

from math import log10
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Cell, Chart, axis, layout, legend
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import NONE, percent_sign, percent_text
from promopilot.experiments.report.said_seen import as_said, dots
from promopilot.experiments.report.section import Page

# What 80 % ranges should hold, give or take: the goal that the project set itself.
HONEST = (0.75, 0.85)
_CENT = 100.0


def charts(page: Page) -> list[Chart]:
    """The charts that the run's scores have figures for."""
    scores = page.run.scores
    found = [_said_and_seen(page)] if scores.get("reliability") else []
    if _coverage(scores) is not None:
        found.append(_where_counts_fell(page))
    return found


def facts(page: Page) -> list[tuple[str, Markup, str]]:
    """Coverage, apart for promotions that were known and that were not."""
    told: list[tuple[str, Markup, str]] = []
    for at, part in enumerate(page.run.scores.get("coverage", [])):
        name = _PROMOTIONS.get(part["which"])
        if name is None or part["items"] < _ENOUGH:
            continue
        key = f"scores:test.coverage.{at}"
        told.append(
            (
                tr("Inside their 80 % range, {}").format(tr(name)),
                page.numbers.share(f"{key}.coverage", part["coverage"]),
                Markup(tr("of {} line items with at least 20 expected events")).format(
                    page.numbers.count(f"{key}.items", part["items"])
                ),
            )
        )
    return told


_PROMOTIONS = {
    "seen": later("promotions known from the past"),
    "new": later("new promotions of known groups"),
    "unknown_group": later("promotions of groups never seen"),
}
_ENOUGH = 10  # line items for a share of them to say something


def _coverage(scores: dict[str, Any]) -> int | None:
    """Where the coverage of all promotions stands, if enough line items were judged."""
    for at, part in enumerate(scores.get("coverage", [])):
        if part["which"] == "all" and part["items"] >= _ENOUGH:
            return at
    return None


def _said_and_seen(page: Page) -> Chart:
    bins = page.run.scores["reliability"]
    ends = [_ends(part) for part in bins]
    rates = [
        (part["predicted"], part["observed"], *end) for part, end in zip(bins, ends, strict=True)
    ]
    # Rates of line items differ by factors, so that the axes do too; what is 0 stands at the edge.
    floor = 0.7 * min(rate for row in rates for rate in row if rate > 0)
    top = 1.4 * max(rate for row in rates for rate in row)
    shown = [[_CENT * max(rate, floor) for rate in row] for row in rates]
    said, seen, low, high = (list(column) for column in zip(*shown, strict=True))
    scale = {"type": "log", "range": [log10(_CENT * floor), log10(_CENT * top)]}
    scale |= {"ticksuffix": percent_sign(), "dtick": "D2"}
    marks = dots(tr("a tenth of the exposures"), said, seen, list(zip(low, high, strict=True)))
    marks |= {"hovertemplate": tr("said %{x:.2f} %, seen %{y:.2f} %<extra></extra>")}
    line = as_said(tr("seen as said"), [_CENT * floor, _CENT * top])
    return Chart(
        id="reliability",
        title=tr("Said and seen"),
        traces=[line, marks],
        layout=layout(
            xaxis=axis(title=tr("said before"), **scale),
            yaxis=axis(title=tr("seen"), **scale),
            **legend(),
        ),
        height=340,
        note=_reliability_note(page, bins, ends),
        columns=(
            tr("Exposures with like predictions"),
            tr("Said"),
            tr("Seen"),
            tr("95 % interval"),
        ),
        rows=[_bin_row(page, at, part, ends[at]) for at, part in enumerate(bins)],
    )


def _ends(part: dict[str, Any]) -> tuple[float, float]:
    """The wider interval that is known: whole groups resampled, else of independent exposures."""
    if part["low"] is None or part["high"] is None:
        return part["binomial_low"], part["binomial_high"]
    return min(part["low"], part["binomial_low"]), max(part["high"], part["binomial_high"])


def _bin_row(
    page: Page, at: int, part: dict[str, Any], ends: tuple[float, float]
) -> tuple[Cell, ...]:
    key = f"scores:test.reliability.{at}"
    names = [name if part[name] in ends else f"binomial_{name}" for name in ("low", "high")]
    share = page.numbers.share
    low, high = (share(f"{key}.{name}", value, 3) for name, value in zip(names, ends, strict=True))
    return (
        tr("tenth {}, from the lowest").format(part["bin"] + 1),
        share(f"{key}.predicted", part["predicted"], 3),
        share(f"{key}.observed", part["observed"], 3),
        Markup(tr("{} to {}")).format(low, high),
    )


def _reliability_note(
    page: Page, bins: list[dict[str, Any]], ends: list[tuple[float, float]]
) -> Markup:
    hit = sum(
        low <= part["predicted"] <= high for part, (low, high) in zip(bins, ends, strict=True)
    )
    text = Markup(
        tr(
            "Exposures are sorted by what was predicted and cut into {} parts of like "
            "size. A dot on the line means that “{}” followed as often as said; bars are "
            "95 % intervals, and {} of {} of them hold what was said."
        )
    ).format(len(bins), page.run.second_event, hit, len(bins))
    if hit < 0.7 * len(bins):
        text += Markup(tr(" The level or the spread of the predictions was off in these days."))
    return text


def _where_counts_fell(page: Page) -> Chart:
    scores = page.run.scores
    at = _coverage(scores)
    part = scores["coverage"][at]
    shares = [100 * share for share in part["pit"]]
    count = len(shares)
    even = 100 / count
    names = [
        tr("{} to {} %").format(100 * i // count, 100 * (i + 1) // count) for i in range(count)
    ]
    inside = [0 < i < count - 1 for i in range(count)]
    return Chart(
        id="predicted-range",
        title=tr("Where the counts fell in their predicted range"),
        traces=[
            {
                "type": "bar",
                "name": tr("line items"),
                "x": list(range(count)),
                "y": shares,
                "marker": {"color": ["accent" if middle else "warm" for middle in inside]},
                "text": names,
                "textposition": "none",
                "hovertemplate": tr(
                    "%{text} of the range: %{y:.1f} % of line items<extra></extra>"
                ),
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": tr("if the ranges are honest"),
                "x": [-0.5, count - 0.5],
                "y": [even, even],
                "line": {"color": "muted", "width": 1.5, "dash": "dot"},
                "hoverinfo": "skip",
            },
        ],
        layout=layout(
            xaxis=axis(
                title=tr("from the low end of the range to the high end"),
                tickvals=[0, (count - 1) / 2, count - 1],
                ticktext=[tr("low"), tr("middle"), tr("high")],
                range=[-0.6, count - 0.4],
            ),
            yaxis=axis(ticksuffix=percent_sign(), rangemode="tozero", nticks=5),
        ),
        height=260,
        note=_range_note(page, f"scores:test.coverage.{at}", part),
        columns=(tr("Part of the range"), tr("Line items there"), tr("If honest")),
        rows=[
            (
                names[i],
                page.numbers.share(f"scores:test.coverage.{at}.pit.{i}", part["pit"][i], 1),
                percent_text(even, 0),
            )
            for i in range(count)
        ],
    )


def _range_note(page: Page, key: str, part: dict[str, Any]) -> Markup:
    numbers = page.numbers
    interval = (
        Markup(tr(" ({} to {})")).format(
            numbers.share(f"{key}.low", part["low"]), numbers.share(f"{key}.high", part["high"])
        )
        if part["low"] is not None and part["high"] is not None
        else Markup("")
    )
    text = Markup(
        tr(
            "Each prediction comes with a range, and 80 % of line items should end up "
            "between its two orange ends. {}{} did, of {} with at least 20 expected "
            "events: "
        )
    ).format(
        numbers.share(f"{key}.coverage", part["coverage"]),
        interval,
        numbers.count(f"{key}.items", part["items"]) if part["items"] else NONE,
    )
    if part["coverage"] < HONEST[0]:
        return text + Markup(
            tr("the ranges are too narrow, so the plan is surer than it should be.")
        )
    if part["coverage"] > HONEST[1]:
        return text + Markup(
            tr("the ranges are wider than needed, so the plan is rather cautious.")
        )
    return text + Markup(tr("about as it should be."))
