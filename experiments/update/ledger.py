"""All that has been read of a flight so far, and how a new file adds to it.

Kept as `actuals.csv` beside each update, so that the next one needs only what is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from promopilot.experiments.errors import DataError, Problem, RunFolderError
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.readings import AS_OF, KEY, latest_readings
from promopilot.experiments.update.actuals_file import AMOUNTS, COLUMNS, COUNTS

UPDATES, LEDGER = "updates", "actuals.csv"
_READING = [*KEY, AS_OF]


@dataclass(frozen=True)
class Ledger:
    """Readings of the flight's days, and what a file changed in them."""

    readings: pd.DataFrame  # R rows of `actuals_file.COLUMNS`, one per day, line item and reading
    added: int = 0  # days x line items that were not known
    later: int = 0  # known ones that were read again later
    corrected: int = 0  # readings of the same day that now hold other numbers
    unchanged: int = 0  # rows that were there before

    @property
    def latest(self) -> pd.DataFrame:
        """One row per day and line item, its latest reading."""
        return latest_readings(self.readings)

    def days(self, start: date) -> int:
        """Days of the flight that have been read."""
        return int((self.readings["date"].max() - pd.Timestamp(start)).days) + 1


def read_ledger(run: Path) -> Ledger:
    """What the updates of a run have read so far; nothing where there was none.

    Raises:
        RunFolderError: The last update's file cannot be read.
    """
    found = sorted((run / UPDATES).glob(f"????-??-??/{LEDGER}"))
    if not found:
        return Ledger(pd.DataFrame(columns=list(COLUMNS)))
    ids = dict.fromkeys(ITEM, "str")
    try:
        frame = pd.read_csv(found[-1], dtype=ids, keep_default_na=False, na_values=[""])
        for name in ("date", AS_OF):
            frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d").astype("datetime64[us]")
        frame[list(AMOUNTS)] = frame[list(AMOUNTS)].astype("float64")
        return Ledger(frame[list(COLUMNS)])
    except (OSError, ValueError, KeyError) as error:
        raise RunFolderError(
            f"{found[-1]} cannot be read ({error}); delete the folder it is in, and give the whole "
            "flight to date as --actuals"
        ) from error


def added(known: Ledger, new: pd.DataFrame) -> Ledger:
    """Add the readings of a file.

    A reading takes the place of one of the same day, line item and `as_of`; of several the latest
    counts, whatever the order in which they came. The same rows again change nothing.
    """
    if known.readings.empty:
        return Ledger(_sorted(new), added=len(new))
    before = known.readings.set_index(_READING)[list(AMOUNTS)]
    given = new.set_index(_READING)[list(AMOUNTS)]
    again = given.index.isin(before.index)
    there = before.reindex(given.index)
    same = again & ((there == given) | (there.isna() & given.isna())).all(axis=1).to_numpy()
    item = pd.MultiIndex.from_frame(new[list(KEY)])
    seen = item.isin(pd.MultiIndex.from_frame(known.readings[list(KEY)]))
    both = pd.concat([known.readings, new], ignore_index=True)
    return Ledger(
        _sorted(both.drop_duplicates(_READING, keep="last")),
        added=int((~seen).sum()),
        later=int((seen & ~again).sum()),
        corrected=int((again & ~same).sum()),
        unchanged=int(same.sum()),
    )


def check_days(ledger: Ledger, start: date, file: str) -> None:
    """Every day from the flight's first to the last one read has a row.

    Raises:
        DataError: A day is missing: what was spent on it, and what people saw, would be unknown.
    """
    days = pd.date_range(start, ledger.readings["date"].max())
    gaps = days.difference(pd.DatetimeIndex(ledger.readings["date"].unique()))
    if len(gaps) == 0:
        return
    rule = "must have a row for every day from the flight's first on, and has none for this one"
    mend = f"export every day from {start}; where nothing ran write one row with 0 impressions"
    raise DataError([Problem(file, None, "date", gaps[0].date().isoformat(), rule, mend)])


def write_ledger(ledger: Ledger, path: Path) -> None:
    """Write the readings as CSV: counts as whole numbers, money to the last digit."""
    rows = ledger.readings.astype(dict.fromkeys(COUNTS, "Int64"))
    rows.to_csv(path, index=False, date_format="%Y-%m-%d", lineterminator="\n")


def _sorted(readings: pd.DataFrame) -> pd.DataFrame:
    return readings.sort_values(_READING, kind="stable").reset_index(drop=True)
