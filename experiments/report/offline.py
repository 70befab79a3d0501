"""Offline evaluation: what a log of decisions says about the plan, and how far to trust it."""

from __future__ import annotations

from math import nan
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    legend,
    padded,
    upright,
)
from promopilot.experiments.report.section import Page, Section

_ROLLED_GAP = "abs ope:market.rolled_out_value - ope:market.true_value / ope:market.true_value"


def section(page: Page) -> Section:
    """Verdict, estimates beside the truth, usable evidence."""
    ope = page.run.ope
    headline, advice = words.VERDICTS.get(ope["verdict"], (words.spaced(ope["verdict"]), ""))
    view = {
        "headline": headline,
        "verdict": ope["verdict"],
        "advice": advice,
        "reasons": ope["reasons"],
        "evidence": words.EVIDENCE.get(ope["evidence"], ope["evidence"]),
        "decision": _decision(page),
        "facts": _facts(page) if ope["diagnostics"] else [],
        "charts": [_chart(page)] if _defined(ope) else [],
        "why_they_differ": ope.get("market", {}).get("why_they_differ", ""),
        "market": _market(page),
    }
    return Section(
        "evidence", "Evidence from a log of decisions", "evidence.html", view, "Evidence"
    )


def _defined(ope: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    return [
        (at, row)
        for at, row in enumerate(ope["estimates"])
        if row["estimate"] is not None and None not in row["ci95"]
    ]


def _chart(page: Page) -> Chart:
    ope = page.run.ope
    rows = _defined(ope)
    values = [row["estimate"] for _, row in rows]
    ends = [tuple(row["ci95"]) for _, row in rows]
    labels = [words.estimator(row["estimator"]) for _, row in rows]
    colors = ["muted"] * len(rows)
    market = ope.get("market")
    shapes = [upright(ope["logged_value"], "muted", "dot")]
    if market:
        shapes.append(upright(market["true_value"], "accent"))
        labels.append("the plan played for whole flights (another question)")
        values.append(market["rolled_out_value"])
        ends.append(tuple(market["rolled_out_ci95"]))
        colors.append("warm")
    amount = page.numbers.amount
    hover = [
        f"{amount(v)}<br>{amount(low)} to {amount(high)}"
        for v, (low, high) in zip(values, ends, strict=True)
    ]
    lines = labelled_rows(labels, DOT)
    shown = [v for pair in ends for v in pair] + [shape["x0"] for shape in shapes]
    return Chart(
        id="evidence",
        title="What one decision of the plan would bring",
        traces=[
            interval_rows(lines, values, ends, colors, hover),
            *_key_lines(market is not None),
        ],
        layout=layout(
            yaxis=lines.axis,
            xaxis=axis(
                tickprefix=page.numbers.symbol, nticks=6, zeroline=False, range=padded(shown)
            ),
            annotations=lines.names,
            shapes=shapes,
            **legend(),
        ),
        height=lines.height + 80,
        note=_note(page, rows),
        columns=("Estimated by", "What it trusts", "Estimate", "95 % interval", "More than logged"),
        rows=[_row(page, at, row) for at, row in rows],
    )


def _key_lines(truth: bool) -> list[dict[str, Any]]:
    lines = [("what the log brought", "muted", "dot")]
    if truth:
        lines.append(("true value in the market", "accent", "solid"))
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [None],
            "y": [None],
            "line": {"color": color, "dash": dash, "width": 1.5},
            "showlegend": True,
        }
        for name, color, dash in lines
    ]


def _row(page: Page, at: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    key, money, name = f"ope:estimates.{at}", page.numbers.money, row["estimator"]
    return (
        words.estimator(name),
        words.ESTIMATORS.get(name, ("", ""))[1],
        money(f"{key}.estimate", row["estimate"]),
        Markup("{} to {}").format(
            money(f"{key}.ci95.0", row["ci95"][0]), money(f"{key}.ci95.1", row["ci95"][1])
        ),
        money(f"{key}.diff_vs_logged", row["diff_vs_logged"], sign=True),
    )


def _note(page: Page, rows: list[tuple[int, dict[str, Any]]]) -> Markup:
    ope, money = page.run.ope, page.numbers.money
    logged = money("ope:logged_value", ope["logged_value"])
    better = sum(row["diff_ci95"][0] is not None and row["diff_ci95"][0] > 0 for _, row in rows)
    text = Markup(
        "What was logged brought {} per decision (dotted line). {} of {} ways of estimating find "
        "the plan's choices clearly better."
    ).format(logged, better, len(rows))
    market = ope.get("market")
    if market:
        true = market["true_value"]
        hit = sum(row["ci95"][0] <= true <= row["ci95"][1] for _, row in rows)
        text += Markup(
            " The log comes from our own market, so the truth is known: {} (solid line), inside "
            "{} of {} intervals{}."
        ).format(
            money("ope:market.true_value", true),
            hit,
            len(rows),
            "" if hit == len(rows) else ", which says how far the others can be trusted",
        )
    return text


def _market(page: Page) -> Markup:
    market = page.run.ope.get("market")
    if not market:
        return Markup("")
    money = page.numbers.money
    gap = market["rolled_out_value"] - market["true_value"]
    return Markup(
        "True value of the plan's choices at the logged moments: {}. The plan played for whole "
        "flights: {} ({} to {}) per decision, {} {}."
    ).format(
        money("ope:market.true_value", market["true_value"]),
        money("ope:market.rolled_out_value", market["rolled_out_value"]),
        money("ope:market.rolled_out_ci95.0", market["rolled_out_ci95"][0]),
        money("ope:market.rolled_out_ci95.1", market["rolled_out_ci95"][1]),
        page.numbers.share(
            _ROLLED_GAP, abs(gap / true) if (true := market["true_value"]) else nan, 1
        ),
        "more" if gap > 0 else "less",
    )


def _decision(page: Page) -> Markup:
    market = page.run.ope.get("market")
    if not market:
        return Markup("")
    text = (
        "A decision fills one part in {} of a day's expected exposures of a placement and segment "
        "with one promotion, or with none. The log tries things at random in {} of its decisions."
    )
    return Markup(text).format(
        page.numbers.count("ope:market.blocks_per_pool_and_day", market["blocks_per_pool_and_day"]),
        page.numbers.share("ope:market.exploration", market["exploration"]),
    )


def _facts(page: Page) -> list[tuple[str, Markup, str]]:
    ope, numbers = page.run.ope, page.numbers
    seen = ope["diagnostics"]
    return [
        (
            "Usable evidence",
            numbers.count("ope:diagnostics.ess", seen["ess"]),
            Markup(
                "decisions' worth, {} of the log: the rest is too unlike what the plan would do"
            ).format(numbers.share("ope:diagnostics.ess_share", seen["ess_share"])),
        ),
        (
            "Largest weight",
            numbers.decimal("ope:diagnostics.max_weight", seen["max_weight"], 1),
            "decisions of the plan stand behind the one logged decision that counts most",
        ),
        (
            "Never logged",
            numbers.share("ope:diagnostics.unsupported_share", seen["unsupported_share"], 1),
            "of the plan's choices were never tried in the log",
        ),
        (
            "Decisions logged",
            numbers.count("ope:rows", ope["rows"]),
            f"on {seen['units']:,} independent days of simulated flights"
            if ope["evidence"] == "simulated"
            else f"in {seen['units']:,} independent groups",
        ),
    ]
