"""What became of each column and each row of an import, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.headers import is_ratio
from promopilot.experiments.importing.joined_text import TextsById
from promopilot.experiments.importing.mapping import MEASURES, Mapping, rules_of
from promopilot.experiments.importing.performance import Performance
from promopilot.experiments.importing.promotions import Promotions
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.importing.sources import derived
from promopilot.experiments.tables.readings import count_earlier


def summary_of(
    exports: Sequence[RawExport],
    columns: Sequence[FileColumns],
    rows: Rows,
    performance: Performance,
    promotions: Promotions,
    texts: TextsById | None,
    tables: Table[str, pd.DataFrame],
    mapping: Mapping,
) -> dict[str, Any]:
    """The summary of an import: files, columns, rows, days, totals, what is derived, notes."""
    sized = "size" in tables["segments"]
    return {
        "currency": mapping.currency,
        "files": [
            {"file": one.file, "rows": one.cells.num_rows, "notes": list(one.notes)}
            for one in exports
        ],
        "columns": [row for one in columns for row in column_fates(one, mapping, sized)],
        "rows": {
            "read": sum(one.cells.num_rows for one in exports),
            "dropped": dict(rows.dropped),
            "written": len(performance.frame),
        },
        "days": _days(performance.frame["date"]),
        "totals": totals_of(performance.frame),
        "tables": {name: len(table) for name, table in tables.items()},
        "derived": derived(mapping, tables),
        "left_out": performance.left_out,
        "notes": _notes(rows, performance, promotions, texts, mapping),
        "mapping": mapping.tree(),
    }


def column_fates(columns: FileColumns, mapping: Mapping, sized: bool) -> list[dict[str, str]]:
    """What each column of a file became.

    Args:
        columns: Those of the file.
        mapping: Complete.
        sized: Whether reach tells sizes of segments.
    """
    used = {name for rule in rules_of(mapping) for name in rule.fields}
    taken = {"date", "as_of", "currency", *MEASURES, *used} | ({"reach"} if sized else set())
    field_of = {header: field for field, header in columns.fields.items()}
    fates = []
    for header in columns.headers:
        field = field_of.get(header)
        if field in taken:
            fate, text = "used", f"used as {field}"
            text += " (in millionths)" if field in columns.micros else ""
        elif header in used:
            fate, text = "used", "used by a rule of the mapping"
        elif header in columns.instead:
            other = columns.instead[header]
            fate, text = "dropped", f"dropped, {columns.fields[other]!r} is taken as {other}"
        elif field is None and is_ratio(header):
            fate, text = "dropped", "dropped, rates and shares are not needed"
        elif field is None:
            fate, text = "unknown", "left out, not known on this platform"
        else:
            fate, text = "dropped", f"dropped, {_WHY.get(field, f'no rule uses {field}')}"
        fates.append({"file": columns.file, "column": header, "became": fate, "text": text})
    return fates


_WHY = {
    "reach": "people cannot be added up over days",
    "budget": "it is no performance: import it with --kind budgets",
    "budget_type": "it is no performance: import it with --kind budgets",
    "date_end": "each row is of one day",
    "device": "rows are added up over devices, unless a rule names device",
    "network": "rows are added up over networks, unless a rule names network",
}


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


def _notes(
    rows: Rows,
    performance: Performance,
    promotions: Promotions,
    texts: TextsById | None,
    mapping: Mapping,
) -> list[str]:
    notes = list(rows.notes)
    for name, count in performance.moved.items():
        above = "impressions" if name == "clicks" else "clicks or impressions"
        notes.append(
            f"{name} that stood on days with fewer {above} ({count:,.6g} in all) are counted on "
            "the nearest days of the same line item that have room"
        )
    for name, count in performance.left_out.items():
        more = (
            "more conversions than clicks, or more clicks than impressions,"
            if name == "clicks"
            else "more conversions than impressions"
        )
        notes.append(
            f"{name} of line items that have {more} over all days are left empty ({count:,.6g} in "
            "all)"
        )
    if performance.rounded:
        notes.append(
            "conversions that are fractions are made whole so that every running sum stays within "
            f"a half (rows: {performance.rounded:,})"
        )
    if promotions.nameless:
        notes.append(
            f"{promotions.nameless:,} of {len(promotions.frame):,} promotions have no text of an "
            "ad; their name stands for it"
        )
    if promotions.several_texts:
        notes.append(
            f"{promotions.several_texts:,} promotions have several texts; the most shown one counts"
        )
    if promotions.several_campaigns:
        notes.append(
            f"{promotions.several_campaigns:,} promotions run in several campaigns; their "
            "campaign_id is left empty"
        )
    if texts is not None and texts.others:
        by = mapping.texts.by if mapping.texts is not None else ""
        notes.append(
            f"{texts.export.file}: {texts.others:,} rows have another text of a {by} that has one; "
            "the first one counts"
        )
    frame = performance.frame
    ids = frame.rename(columns={c: f"{c}_id" for c in ("promotion", "placement", "segment")})
    if earlier := count_earlier(ids):
        notes.append(f"{earlier:,} rows are earlier readings; the latest one of each day counts")
    if mapping.currency is None:
        notes.append("no currency is told; say `currency:` in a mapping and in the config")
    if rows.reach is None:
        notes.append("sizes of audiences are not told; the config's assumptions.segment_size holds")
    missing = {
        name: int(np.isnan(values).sum())
        for name, values in rows.measures.items()
        if np.isnan(values).any()
    }
    notes += [
        f"{name} is empty in some rows ({count:,}); it counts as unknown there, not as 0"
        for name, count in missing.items()
    ]
    return notes


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
