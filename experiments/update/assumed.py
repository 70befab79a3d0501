"""What an update takes for granted beyond the file, in sentences."""

from __future__ import annotations

import json
from pathlib import Path

from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.update.reached import reached
from promopilot.experiments.update.standing import Standing

_DELAY = "delay of conversions"  # as `market/sources.json` calls it


def delay_assumed(market: Path) -> list[str]:
    """A sentence where a run's data could not tell how late conversions come in.

    Args:
        market: The run's `market/`.
    """
    path = market / "sources.json"
    sources = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kind, _, said = sources.get(_DELAY, "").partition(": ")
    if kind != "prior":
        return []
    return [
        f"how late orders come in is an assumption, not measured ({said.split(' (')[0]}), and what "
        "is foreseen so far, still to come and planned rests on it; days exported again later, "
        "each export with its day in the column as_of, replace it in a new run"
    ]


def assumed(today: Standing) -> list[str]:
    """Sentences on readings, projection, estimated spend, and money that is not the plan's."""
    found = (
        _read_later(today),
        _projected(today),
        _estimated(today),
        _elsewhere(today),
        _others(today),
        _valued(today),
    )
    return [note for note in found if note]


def _read_later(today: Standing) -> str:
    """Where days between the last one given and its reading were left out."""
    days, at = today.world.dates, today.happened.days
    read = today.ledger.readings[AS_OF].max().date()
    if at == len(days) or read <= days[at]:
        return ""
    return (
        f"read on {read} (as_of), later than the day after the last day given, {days[at - 1]}: "
        f"what is foreseen allows for that, and the plan begins on {days[at]}; give the days since "
        "then as well, if they are over"
    )


def _projected(today: Standing) -> str:
    if today.projection == 1:
        return ""
    return (
        "counts of what happened are as recorded; money and what people have seen are those of the "
        f"business, {today.projection:g} to one recorded (assumptions.panel_projection)"
    )


def _estimated(today: Standing) -> str:
    if not today.paid.estimated:
        return ""
    return "no spend is recorded: it is taken to be what the impressions cost at usual prices"


def _elsewhere(today: Standing) -> str:
    spent = float(today.happened.elsewhere.sum())
    if spent <= 0:
        return ""
    return (
        f"{spent:,.2f} {today.world.currency} were spent on line items that the plan may not fund; "
        "they count against the budget and for a target, as do the orders that they brought, and "
        "nothing is learnt from them"
    )


def _others(today: Standing) -> str:
    others = today.happened.others
    if not others["rows"]:
        return ""
    money = f", with {others['spend']:,.2f} {today.world.currency}" if others["spend"] else ""
    return (
        "rows of promotions that this plan does not hold are left out: "
        f"{others['rows']:,.0f}{money}"
    )


def _valued(today: Standing) -> str:
    """What an order so far counts for a target on revenue."""
    limits = today.world.limits
    over = today.rest is None  # then nothing is aimed at any more
    if over or limits is None or limits.target is None or limits.target.roas is None:
        return ""
    so_far = reached(today)
    orders, valued = so_far.orders.sum(), so_far.valued.sum()
    if orders <= 0:
        return ""
    if valued <= 0:
        return (
            "no conversion_value is recorded: for the target each order so far counts what the "
            "plan expected of it"
        )
    paid = f"{so_far.value.sum() / valued:,.2f} {today.world.currency}"
    expected = f"{so_far.valued @ so_far.believed / valued:,.2f}"
    part = "" if valued >= orders else f", known of {valued:,.0f} of {orders:,.0f} orders"
    return (
        "for the target orders so far count what customers paid (conversion_value): on average "
        f"{paid} where {expected} was expected{part}; the days that are left are planned with what "
        "was expected"
    )
