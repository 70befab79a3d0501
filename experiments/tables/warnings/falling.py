"""Last days whose conversions fall below all that was usual: read before they had come in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.experiments.config import RunConfig
from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import TableWarning, figure, items_of

_LOOKED_AT = 7  # last recorded days
_USUAL = 28  # recorded days before them that say what is usual
_LEAST = 14  # of these that must be there
_DROP = 0.75  # of what is usual: more is a bad day
_ERRORS = 3.0  # standard errors of a count that the drop must exceed


def fallen(rows: Numbered, config: RunConfig) -> list[TableWarning]:
    """The last days, two or more, each with fewer conversions than any usual day.

    Counted per click, where clicks are recorded, else per impression. That two days of 30 are the
    two lowest, and at the end, has chance 1 / 435 where nothing is amiss; they must also lie a
    quarter and three standard errors below what is usual. Rows that say when they were read are
    judged by that instead.

    Args:
        rows: Performance.
        config: Its flight begins after the days that are looked at.
    """
    if not rows.has("conversions") or (rows.has(AS_OF) and rows.frame[AS_OF].notna().any()):
        return []
    of = "clicks" if rows.has("clicks") and rows.frame["clicks"].notna().any() else "impressions"
    frame = rows.frame.dropna(subset=["conversions", of])
    days = frame.groupby("date")[["conversions", of]].sum()
    if config.flight.start is not None:
        days = days[days.index < pd.Timestamp(config.flight.start)]
    days = days[days[of] > 0].astype(float).sort_index()
    usual, last = days.iloc[-_LOOKED_AT - _USUAL : -_LOOKED_AT], days.iloc[-_LOOKED_AT:]
    if len(usual) < _LEAST:
        return []
    lowest = (usual["conversions"] / usual[of]).min()
    low = (last["conversions"] / last[of] < lowest).to_numpy(dtype=bool)
    last = last.iloc[len(low) if low.all() else int(np.flatnonzero(~low)[-1]) + 1 :]
    rate = usual["conversions"].sum() / usual[of].sum()
    found, expected = last["conversions"].sum(), rate * last[of].sum()
    if len(last) < 2 or found > _DROP * expected:
        return []
    if expected - found < _ERRORS * np.sqrt(expected):
        return []
    return [_warning(rows.file, last, of, rate)]


def _warning(file: str, last: pd.DataFrame, of: str, rate: float) -> TableWarning:
    expected = rate * last[of]
    below = 100 * (1 - last["conversions"].sum() / expected.sum())
    per = of.removesuffix("s")
    days = pd.DataFrame(
        {
            "date": [f"{day:%Y-%m-%d}" for day in last.index],
            "conversions": last["conversions"].to_numpy(),
            "expected_conversions": expected.round(2).to_numpy(),
        }
    )
    return TableWarning(
        *("conversions_falling", file, "conversions", None, 0),
        *(last.index.min().date(), last.index.max().date()),
        f"conversions of the last {len(last)} days are {below:.0f} % below what is usual "
        f"({last['conversions'].sum():,.0f}, and {expected.sum():,.0f} at the usual "
        f"{figure(1000 * rate)} per 1,000 {per}s), as if they were still coming in",
        "Without a column as_of a run takes them as final, and the latest days look worse than "
        "they were",
        "Add as_of, the day of the export, or leave these days out; if sales really fell, all is "
        "well",
        items_of(days),
    )
