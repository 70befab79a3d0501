"""One side of a comparison: a run's plan, or a plan.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pandas as pd

from promopilot.experiments.errors import DataError, Problem, RunFolderError
from promopilot.experiments.plan.columns import QUANTILES
from promopilot.experiments.run_folder import STAGES, RunFolder
from promopilot.experiments.tables.files import read_file
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.parse import Parsed, parse
from promopilot.experiments.tables.schema import Kind, Table

_COUNTED = ("expected_impressions", "expected_clicks", "expected_conversions")
_EARNED = ("expected_conversion_value", "expected_subsidy", "expected_profit")
SUMMED = ("planned_budget", *_COUNTED, *_EARNED)
# What a comparison reads of plan.csv; profit may be a loss, so that it is read as text first.
_PLAN = Table(
    "plan",
    required={
        "date": Kind.DATE,
        "promotion_id": Kind.ID,
        "placement_id": Kind.ID,
        "segment_id": Kind.ID,
        "currency": Kind.ID,
        "planned_budget": Kind.AMOUNT,
        **dict.fromkeys((*_COUNTED, *_EARNED[:2]), Kind.AMOUNT),
        "expected_profit": Kind.ID,
    },
    optional={"promotion_name": Kind.TEXT},
)
_WEEK = 7
_DEEPEST = 3  # folders from a plan up to its run: RUN/updates/DATE/plan.csv


@dataclass(frozen=True)
class Side:
    """A plan under the name that tells it from the others."""

    name: str
    path: Path  # of the plan.csv
    rows: pd.DataFrame  # date, ids, `SUMMED`
    currency: str
    ranges: pd.DataFrame  # `QUANTILES` by promotion and TOTAL, of the whole plan; may be empty
    run: Path | None  # the run folder, where the side is one
    home: Path | None  # the run folder that the plan lies in, whose market it was made in

    @property
    def dates(self) -> list[pd.Timestamp]:
        """The days of the plan, or the first days of its weeks, in order."""
        return sorted(self.rows["date"].unique())

    @property
    def weekly(self) -> bool:
        """Whether its rows are of weeks."""
        days = self.dates
        steps = {(b - a).days for a, b in pairwise(days)}
        return bool(steps) and all(step % _WEEK == 0 for step in steps)

    def on(self, dates: Sequence[pd.Timestamp]) -> Side:
        """The same side on some of its days; ranges are of the whole plan and then left out."""
        rows = self.rows[self.rows["date"].isin(list(dates))]
        whole = len(set(dates) & set(self.dates)) == len(self.dates)
        ranges = self.ranges if whole else self.ranges.iloc[:0]
        return replace(self, rows=rows, ranges=ranges)


def read_sides(paths: Sequence[Path]) -> list[Side]:
    """Read run folders and plan files, each named so that no two are called the same.

    Raises:
        RunFolderError: A folder is no finished run, or nothing is there.
        DataError: A file is no plan; every problem of it is listed.
    """
    names = [path.resolve().stem if path.is_file() else path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise RunFolderError(f"{paths[0]} is named twice; name two different plans or runs")
    return [_read(path, name) for path, name in zip(paths, names, strict=True)]


def _read(path: Path, name: str) -> Side:
    run, plan = None, path
    if path.is_dir():
        RunFolder.existing(path)
        run, plan = path, path / "plan.csv"
        if not plan.is_file():
            raise RunFolderError(
                f"{path} has no plan.csv yet; finish it with `promopilot run … --resume`"
            )
    elif not path.is_file():
        raise RunFolderError(f"{path} is not there; name a run folder or a plan.csv")
    rows, currency = _read_plan(plan)
    return Side(name, plan, rows, currency, _read_ranges(plan), run, run or home_of(plan))


def home_of(plan: Path) -> Path | None:
    """The run that a plan lies in: beside its own plan, in `plans/` or in an update's folder."""
    near = list(plan.resolve().parents)[:_DEEPEST]
    return next((folder for folder in near if (folder / STAGES).is_file()), None)


def _read_plan(path: Path) -> tuple[pd.DataFrame, str]:
    parsed = parsed_file(path, _PLAN)
    frame = parsed.frame
    profit = pd.to_numeric(frame["expected_profit"], errors="coerce").astype("float64")
    wrong = profit.isna().to_numpy() & frame["expected_profit"].notna().to_numpy()
    problems = parsed.problems(
        wrong, ("expected_profit",), "must be a number", "write a plain number"
    )
    currencies = sorted(frame["currency"].dropna().unique())
    if len(currencies) > 1:
        other = (frame["currency"] != currencies[0]).to_numpy()
        rule, mend = f"must be one currency, {currencies[0]}", "compare plans of one currency"
        problems += parsed.problems(other, ("currency",), rule, mend)
    if problems:
        raise DataError(problems)
    names = frame.get("promotion_name", frame["promotion_id"])
    frame = frame.assign(expected_profit=profit, promotion_name=names)
    return frame[["date", *ITEM, "promotion_name", *SUMMED]], str(currencies[0])


def _read_ranges(plan: Path) -> pd.DataFrame:
    """The quantiles of the summary beside a plan; no rows where there is none that fits."""
    path = plan.with_name(f"{plan.stem}_summary.csv")
    try:
        frame = pd.read_csv(path, dtype={"promotion_id": str}, keep_default_na=False)
        return frame.set_index("promotion_id")[list(QUANTILES)].astype("float64")
    except (
        FileNotFoundError,
        ValueError,
        KeyError,
    ):  # none there, no table, other columns, no numbers
        return pd.DataFrame(columns=list(QUANTILES), dtype="float64")


def parsed_file(path: Path, table: Table) -> Parsed:
    """A file's columns, typed.

    Raises:
        DataError: It cannot be read, or cells break their rules.
    """
    raw, problems = read_file(path)
    if raw is None:
        raise DataError(problems)
    missing = [name for name in table.required if name not in raw.cells]
    if missing:
        rule = f"must have the columns of a {table.name}, and lacks {', '.join(missing)}"
        mend = f"name a {table.name}.csv that promopilot wrote"
        raise DataError([Problem(path.name, 1, None, None, rule, mend)])
    parsed, found = parse(raw, table)
    if problems or found:
        raise DataError([*problems, *found])
    return parsed
