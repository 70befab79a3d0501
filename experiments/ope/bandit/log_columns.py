"""Columns of a log that models and diagnostics use, as SQL expressions."""

from collections.abc import Sequence

from promopilot.experiments.ope.bandit.faults import Rule
from promopilot.experiments.ope.bandit.table import Table
from promopilot.experiments.ope.columns import MISSING, NUMBERS, a_word_among_numbers
from promopilot.experiments.ope.known_columns import is_known
from promopilot.experiments.ope.log_table import ISO_RULE, ISO_TIME

_MISSING = f"({', '.join(repr(word) for word in MISSING)})"
_TIMES = ("DATE", "TIMESTAMP")


def feature(table: Table, name: str) -> str:
    """SQL: a feature as a number: NaN where missing, text as the alphabetical rank of its value."""
    if table.is_number(name) or not _is_text(table, name):
        return table.number(name)
    given = _given(table, name)
    rank = f"dense_rank() over (order by {given} nulls last) - 1"
    return f"case when {given} is null then 'nan'::double else cast({rank} as double) end"


def ignored_columns(table: Table, known: Sequence[str]) -> tuple[str, ...]:
    """Columns that nothing uses: those that are not known, and features x_* without any value.

    Raises:
        LogError: a word in a feature of which more than the share `NUMBERS` are numbers.
    """
    features = [name for name in table.types if name.startswith("x_")]
    counts = []
    for name in features:
        numbers = f"count_if(not isnan({table.number(name)}))"
        counts += [numbers if table.is_number(name) else f"count({_given(table, name)})", numbers]
    found = table.database.one(f"select {', '.join(counts)} from {table.source}") if counts else ()
    filled = dict(zip(features, (found or ())[::2], strict=True))
    for name, numbers in zip(features, (found or ())[1::2], strict=True):
        if NUMBERS * filled[name] < numbers < filled[name]:
            given = _given(table, name)
            word = f"{given} is not null and isnan({table.number(name)})"
            row, value = table.first(word, [given])
            raise a_word_among_numbers(table.name, row, name, value)
    return tuple(name for name in table.types if not is_known(name, known) or filled.get(name) == 0)


def timestamp(table: Table) -> str | None:
    """SQL: the log's column `timestamp` in UTC, NULL where it is empty; None without one."""
    if "timestamp" not in table.types:
        return None
    if table.types["timestamp"].startswith(_TIMES):
        return 'cast("timestamp" as timestamp)'
    # By way of a time with a zone, as else the distance from UTC would be dropped.
    return f"cast(try_cast({_given(table, 'timestamp')} as timestamptz) as timestamp)"


def timestamp_rule(table: Table) -> Rule:
    """Times are ISO dates, or empty."""
    if table.types["timestamp"].startswith(_TIMES):
        return Rule("timestamp", "false", ISO_RULE, False)
    given = _given(table, "timestamp")
    iso = f"regexp_full_match({given}, '{ISO_TIME}') and {timestamp(table)} is not null"
    return Rule("timestamp", f"{given} is not null and not ({iso})", ISO_RULE, False)


def _given(table: Table, name: str) -> str:
    text = f"trim({table.text(name)})"
    return f"case when lower({text}) in {_MISSING} then null else {text} end"


def _is_text(table: Table, name: str) -> bool:
    given = _given(table, name)
    return table.has(f"{given} is not null and try_cast({given} as double) is null")
