"""How much single logged decisions count: the weights, and what lowering the largest changes."""

from __future__ import annotations

from math import floor, log2, log10
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    Chart,
    axis,
    layout,
    legend,
)
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare, percent_sign

_CENT = 100.0
_TO = "\N{EN DASH}"
_SMALL = 1 / 16  # what counts less than this hardly counts
_MOST_BARS = 6  # of those that count more; with zeros and the small ones what a phone has room for
_IN_LINE = 5  # bars whose names fit in one line
_MOST_DECIMALS = 7


def weights_chart(shown: Evaluation) -> Chart:
    """Shares of the logged decisions, and of the evidence, by weight."""
    bins = shown.seen["weight_histogram"]
    total = sum(part["units"] for part in bins)
    bars = joined_bins(bins)
    names = [_range(part) for part in bars]
    # Upright and in two lines, many fit a phone's width.
    ticks = [name.replace(_TO, f"{_TO}<br>") if len(bars) > _IN_LINE else name for name in names]
    held = [_CENT * part["units"] / total for part in bars]
    carried = [_CENT * part["weight_share"] for part in bars]
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": ticks,
            "hovertext": names,
            "y": values,
            "marker": {"color": color},
            "hovertemplate": tr("weight %{hovertext}: %{y:.1f} %<extra></extra>"),
        }
        for name, values, color in (
            (tr("of the {}s").format(shown.unit), held, "before"),
            (tr("of the evidence"), carried, "accent"),
        )
    ]
    return Chart(
        id=f"{shown.id}weights",
        title=tr("How much single {}s count").format(shown.unit),
        traces=traces,
        layout=layout(
            xaxis=axis(title=tr("weight"), type="category", showgrid=False, tickangle=0),
            yaxis=axis(ticksuffix=percent_sign(), rangemode="tozero", nticks=6),
            bargroupgap=0.05,
            **legend(),
        ),
        height=320,
        note=_weights_note(shown, bins, total),
        columns=(tr("Weight"), tr("Logged {}s").format(shown.unit), tr("Share of the evidence")),
        rows=[
            (
                _range(part),
                shown.count(f"diagnostics.weight_histogram.{at}.units", part["units"]),
                shown.share(
                    f"diagnostics.weight_histogram.{at}.weight_share", part["weight_share"], 1
                ),
            )
            for at, part in enumerate(bins)
        ],
    )


def clipping_chart(shown: Evaluation) -> Chart:
    """The estimate with the largest weights lowered to a cap, for several caps."""
    table = shown.seen["clip_sensitivity"]
    rows = [(at, row) for at, row in enumerate(table) if _is_known(row)]
    logged, text = shown.ope["logged_value"], shown.rewards.text
    dots = [
        (
            _capped(shown, row),
            row["estimate"],
            (row["low"], row["high"]),
            "muted",
            tr("{}<br>{} to {}").format(*(text(row[k]) for k in ("estimate", "low", "high"))),
        )
        for _, row in rows
    ]
    return interval_chart(
        f"{shown.id}clipping",
        tr("If the largest weights were lowered"),
        dots,
        _clipping_note(shown, [row for _, row in rows]),
        ticks=shown.rewards.ticks,
        lines=((logged, "muted", "dot"),),
        columns=(
            tr("Largest weight"),
            tr("Estimate"),
            tr("{} interval").format(shown.sure),
            tr("Weights lowered"),
        ),
        figures=[
            (
                shown.numbers.decimal(
                    shown.key(f"diagnostics.clip_sensitivity.{at}.cap"), row["cap"], 1
                ),
                shown.reward(f"diagnostics.clip_sensitivity.{at}.estimate", row["estimate"]),
                Markup(tr("{} to {}")).format(
                    shown.reward(f"diagnostics.clip_sensitivity.{at}.low", row["low"]),
                    shown.reward(f"diagnostics.clip_sensitivity.{at}.high", row["high"]),
                ),
                shown.share(f"diagnostics.clip_sensitivity.{at}.clip_share", row["clip_share"], 1),
            )
            for at, row in rows
        ],
    )


def has_clipping(shown: Evaluation) -> bool:
    """Whether there are caps to compare."""
    return sum(_is_known(row) for row in shown.seen.get("clip_sensitivity", ())) > 1


def _is_known(row: dict[str, Any]) -> bool:
    return None not in (row["cap"], row["estimate"], row["low"], row["high"])


def joined_bins(bins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bins of the weights joined to as few as a phone has room for.

    Zeros stay alone, what counts less than 1/16 becomes one bin, and the others span the smallest
    power of 2 with which they are no more than six.
    """
    step = 1
    while len({_place(part, step) for part in bins if part["to"] > _SMALL}) > _MOST_BARS:
        step *= 2
    bars: dict[tuple[int, int], dict[str, Any]] = {}
    for part in bins:
        bar = bars.setdefault(
            _place(part, step), {"from": part["from"], "to": 0.0, "units": 0, "weight_share": 0.0}
        )
        bar["to"] = part["to"]
        bar["units"] += part["units"]
        bar["weight_share"] += part["weight_share"]
        if 0 < part["to"] <= _SMALL:
            bar["from"] = 0.0
    return list(bars.values())


def _place(part: dict[str, Any], step: int) -> tuple[int, int]:
    """Which bar a bin belongs to, for bars that span 2^step."""
    if part["to"] <= _SMALL:
        return (1, 0) if part["to"] > 0 else (0, 0)
    return 2, floor(log2(part["from"]) / step)


def _range(part: dict[str, Any]) -> str:
    low, high = part["from"], part["to"]
    if high == 0:
        return "0"
    return f"{_short(low)}{_TO}{_short(high)}" if low > 0 else f"<\N{NO-BREAK SPACE}{_short(high)}"


def _short(value: float) -> str:
    """A weight in few characters: 4, 0.25, 0.06, 0.016, 2,048."""
    if value >= 1:
        return bare(value, 0)
    digits = 2 if value >= _SMALL else 1 - floor(log10(value))  # two significant ones
    return bare(value, digits).rstrip("0") if digits <= _MOST_DECIMALS else f"{value:.0e}"


def _capped(shown: Evaluation, row: dict[str, Any]) -> str:
    cap = bare(row["cap"], 1)
    if not row["clip_share"]:
        return tr("no weight lowered (the largest is {})").format(cap)
    return tr("at most {}: {} % of the {}s lowered").format(
        cap, bare(_CENT * row["clip_share"], 1), shown.unit
    )


def _weights_note(shown: Evaluation, bins: list[dict[str, Any]], total: int) -> Markup:
    text = Markup(
        tr(
            "A weight says how many {}s of {} stand behind a logged one: 0 where {} would never do "
            "what was done, 1 where it would do it as often."
        )
    ).format(shown.unit, shown.policy, shown.policy)
    if "tail_mass" in shown.seen:
        text += Markup(
            tr(
                " The 1 % that count most carry {} of the evidence: the more it is, the more the "
                "answer hangs on few."
            )
        ).format(shown.share("diagnostics.tail_mass", shown.seen["tail_mass"]))
    if bins and bins[0]["to"] == 0:
        text += Markup(tr(" {} of {} say nothing, as their weight is 0.")).format(
            shown.count("diagnostics.weight_histogram.0.units", bins[0]["units"]), f"{total:,}"
        )
    return text


def _clipping_note(shown: Evaluation, rows: list[dict[str, Any]]) -> Markup:
    logged = shown.ope["logged_value"]
    sides = {row["estimate"] > logged for row in rows}
    head = tr(
        "Lowering the largest weights makes the estimate steadier and pulls it from what the "
        "policy would do. "
    )
    if len(sides) == 1:
        side = tr("above") if sides == {True} else tr("below")
        tail = tr("All stay {} what was logged (dotted line).").format(side)
    else:
        tail = tr(
            "Here it changes sides of what was logged (dotted line): the answer hangs on the "
            "few {}s that count most."
        ).format(shown.unit)
    return Markup("{}{}").format(head, tail)
