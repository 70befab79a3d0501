"""The rows of the table of policies, and what of them can be compared."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, BOUND, HINDSIGHT
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.gain import is_base
from promopilot.experiments.report.headroom import LEARNT
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.section import Page

Row = dict[str, Any]  # what is said of a policy: its entry in `policies` of metrics.json


def in_percent_of_baseline(figures: dict[str, Row]) -> bool:
    """Whether gains over the baseline can be told in per cent of what it brings."""
    base = figures[BASELINE]
    others = [row[mean_key(row)] for name, row in figures.items() if name != BOUND]
    # A gain on what brings 0 has no percentage, and the files then hold none.
    told = "vs_replanner_pct" in base
    return told and is_base(base["value_mean"], base["value_ci95"][0], others)


def order(figures: dict[str, Row]) -> list[str]:
    """From the best; always first who knew how flights go, whose mean rests on fewer of them."""
    played = [name for name in figures if name != BOUND]
    return sorted(
        played, key=lambda name: (name != HINDSIGHT, -figures[name][mean_key(figures[name])])
    )


def mean_key(row: Row) -> str:
    """Of the mean that can be compared with those of policies on all flights."""
    return "value_all_flights" if on_fewer(row) else "value_mean"


def on_fewer(row: Row) -> bool:
    """Whether a policy met only the first of the flights that others met."""
    return "value_all_flights" in row


def policy_row(page: Page, name: str, row: Row) -> tuple[Cell, ...]:
    """A policy's figures; its gain over the baseline is paired on the flights of both."""
    key, numbers, goal = f"simulations:policies.{name}", page.numbers, page.run.world.objective
    mean, (low, high) = mean_key(row), row["value_ci95"]
    told = name != BASELINE and in_percent_of_baseline(page.run.simulations["policies"])
    below, above = row["vs_replanner_ci95"] if told else (None, None)
    closed = row.get("gap_closed") if name in LEARNT else None
    to = Markup(tr("{} to {}"))
    return (
        words.policy(name),
        numbers.count(f"{key}.flights", row["flights"]),
        numbers.outcome(f"{key}.{mean}", row[mean], goal),
        # That of fewer flights is around another mean.
        NONE
        if on_fewer(row)
        else to.format(
            numbers.outcome(f"{key}.value_ci95.0", low, goal),
            numbers.outcome(f"{key}.value_ci95.1", high, goal),
        ),
        numbers.percent(f"{key}.vs_replanner_pct", row["vs_replanner_pct"] if told else None, 2),
        to.format(
            numbers.percent(f"{key}.vs_replanner_ci95.0", below, 2),
            numbers.percent(f"{key}.vs_replanner_ci95.1", above, 2),
        )
        if told
        else NONE,
        NONE if closed is None else numbers.share(f"{key}.gap_closed", closed),
        numbers.percent(f"{key}.pct_of_clairvoyant", row.get("pct_of_clairvoyant"), 1, sign=False),
        Markup(tr("{} ms")).format(numbers.decimal(f"{key}.decision_ms", row["decision_ms"], 3)),
    )
