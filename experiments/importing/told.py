"""The summary of an import, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.fates import column_fates
from promopilot.experiments.importing.joined_text import TextsById
from promopilot.experiments.importing.mapping import MEASURES, Mapping
from promopilot.experiments.importing.notes import notes_of
from promopilot.experiments.importing.performance import Performance
from promopilot.experiments.importing.promotions import Promotions
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.importing.sources import derived


@dataclass(frozen=True)
class Imported:
    """What an import read, and what it made of it."""

    exports: Sequence[RawExport]
    columns: Sequence[FileColumns]  # of each file
    mapping: Mapping  # complete
    rows: Rows
    texts: TextsById | None  # of a second file
    promotions: Promotions
    performance: Performance
    tables: Table[str, pd.DataFrame]  # the contract's, by name


def summary_of(made: Imported) -> dict[str, Any]:
    """The summary of an import: files, columns, rows, days, totals, what is derived, notes."""
    rows, performance, mapping = made.rows, made.performance, made.mapping
    sized = "size" in made.tables["segments"]
    return {
        "currency": mapping.currency,
        "files": files_of(made.exports),
        "columns": [row for one in made.columns for row in column_fates(one, mapping, sized)],
        "rows": {
            "read": sum(one.cells.num_rows for one in made.exports),
            "dropped": dict(rows.dropped),
            "written": len(performance.frame),
        },
        "days": _days(performance.frame["date"]),
        "totals": totals_of(performance.frame),
        "tables": {name: len(table) for name, table in made.tables.items()},
        "derived": derived(mapping, made.tables),
        "left_out": performance.left_out,
        "notes": notes_of(rows, performance, made.promotions, made.texts, mapping),
        "mapping": mapping.tree(),
    }


def files_of(exports: Sequence[RawExport]) -> list[dict[str, Any]]:
    """Each file with its rows and how it was read."""
    return [
        {"file": one.file, "rows": one.cells.num_rows, "notes": list(one.notes)} for one in exports
    ]


def totals_of(frame: pd.DataFrame) -> dict[str, float]:
    """The sum of each measure that is there."""
    return {name: round(float(frame[name].sum()), 6) for name in MEASURES if name in frame}


def _days(date: pd.Series[pd.Timestamp]) -> dict[str, Any]:
    first, last = date.min(), date.max()
    count = (last - first).days + 1
    return {
        "first": f"{first:%Y-%m-%d}",
        "last": f"{last:%Y-%m-%d}",
        "count": count,
        "without_rows": count - int(date.nunique()),
    }


def as_text(summary: Table[str, Any]) -> str:
    """The summary of an import as lines for a person."""
    lines: list[str] = []
    for one in summary["files"]:
        lines.append(f"{one['file']}: {one['rows']:,} rows; {'; '.join(one['notes'])}")
        lines += [
            f"  {row['column']}: {row['text']}"
            for row in summary["columns"]
            if row["file"] == one["file"]
        ]
    rows = summary["rows"]
    dropped = [f"; {count:,} left out: {why}" for why, count in rows["dropped"].items()]
    lines.append(f"rows: {rows['read']:,} read, {rows['written']:,} written{''.join(dropped)}")
    if days := summary.get("days"):
        gaps = f", {days['without_rows']:,} without rows" if days["without_rows"] else ""
        lines.append(f"days: {days['first']} to {days['last']} ({days['count']:,}{gaps})")
    totals = ", ".join(f"{name} {value:,.12g}" for name, value in summary["totals"].items())
    money = f"; money in {summary['currency']}" if summary["currency"] else ""
    lines.append(f"totals: {totals}{money}")
    if tables := summary.get("tables"):
        lines.append("rows of " + ", ".join(f"{name} {n:,}" for name, n in tables.items()))
    lines += [f"derived: {name}: {text}" for name, text in summary.get("derived", {}).items()]
    lines += [f"note: {note}" for note in summary["notes"]]
    return "\n".join(lines)
