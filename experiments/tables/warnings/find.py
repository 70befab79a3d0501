"""Every warning of a data folder, in the order in which they are told."""

from __future__ import annotations

from datetime import date

from promopilot.experiments.config import RunConfig
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.schema import PERFORMANCE, PLACEMENTS, PROMOTIONS, Table
from promopilot.experiments.tables.warnings import (
    arriving,
    delivery,
    falling,
    history,
    levels,
    money,
    offers,
    pauses,
)
from promopilot.experiments.tables.warnings.rows import Numbered, counted, numbered, until
from promopilot.experiments.tables.warnings.warning import TableWarning


def find_warnings(
    parsed: dict[str, Parsed], sources: dict[str, str], given: RunConfig | None, today: date
) -> list[TableWarning]:
    """What is odd in tables, or makes a plan less sure; cells that break a rule are left out.

    Args:
        parsed: The tables that could be read, by name.
        sources: Of their columns, and the currency, as their importer noted them.
        given: Of the run that is to come: `attribution`, `flight.start`, `market`, `assumptions`,
            `currency`. None: the defaults, and any currency.
        today: The day of the check.
    """
    config = given or RunConfig()

    def table(which: Table) -> Numbered | None:
        return numbered(parsed[which.name], which) if which.name in parsed else None

    promotions, placements = table(PROMOTIONS), table(PLACEMENTS)
    rows = None
    if PERFORMANCE.name in parsed:
        rows = counted(parsed[PERFORMANCE.name], config.flight.start)
    found = money.other_currency(sources, given) if given is not None else []
    if PERFORMANCE.name in parsed:
        found += money.several_currencies(parsed[PERFORMANCE.name])
    if rows is not None:
        found += history.days_to_come(rows, today)
        rows = until(rows, today)
    if rows is not None:
        found += history.short_history(rows, config)
        found += history.missing_days(rows)
        found += pauses.days_missing_of_one(rows, promotions)
        found += arriving.still_coming(rows, config, today) or falling.fallen(rows, config)
        found += levels.level_jumps(rows)
        found += delivery.odd_price(rows, placements)
        found += delivery.small_supply(rows, placements, config.assumptions.panel_projection)
        found += delivery.spend_without_impressions(rows)
        found += delivery.impressions_without_spend(rows, placements)
    if promotions is not None:
        if rows is not None:
            found += offers.without_history(promotions, rows)
        found += offers.same_text(promotions)
        found += offers.free_of_charge(promotions)
        found += offers.never_profitable(promotions, rows, config)
    return found
