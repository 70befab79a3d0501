"""The Upworthy headline tests in contract form, as training stories and test stories.

The archive: Matias, Munger, Aubin Le Quere & Ebersole (2021), The Upworthy Research Archive,
Scientific Data 8:195. Its rows are one per test x headline x week.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.experiments.atomic import atomic_folder
from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.tables.files import read_file
from promopilot.experiments.tables.parse import Parsed, parse
from promopilot.experiments.tables.rules import check_performance
from promopilot.experiments.tables.schema import Kind, Table

TEST_SHARE = 0.2  # of the stories, by the hash of story_id alone (contract)
TRAIN, TEST = "train", "test"  # the two data folders
_HEADLINES = Table(
    "headlines",
    required={
        "story_id": Kind.ID,
        "test_id": Kind.ID,
        "week": Kind.ID,
        "headline": Kind.TEXT,
        "impressions": Kind.COUNT,
        "clicks": Kind.COUNT,
    },
    optional={},
)
_WEEK = r"\d{4}(?:[0-4]\d|5[0-3])"
_DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class StoryFolders:
    """Two data folders without a story in common."""

    train: Path
    test: Path


def upworthy_tables(file: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the contract's `promotions` and `performance` of a file of headline tests.

    A promotion is a headline in a test, its group the story. A row's date is 1 January of the year
    plus 7 days x week.

    Args:
        file: CSV or Parquet with `story_id, test_id, week, headline, impressions, clicks`; week as
            yyyyww, 00 to 53. Other columns are not read.

    Raises:
        DataError: the file is missing, lacks a column, or has a cell that breaks a rule; all such
            places are listed.
    """
    parsed, problems = _parsed(file)
    if parsed is None or problems:
        raise DataError(problems)
    frame = parsed.frame
    place = frame.groupby("test_id")["headline"].transform(lambda names: pd.factorize(names)[0])
    frame["promotion_id"] = frame["test_id"] + "-" + place.astype("str")
    year = pd.to_datetime(frame["week"].str[:4], format="%Y")
    weeks = frame["week"].str[4:].astype(np.int64)
    frame["date"] = year + pd.to_timedelta(weeks * _DAYS_PER_WEEK, unit="D")
    promotions = frame.drop_duplicates("promotion_id").rename(
        columns={"headline": "text", "story_id": "group_id"}
    )
    return (
        promotions[["promotion_id", "text", "group_id", "test_id"]].reset_index(drop=True),
        frame[["date", "promotion_id", "impressions", "clicks"]].reset_index(drop=True),
    )


def write_stories(file: Path, out: Path) -> StoryFolders:
    """Writes the data folders `train` and `test` into `out`; earlier ones are replaced.

    Test stories are those whose first 8 hex digits of sha256(story_id), as a fraction of 2^32, are
    below .2.

    Raises:
        DataError: as `upworthy_tables`, or the split leaves one part without a story.
        RunFolderError: `out` cannot be written.
    """
    from promopilot.predictors.splits import hashed_share

    promotions, performance = upworthy_tables(file)
    is_test = promotions["group_id"].map(lambda story: hashed_share(story, "") < TEST_SHARE)
    if is_test.all() or not is_test.any():
        part = TEST if is_test.any() else TRAIN
        rule = f"must hold stories on both sides of the split, but all fall into its part {part}"
        raise DataError([Problem(file.name, None, "story_id", None, rule, "give it more stories")])
    for name, chosen in ((TRAIN, ~is_test), (TEST, is_test)):
        shown = promotions[chosen]
        rows = performance[performance["promotion_id"].isin(shown["promotion_id"])]
        with atomic_folder(out / name) as work:
            shown.to_csv(work / "promotions.csv", index=False, lineterminator="\n")
            rows.to_csv(
                work / "performance.csv", index=False, lineterminator="\n", date_format="%Y-%m-%d"
            )
    return StoryFolders(out / TRAIN, out / TEST)


def _parsed(file: Path) -> tuple[Parsed | None, list[Problem]]:
    if not file.is_file():
        rule = "must be a file of headline tests"
        return None, [Problem(str(file), None, None, None, rule, "name one that is there")]
    raw, problems = read_file(file)
    if raw is None:
        return None, problems
    parsed, wrong = parse(raw, _HEADLINES)
    problems += wrong
    if not set(_HEADLINES.required) <= set(parsed.frame):
        return parsed, problems
    weeks = ~parsed.frame["week"].astype("str").str.fullmatch(_WEEK).to_numpy(np.bool_)
    weeks &= parsed.frame["week"].notna().to_numpy(np.bool_)  # an empty one is told already
    rule, mend = "must be year and week, yyyyww with weeks 00 to 53", "write 201431 for week 31"
    problems += parsed.problems(weeks, ("week",), rule, mend)
    stories = parsed.frame.groupby("test_id")["story_id"].transform("nunique").gt(1)
    rule, mend = "must be one story per test", "a test is inside one story"
    problems += parsed.problems(stories.to_numpy(np.bool_), ("test_id", "story_id"), rule, mend)
    key = ("test_id", "headline", "week")
    again = parsed.frame.duplicated(list(key)).to_numpy(np.bool_)
    rule, mend = "must be one row per test, headline and week", "add the rows up or remove one"
    problems += parsed.problems(again, key, rule, mend)
    return parsed, problems + check_performance(parsed, outcomes=True)
