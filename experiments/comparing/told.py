"""Comparisons as text, as the command prints them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.report.compared_words import NAMES, nothing_outside, outside_texts

_NONE = "\N{EN DASH}"
_COUNTS = ("expected_impressions", "expected_clicks", "expected_conversions", "conversions")
_LISTED = 10  # promotions that left their range
_SHOWN = 5  # promotions whose money moves most


def told_plans(document: dict[str, Any], written: Sequence[Path]) -> str:
    """Totals side by side, the promotions whose money moves most, and the paired prediction."""
    first, *others = document["sides"]
    head = f"{'':<26}{_column(first)}"
    lines = [_days(document), "", head + "".join(_column(n) + _column("diff.") for n in others)]
    for row in document["rows"]:
        if row["level"] == "total":
            measure = row["measure"]
            cells = [_amount(measure, row["values"][0])]
            for value, gap in zip(row["values"][1:], row["differences"], strict=True):
                cells += [_amount(measure, value), _amount(measure, gap, "+")]
            lines.append(f"{NAMES[measure]:<26}" + "".join(map(_column, cells)))
    moved = [
        row
        for row in document["rows"]
        if row["level"] == "promotion" and row["measure"] == "planned_budget"
    ]
    lines += ["", "Planned spend that differs most:"]
    for row in moved[:_SHOWN]:
        told = " | ".join(_amount(row["measure"], value) for value in row["values"])
        lines.append(f"- {document['names'].get(row['key'], row['key'])}: {told}")
    lines += ["", paired_text(document["paired"], document["currency"])]
    return _ended(lines, document["notes"], written)


def paired_text(paired: dict[str, Any], currency: str) -> str:
    """The prediction of each plan on the same flights, in sentences."""
    if "why_not" in paired:
        return f"Predictions are not paired flight by flight: {paired['why_not']}."
    goal, parts = paired["objective"].replace("_", " "), []
    money = "" if paired["objective"] == "conversions" else f" {currency}"
    for name, row in paired["differences"].items():
        low, high = row["ci95"]
        parts.append(
            f"{name} brings {row['mean']:+,.2f}{money} {goal} against {row['to']} (95 % "
            f"interval {low:+,.2f} to {high:+,.2f})"
        )
    return f"On the same {paired['flights']} simulated flights {'; '.join(parts)}."


def told_actuals(document: dict[str, Any], written: Sequence[Path]) -> str:
    """Planned and actual totals, and every promotion that left its range."""
    total = document["rows"][-1]
    names = ("", "planned", "due by now", "actual", "difference")
    lines = [_days(document), "", _line(names) + "  8 of 10 flights"]
    for measure in (name for name in NAMES if name in total):
        cell = total[measure]
        gap = None if cell["actual"] is None else cell["actual"] - cell["due"]
        amounts = [_amount(measure, cell[part]) for part in ("planned", "due", "actual")]
        told = (NAMES[measure], *amounts, _amount(measure, gap, "+"))
        lines.append(f"{_line(told)}  {_range(measure, cell)}")
    outside = outside_texts(document)
    lines += ["", *(f"- {text}" for text in outside[:_LISTED])]
    if len(outside) > _LISTED:
        lines.append(f"- and {len(outside) - _LISTED} more; the page lists them all")
    lines += [] if outside else [nothing_outside()]
    return _ended(lines, document["notes"], written)


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    return f"{first:<20}" + "".join(f"{cell:>15}" for cell in others)


def _amount(measure: str, value: float | None, sign: str = "") -> str:
    """Counts as whole numbers, money in cents and ratios alike."""
    decimals = 0 if measure in _COUNTS else 2
    return _NONE if value is None else f"{value:{sign},.{decimals}f}"


def _range(measure: str, cell: dict[str, Any]) -> str:
    if "low" not in cell:
        return _NONE
    out = f", {cell['outside']} it" if "outside" in cell else ""
    return f"{_amount(measure, cell['low'])} to {_amount(measure, cell['high'])}{out}"


def _column(text: str) -> str:
    """Right-aligned; what is too long for its column keeps a space before it."""
    return f" {text:>17}"


def _days(document: dict[str, Any]) -> str:
    what = "weeks" if document.get("weekly") else "days"
    return (
        f"{document['days']} {what}, {document['first']} to {document['last']}, in "
        f"{document['currency']}"
    )


def _ended(lines: list[str], notes: Sequence[str], written: Sequence[Path]) -> str:
    lines += [f"Note: {note}" for note in notes]
    return "\n".join([*lines, f"Wrote {' and '.join(str(path) for path in written)}"])
