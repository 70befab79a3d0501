"""From checked columns to the tables that promopilot works with: what files leave out is put in."""

from __future__ import annotations

import pandas as pd

from promopilot.experiments.tables.parse import Parsed, no_rows
from promopilot.experiments.tables.schema import ALL, OUTCOMES, PERFORMANCE, Table


def frame_or_one(parsed: dict[str, Parsed], table: Table, text: str) -> pd.DataFrame:
    """The rows of a table, or one row of the id `all` where the folder has no such table."""
    if table.name in parsed:
        return parsed[table.name].frame
    return pd.DataFrame({table.key: [ALL], "text": [text]}, dtype="str")


def performance_frame(
    parsed: dict[str, Parsed], placements: pd.DataFrame, segments: pd.DataFrame
) -> pd.DataFrame:
    """Every reading with all its ids, without outcomes that no row records."""
    if PERFORMANCE.name in parsed:
        frame = parsed[PERFORMANCE.name].frame
        frame = frame.drop(columns=[c for c in OUTCOMES if c in frame and frame[c].isna().all()])
    else:
        frame = no_rows(PERFORMANCE.required)
    for place, name, ids in (
        (2, "placement_id", placements["placement_id"]),
        (3, "segment_id", segments["segment_id"]),
    ):
        if name not in frame:  # checked: then there is only one
            frame.insert(place, name, pd.Series(ids.iloc[0], index=frame.index, dtype="str"))
    return frame


def frame_or_none(parsed: dict[str, Parsed], table: Table) -> pd.DataFrame:
    """The rows of a table with every column of the contract; none where there is no such table."""
    if table.name not in parsed:
        return no_rows(table.columns)
    frame = parsed[table.name].frame
    lacking = [name for name in table.columns if name not in frame]
    return frame.assign(**no_rows(table.columns)[lacking].reindex(frame.index))
