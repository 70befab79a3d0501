"""Days whose conversions are still coming in."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS
from promopilot.experiments.config import RunConfig
from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import TableWarning, items_of

_SLIGHT = 0.01  # a rise that is not worth a warning
_SAME_DAY = 0.5  # mean age in days of a day's conversions that are read on the day itself


def expected_delay(config: RunConfig) -> Delay:
    """When conversions are seen: what the config says, else what is usual."""
    given = config.market
    return Delay(
        *(
            PRIORS[name].mean if said is None else said
            for name, said in (
                ("delay_fast_share", given.delay_fast_share),
                ("delay_fast_days", given.delay_fast_days),
                ("delay_slow_days", given.delay_slow_days),
            )
        )
    )


def still_coming(rows: Numbered, config: RunConfig, today: date) -> list[TableWarning]:
    """Days before the flight whose conversions are expected to rise by 1 % or more.

    A day read `a` days later shows the share F(a) / F(W) of what it will show after W days, F being
    the delay of `market.Delay` and W `attribution.window_days`, after which a platform counts no
    more: it is expected to rise by F(W) / F(a) - 1. Rows without `as_of` are taken to be read today
    at the latest.
    """
    if not rows.has("conversions"):
        return []
    frame = rows.frame.dropna(subset=["conversions"])
    if config.flight.start is not None:
        frame = frame[frame["date"] < pd.Timestamp(config.flight.start)]
    dated = AS_OF in frame and bool(frame[AS_OF].notna().any())  # others count as final
    read = frame[AS_OF] if dated else pd.Series(pd.Timestamp(today), index=frame.index)
    age = np.asarray((read - frame["date"]).dt.days, dtype=np.float64)
    window = config.attribution.window_days
    young = age < window
    frame, age = frame[young], np.maximum(age[young], _SAME_DAY)
    delay = expected_delay(config)
    final = float(delay.seen(np.array([window], dtype=np.float64))[0])
    rise = final / np.maximum(delay.seen(age), 1e-6)
    seen = frame["conversions"].to_numpy(dtype=np.float64)
    days = pd.DataFrame({"date": frame["date"], "seen": seen, "final": seen * rise, "rise": rise})
    table = days.groupby("date").agg({"seen": "sum", "final": "sum", "rise": "mean"})
    table["rise"] = (table["final"] / table["seen"]).where(table["seen"] > 0, table["rise"]) - 1
    table = table[table["rise"] >= _SLIGHT]
    if table.empty:
        return []
    return [_warning(rows.file, table, window, dated, config)]


def _warning(
    file: str, table: pd.DataFrame, window: int, dated: bool, config: RunConfig
) -> TableWarning:
    first, last = table.index.min().date(), table.index.max().date()
    so_far, expected = table["seen"].sum(), table["final"].sum()
    at_least = "" if dated else "at least "
    steps = [last - timedelta(days=back) for back in (0, 1, 3, 7)]
    rises = table["rise"]
    told = ", ".join(
        f"{day} by {100 * rises[pd.Timestamp(day)]:.0f} %"
        for day in steps
        if pd.Timestamp(day) in rises
    )
    found = (
        f"conversions are still coming in: {so_far:,.0f} so far, {at_least}about {expected:,.0f} "
        f"when all have arrived ({told})"
    )
    law = config.market
    usual = law.delay_fast_share is None or law.delay_slow_days is None
    how = (
        f"By the usual delay of conversions within {window} days (attribution.window_days)"
        if usual
        else f"By the delay in the config (market.delay_*) within {window} days"
    )
    if dated:
        means = f"{how}; a run counts on what is still to come, so these days are less sure"
        mend = "Nothing is wrong; an export made later makes them firmer"
    else:
        means = (
            f"{how}, if the rows were read today; without a column as_of a run takes them as "
            "final, and the latest days look worse than they are"
        )
        mend = "Add as_of, the day of the export, or leave these days out"
    days = pd.DataFrame(
        {
            "date": [day.date().isoformat() for day in table.index],
            "conversions": table["seen"].to_numpy(),
            "expected_conversions": table["final"].round(2).to_numpy(),
            "expected_rise_pct": (100 * rises).round(1).to_numpy(),
        }
    )
    return TableWarning(
        *("conversions_still_coming", file, "conversions", None, 0, first, last),
        *(found, means, mend, items_of(days)),
    )
