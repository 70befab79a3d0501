"""The rules of the tables of a folder together, in the order in which problems are told."""

from __future__ import annotations

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.ids import check_ids, check_line_items
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.readings import count_earlier
from promopilot.experiments.tables.rules import check_performance, check_promotions
from promopilot.experiments.tables.rules_optional import check_events, check_lift_tests
from promopilot.experiments.tables.schema import (
    EVENTS,
    LIFT_TESTS,
    OUTCOMES,
    PERFORMANCE,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
    Table,
)


def check_together(
    parsed: dict[str, Parsed], unreadable: set[str], outcomes: bool
) -> list[Problem]:
    """What is wrong between columns, rows and tables, by rules that need no more than is there.

    Args:
        parsed: The tables that could be read, by name.
        unreadable: Those that are there and could not be: their own problem says so.
        outcomes: Whether what happened is looked at in performance.
    """

    def comparable(table: Table) -> bool:  # else its own problem is told; every id were unknown
        return table.name not in unreadable and (table is not PROMOTIONS or table.name in parsed)

    problems: list[Problem] = []
    if PROMOTIONS.name in parsed:
        problems += check_promotions(parsed[PROMOTIONS.name])
    performance = parsed.get(PERFORMANCE.name)
    if performance is not None:
        for table in filter(comparable, (PROMOTIONS, PLACEMENTS, SEGMENTS)):
            problems += check_line_items(performance, parsed.get(table.name), table)
        problems += check_performance(performance, outcomes)
    lift_tests = parsed.get(LIFT_TESTS.name)
    if lift_tests is not None:
        for table in filter(comparable, (PROMOTIONS, PLACEMENTS)):
            problems += check_ids(lift_tests, parsed.get(table.name), table)
        problems += check_lift_tests(lift_tests)
    if EVENTS.name in parsed:
        problems += check_events(parsed[EVENTS.name])
    return problems


def notes_on_performance(performance: Parsed) -> list[str]:
    """Rows that do not count or do not tell of everything: no fault, but worth knowing."""
    notes = []
    rows = len(performance.frame)
    earlier = count_earlier(performance.frame)
    if earlier:
        notes.append(
            f"{performance.file}: earlier readings (as_of) of a day and line item in {earlier} of "
            f"{rows} rows; the latest one counts"
        )
    for name in OUTCOMES:
        empty = int(performance.raw[name].isna().sum()) if name in performance.frame else 0
        if empty:
            what = "it is read as not recorded" if empty == rows else "those rows do not tell of it"
            notes.append(
                f"{performance.file}: column {name} is empty in {empty} of {rows} rows; {what}"
            )
    return notes
