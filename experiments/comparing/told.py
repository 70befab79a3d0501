"""Comparisons as text, as the command prints them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_NONE = "\N{EN DASH}"
NAMES = {
    "planned_budget": "planned spend",
    "expected_impressions": "exposures",
    "expected_clicks": "clicks",
    "expected_conversions": "orders",
    "expected_conversion_value": "revenue",
    "expected_subsidy": "discounts",
    "expected_profit": "profit before media",
    "expected_net_profit": "profit less planned spend",
    "expected_roas": "ROAS",
    "expected_poas": "POAS",
    "expected_cpa": "CPA",
    "spend": "spend",
    "conversions": "orders",
    "conversion_value": "revenue",
    "profit": "profit before media",
}
_COUNTS = ("expected_impressions", "expected_clicks", "expected_conversions")
_LISTED = 10  # promotions that left their range
_SHOWN = 5  # promotions whose money moves most


def told_plans(document: dict[str, Any], written: Sequence[Path]) -> str:
    """Totals side by side, the promotions whose money moves most, and the paired prediction."""
    first, *others = document["sides"]
    head = f"{'':<26}{_column(first)}"
    lines = [_days(document), "", head + "".join(_column(n) + _column("diff.") for n in others)]
    for row in document["rows"]:
        if row["level"] == "total":
            cells = [_figure(row, row["values"][0])]
            for value, gap in zip(row["values"][1:], row["differences"], strict=True):
                cells += [_figure(row, value), _figure(row, gap, "+")]
            lines.append(f"{NAMES[row['measure']]:<26}" + "".join(map(_column, cells)))
    moved = [
        row
        for row in document["rows"]
        if row["level"] == "promotion" and row["measure"] == "planned_budget"
    ]
    lines += ["", "Planned spend that differs most:"]
    for row in moved[:_SHOWN]:
        told = " | ".join(_cell(value) for value in row["values"])
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
            f"{name} brings {_signed(row['mean'])}{money} {goal} against {row['to']} (95 % "
            f"interval {_signed(low)} to {_signed(high)})"
        )
    return f"On the same {paired['flights']} simulated flights {'; '.join(parts)}."


def told_actuals(document: dict[str, Any], written: Sequence[Path]) -> str:
    """Planned and actual totals, and every promotion that left its range."""
    lines = [_days(document), ""]
    total = document["rows"][-1]
    head = f"{'':<22}{'planned':>16}{'actual':>16}{'difference':>16}  8 of 10 flights"
    lines.append(head)
    for measure, name in NAMES.items():
        if measure not in total:
            continue
        cell = total[measure]
        gap = None if cell["actual"] is None else cell["actual"] - cell["planned"]
        lines.append(
            f"{name:<22}{_cell(cell['planned']):>16}{_cell(cell['actual']):>16}"
            f"{_signed(gap):>16}  {_range(cell)}"
        )
    outside = outside_texts(document)
    lines += ["", *(f"- {text}" for text in outside[:_LISTED])]
    if len(outside) > _LISTED:
        lines.append(f"- and {len(outside) - _LISTED} more; the page lists them all")
    if not outside:
        lines.append("No promotion left the range that was foreseen for it.")
    return _ended(lines, document["notes"], written)


def outside_texts(document: dict[str, Any]) -> list[str]:
    """A sentence for each promotion whose orders or profit left the range."""
    found = []
    for row in document["rows"][:-1]:
        key = row["promotion_id"]
        measure = next((name for name in ("conversions", "profit") if "outside" in row[name]), None)
        if measure is not None:
            cell, name = row[measure], document["names"].get(key, key)
            found.append(
                f"{name} brought {_whole(cell['actual'])} {NAMES[measure]}, {cell['outside']} the "
                f"{_whole(cell['low'])} to {_whole(cell['high'])} of 8 in 10 flights."
            )
    return found


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _column(text: str) -> str:
    """Right-aligned; what is too long for its column keeps a space before it."""
    return f" {text:>17}"


def _figure(row: dict[str, Any], value: float | None, sign: str = "") -> str:
    decimals = 0 if row["measure"] in _COUNTS else 2
    return _NONE if value is None else f"{value:{sign},.{decimals}f}"


def _range(cell: dict[str, Any]) -> str:
    if "low" not in cell:
        return _NONE
    out = f", {cell['outside']} it" if "outside" in cell else ""
    return f"{_cell(cell['low'])} to {_cell(cell['high'])}{out}"


def _days(document: dict[str, Any]) -> str:
    what = "weeks" if document.get("weekly") else "days"
    return (
        f"{document['days']} {what}, {document['first']} to {document['last']}, in "
        f"{document['currency']}"
    )


def _ended(lines: list[str], notes: Sequence[str], written: Sequence[Path]) -> str:
    lines += [f"Note: {note}" for note in notes]
    return "\n".join([*lines, f"Wrote {' and '.join(str(path) for path in written)}"])


def _cell(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.2f}"


def _signed(value: float | None) -> str:
    return _NONE if value is None else f"{value:+,.2f}"
