"""What every row of a file must hold, and the place of the first one that does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.table import Table


@dataclass(frozen=True)
class Rule:
    """A rule of one column."""

    column: str
    broken: str  # SQL condition of the rows that break it
    words: str  # what must hold
    is_number: bool = True  # else text


def filled(table: Table, column: str) -> Rule:
    """Every row needs one."""
    return Rule(column, f"{table.text(column)} is null", "every row needs one", False)


def within(table: Table, column: str, holds: str, words: str) -> Rule:
    """A number for which an SQL condition with `{value}` in its place holds; NaN must not."""
    return Rule(column, f"not ({holds.format(value=table.number(column))})", words)


def refuse_broken(table: Table, rules: Sequence[Rule], ids: Sequence[str]) -> None:
    """Checks all rules in one scan of the file.

    Args:
        table: the file.
        rules: in the order in which they are told; only the first broken one is.
        ids: columns that name a row beside its number, such as `decision_id`.

    Raises:
        LogError: with the first row that breaks a rule, its column and its value.
    """
    counts = ", ".join(f"count_if({rule.broken})" for rule in rules)
    found = table.database.one(f"select {counts} from {table.source}")
    broken = [rule for rule, count in zip(rules, found or (), strict=True) if count]
    if broken:
        raise LogError(_told(table, broken[0], ids))


def _told(table: Table, rule: Rule, ids: Sequence[str]) -> str:
    if not rule.is_number:
        row, text = table.first(rule.broken, [table.text(rule.column)])
        shown = "empty" if text is None else repr(text)
        return f"{table.name}, row {row}: {rule.column} is {shown}; {rule.words}."
    row, number, text, *names = table.first(
        rule.broken,
        [table.number(rule.column), table.text(rule.column), *(table.text(name) for name in ids)],
    )
    if text is None or not text.strip():
        return f"{table.name}, row {row}: {rule.column} is empty; every row needs one."
    if number != number and text.strip().lower() != "nan":
        return f"{table.name}, row {row}: {rule.column} is {text!r}; it must be a number."
    of = ", ".join(
        f"{name.removesuffix('_id')} {value}" for name, value in zip(ids, names, strict=True)
    )
    return f"{table.name}, row {row} ({of}): {rule.column} is {number:.12g}; {rule.words}."
