"""The text of docs/tables.md, made from the schema that tables are checked by."""

from __future__ import annotations

from promopilot.experiments.tables.meanings import MEANINGS, ROWS
from promopilot.experiments.tables.schema import SOURCES_FILE, TABLES, Kind, Table

_INTRO = f"""\
<!-- Made by `python -m promopilot.experiments.cli.reference docs`; edit tables/schema.py and
tables/meanings.py. -->
# Tables

A data folder holds these tables, each as `.csv` (UTF-8, commas, a header) or `.parquet`. Only
`promotions` must be there; a plan also needs `performance`. Columns may stand in any order. Unknown
columns are kept and files of other names ignored, and `promopilot data check` says so, along with
everything that breaks a rule below. What is missing is an empty cell, never 0 or `--`. All money is
in one currency, the config's `currency`.

What the tables leave out is worked out from `performance` where that can be done, and else assumed
(config, `assumptions`); the report says which. `{SOURCES_FILE}`, if it is there, says where columns
come from: `{{"promotions.price": "estimate: …"}}`.
"""
_KINDS = {
    Kind.ID: "id",
    Kind.TEXT: "text",
    Kind.DATE: "date",
    Kind.COUNT: "whole number",
    Kind.SHARE: "share",
    Kind.AMOUNT: "number",
    Kind.SIZE: "number above 0",
    Kind.FLAG: "true or false",
}


def tables_page() -> str:
    """The text of docs/tables.md."""
    parts = [_INTRO]
    for table in TABLES:
        parts += [f"## {table.name}\n\n{ROWS[table.name]}\n", _columns(table)]
    rules = "\n".join(f"| {_KINDS[kind]} | {kind.value} |" for kind in Kind)
    parts.append(f"## Kinds\n\n| kind | rule |\n|---|---|\n{rules}\n")
    return "\n".join(parts)


def _columns(table: Table) -> str:
    lines = ["| column | kind | needed | meaning | unit |", "|---|---|---|---|---|"]
    for name, kind in table.columns.items():
        meaning, unit = MEANINGS[table.name][name]
        lines.append(f"| `{name}` | {_KINDS[kind]} | {_needed(table, name)} | {meaning} | {unit} |")
    return "\n".join(lines) + "\n"


def _needed(table: Table, column: str) -> str:
    if column in table.required:
        return "yes" + (", unique" if column == table.key else "")
    return "every cell, if the column is there" if column in table.filled else ""
