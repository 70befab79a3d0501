"""What a reader must know of a plan beside what happened, in sentences."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.comparing.happened import Happened
from promopilot.experiments.comparing.side import Side

# Beyond this share the money itself, not only what it brought, differs from the plan.
_OTHER_SPEND = 0.1
_NAMED = 3  # promotions that the plan does not have
_LITTLE = 0.005  # of what was planned: so little still to come is not told


def notes(plan: Side, happened: Happened, rows: list[dict[str, Any]], ranges: bool) -> list[str]:
    """Sentences on what is missing, late, apart or unlike the plan.

    Args:
        plan: The plan.
        happened: What happened.
        rows: Of `beside_plan`, the total last.
        ranges: Whether there are any.
    """
    total = rows[-1]
    found = (
        *happened.notes,
        _projected(happened),
        _days_left(plan, happened),
        _late(plan, happened, total),
        _money(total),
        _strangers(happened, plan.currency),
        _unplanned(rows),
        ""
        if ranges
        else "Ranges are of a run's own plan, or of a whole plan with its summary file beside it: "
        "here none can be given.",
    )
    return [note for note in found if note]


def _projected(happened: Happened) -> str:
    if happened.projection == 1:
        return ""
    return (
        f"Counts of {happened.file} are taken {happened.projection:g} times, as the run's plan is "
        "that of the whole business (assumptions.panel_projection)."
    )


def _days_left(plan: Side, happened: Happened) -> str:
    left = len(set(plan.dates) - set(happened.days))
    if not left:
        return ""
    return f"Days of the plan that {happened.file} does not have: {left} of {len(plan.dates)}."


def _late(plan: Side, happened: Happened, total: dict[str, Any]) -> str:
    """How much of what is planned can only come in later."""
    read = happened.read_on.date().isoformat()
    if plan.home is None:
        return f"Read on {read}: orders of the last days may still be coming in."
    planned, due = total["conversions"]["planned"], total["conversions"]["due"]
    if planned - due <= _LITTLE * planned:
        return ""
    return (
        f"Read on {read}: of the {planned:,.0f} orders planned for these days {planned - due:,.0f} "
        "can only come in later; differences and ranges allow for that."
    )


def _money(total: dict[str, Any]) -> str:
    spend = total["spend"]
    if spend["actual"] is None or spend["planned"] <= 0:
        return ""
    share = spend["actual"] / spend["planned"] - 1
    if abs(share) <= _OTHER_SPEND:
        return ""
    side = "more" if share > 0 else "less"
    return (
        f"The money spent is {100 * abs(share):.0f} % {side} than planned, so that what it brought "
        "differs for that reason too."
    )


def _strangers(happened: Happened, currency: str) -> str:
    rows = happened.strangers
    if rows.empty:
        return ""
    new = sorted(rows["promotion_id"].unique())
    some = ", ".join(new[:_NAMED]) + (f" and {len(new) - _NAMED} more" if len(new) > _NAMED else "")
    return (
        "What the plan does not have (promotions, places or days that it could not fund) is in no "
        f"figure here: {rows['spend'].sum():,.2f} {currency} and "
        f"{rows['conversions'].sum():,.0f} orders, of {some}."
    )


def _unplanned(rows: list[dict[str, Any]]) -> str:
    count = sum(
        row["spend"]["planned"] == 0 and (row["conversions"]["actual"] or 0) > 0
        for row in rows[:-1]
    )
    return f"Promotions that brought orders without planned money: {count}." if count else ""
