"""The rows of a bulk file of budgets: campaign, day and money in cents."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.faults import faults
from promopilot.experiments.importing.ids import coded
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.numbers import NumberStyle, numbers
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.style import style_of

IDS: Final = ("campaign_id", "campaign")
# What platforms call a budget by the day; one for a whole flight would be counted every day.
_BY_DAY = ("", "daily", "day", "daily budget", "täglich", "quotidien", "diario", "每日", "每天")
STATUS: Final = "campaign status"  # the column that says so of a campaign that spends nothing
_PAUSED = "paused"
_CENT_SLACK = 1e-6  # of a cent: how far a number read as a double may be from a whole cent


def budget_rows(
    export: RawExport,
    columns: FileColumns,
    mapping: Mapping,
    problems: list[Problem],
    notes: list[str],
) -> pd.DataFrame:
    """`campaign_id, campaign, date` where they are there, `cents`, and `file, row` for messages.

    Args:
        export: The file.
        columns: Its columns, among them a budget and a campaign.
        mapping: What the user says about them.
        problems: What cannot be used is added to it.
        notes: What was taken for granted is added to it.
    """
    frame = pd.DataFrame({"file": export.file, "row": export.rows})
    for name in IDS:
        if name in columns.fields:
            ids = coded(export.cells[columns.fields[name]])
            frame[name] = pd.Series([*ids.names, None], dtype="str").take(ids.codes).to_numpy()
    named = frame[[name for name in IDS if name in frame]]
    name_header = columns.fields[str(named.columns[0])]
    nameless = named.isna().all(axis=1).to_numpy(dtype=bool)
    problems += faults(export, name_header, nameless, "must be filled", "name the campaign")
    if (day_header := columns.fields.get("start_date") or columns.fields.get("date")) is not None:
        days, bad = dates(
            export.cells[day_header], mapping.dates, file=export.file, name=day_header
        )
        problems += faults(export, day_header, bad, "is no date", "write 2026-03-31")
        frame["date"] = days
    if (type_header := columns.fields.get("budget_type")) is not None:
        kinds = coded(export.cells[type_header])
        other = np.array([name.casefold() not in _BY_DAY for name in kinds.names] + [False])
        rule, mend = "is not a budget by the day", "change it to one, or leave the campaign out"
        problems += faults(export, type_header, other[kinds.codes], rule, mend)
    style = style_of(mapping, [export.cells[columns.fields["budget"]]])
    frame["cents"] = _cents(export, columns, style, problems)
    notes += [f"{export.file}: {style.note}"] if style.note else []
    return frame


def _cents(
    export: RawExport,
    columns: FileColumns,
    style: NumberStyle,
    problems: list[Problem],
) -> NDArray[np.int64]:
    header = columns.fields["budget"]
    values, bad = numbers(export.cells[header], style)
    problems += faults(export, header, bad, "is no number", "write 12.50")
    paused = _paused(export)
    values = np.where(paused, 0.0, values)
    missing = np.isnan(values) & ~bad
    problems += faults(export, header, missing, "must be filled", "write the budget of a day")
    cents = 100 * values / (1e6 if "budget" in columns.micros else 1.0)
    with np.errstate(invalid="ignore"):
        part = np.abs(cents - np.rint(cents)) > np.maximum(_CENT_SLACK, 1e-12 * np.abs(cents))
        rule = "must be at least 0, in whole cents"
        problems += faults(export, header, (cents < 0) | part, rule, "write 12.50")
    return np.asarray(np.rint(np.nan_to_num(cents)), dtype=np.int64)


def _paused(export: RawExport) -> NDArray[np.bool_]:
    """Rows of campaigns that spend nothing, whatever their budget is."""
    for header in export.cells.column_names:
        if header.casefold() == STATUS:
            found = coded(export.cells[header])
            off = np.array([name.casefold() == _PAUSED for name in found.names] + [False])
            return np.asarray(off[found.codes])
    return np.zeros(len(export.rows), dtype=bool)


def repeated(frame: pd.DataFrame) -> list[Problem]:
    """A problem per row with a second budget for the campaign and day of an earlier one."""
    key = [name for name in (*IDS, "date") if name in frame]
    again = frame.duplicated(key)
    place = ["file", "row"]
    first = frame.groupby(key, dropna=False, sort=False)[place].transform("first")
    names = ", ".join(key)
    return [
        Problem(
            file,
            int(row),
            names,
            None,
            f"has a second budget for what row {int(earlier)} of {source} has one",
            "keep one of the two",
        )
        for (file, row), (source, earlier) in zip(
            frame.loc[again, place].to_numpy(), first[again].to_numpy(), strict=True
        )
    ]
