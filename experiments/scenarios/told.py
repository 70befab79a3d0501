"""Scenarios as text, as the command prints them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.scenarios.falling import why_falling

_NONE = "\N{EN DASH}"
ROLES = {
    "run": "the run's budget",
    "current_mix": "the current mix's spend",
    "break_even": "more would not pay",
}
MEASURES = {
    "profit": "profit before media",
    "net_profit": "net profit",
    "revenue": "revenue",
    "conversions": "orders",
    "roas": "ROAS",
    "poas": "POAS",
    "cpa": "CPA",
}
_FALLING = {
    "discounts": "the larger plan holds that money, and more, for discounts",
    "stock": "a promotion sells out on earlier days, and what is left is kept",
    "limits": "your limits tie days and promotions together",
}
_COUNTS = ("conversions",)
_RATIOS = ("roas", "poas")


def told(document: dict[str, Any], written: Sequence[Path]) -> str:
    """The table of budgets, then the answers in sentences.

    Args:
        document: The content of `scenarios.json`.
        written: Files that hold it.
    """
    lines = [*_table(document), "", break_even_text(document)]
    lines += [target_text(row, document["currency"]) for row in document["targets"]]
    lines += [f"- {limit_text(row, document)}" for row in document["limits"]]
    lines.append(f"Wrote {' and '.join(str(path) for path in written)}")
    return "\n".join(lines)


def _table(document: dict[str, Any]) -> list[str]:
    discounts = "subsidy" in document["covers"]
    name = "marginal_net_profit" if discounts else "marginal_poas"
    rows = [(row["budget"], _planned(row, name)) for row in document["scenarios"]]
    rows += [
        (one["budget"], f"{one['budget']:>14,.2f}  cannot be kept at this budget: {one['why']}")
        for one in document["refused"]
    ]
    money = document["currency"]
    following = f"profit before media of the next 1.00 {money} of media"
    if discounts:
        following = f"profit after media of the next 1.00 {money} of budget, 0 where it breaks even"
    lines = [
        f"{'budget':>14} {'planned':>14} {'profit':>14} {'after media':>14} "
        f"{'8 of 10 flights':>29} {'orders':>12} {'ROAS':>6} {'POAS':>6} {'CPA':>9} "
        f"{'next 1.00':>9}",
        *(line for _, line in sorted(rows)),
        f"next 1.00: {following}; {_NONE} where more budget would not be used",
    ]
    return lines + notes(document)


def notes(document: dict[str, Any]) -> list[str]:
    """What needs a word in the table of budgets: subsidy out of the budget, planned money falling.

    Args:
        document: The content of `scenarios.json`.
    """
    told = []
    if "subsidy" in document["covers"]:
        told.append(
            "The budget pays for discounts too: planned is media alone, and what it is expected to "
            "cause in discounts is held back."
        )
    if why := why_falling(document):
        told.append(
            "Planned media falls between two budgets although the larger one allows more: "
            f"{_FALLING[why]}."
        )
    return told


def _planned(row: dict[str, Any], following: str) -> str:
    ends = f"{row['net_profit_p10']:,.0f} … {row['net_profit_p90']:,.0f}"
    roles = ", ".join(ROLES[role] for role in row["role"].split())
    return (
        f"{row['budget']:>14,.2f} {row['planned_budget']:>14,.2f} {row['profit']:>14,.2f} "
        f"{row['net_profit']:>14,.2f} {ends:>29} {row['conversions']:>12,.1f} "
        f"{_number(row['roas']):>6} {_number(row['poas']):>6} {_number(row['cpa']):>9} "
        f"{_number(row[following]):>9}{f'  {roles}' if roles else ''}"
    )


def break_even_text(document: dict[str, Any]) -> str:
    """Where the next unit stops paying, in one sentence."""
    found, money = document["break_even"], document["currency"]
    budget = f"{found['budget']:,.2f} {money}"
    match found["kind"]:
        case "crosses":
            return (
                f"Up to a budget of {budget} more money brings more profit than its media costs; "
                "beyond it, less."
            )
        case "no_use":
            return (
                f"More money pays up to a budget of {budget}; beyond it, little or nothing more "
                "would be spent: on the day it would cost more than it brings, finds no exposures "
                "to buy, or is held back by a limit."
            )
        case "always_pays":
            return f"Even at {budget}, the largest budget tried, more money still pays."
    return (
        f"Even at {budget}, the smallest budget tried that keeps the limits, more money brings "
        "less profit than its media costs."
    )


def target_text(row: dict[str, Any], currency: str) -> str:
    """The answer to one target, in one or two sentences."""
    name, measure = MEASURES[row["measure"]], row["measure"]
    goal, got = _shown(measure, row["target"], currency), _shown(measure, row["value"], currency)
    budget = f"{row['budget']:,.2f} {currency}"
    bound = "at most" if measure == "cpa" else "at least"
    if not row["met"]:
        return (
            f"No budget attains {name} of {bound} {goal}; the nearest is {got}, with a budget of "
            f"{budget}."
        )
    if row["any_budget"]:
        return (
            f"Every budget up to {budget}, the largest tried, keeps {name} of {bound} {goal}, with "
            f"{got} there."
        )
    return (
        f"{row['asks'].capitalize()} for {name} of {bound} {goal}: {budget}. {got} is "
        f"expected there; the target is met in {row['share_of_flights']:.0%} of the flights."
    )


def limit_text(row: dict[str, Any], document: dict[str, Any]) -> str:
    """What one limit costs, in one sentence."""
    goal, money = MEASURES[document["objective"]], document["currency"]
    text = str(row["limit"])
    if row["refused"] is not None:
        return f"{text}: what it costs cannot be told, since no plan was found without it: " + str(
            row["refused"]
        )
    parts = []
    if row["cost"] is not None:
        parts.append(f"without it {_shown(document['objective'], row['cost'], money)} more {goal}")
    if row["per_unit"] is not None:
        parts.append(f"1.00 {row['unit']} would bring {row['per_unit']:,.2f}")
    return f"{text}: {'; '.join(parts)}"


def _shown(measure: str, value: float, currency: str) -> str:
    if measure in _COUNTS:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if measure in _RATIOS else f"{value:,.2f} {currency}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.2f}"
