"""What the predictor learns from, what chooses, and what is held back: by days or by groups.

By days, later days judge; a text may stand on both sides, as it does when a promotion runs on. By
groups no group and no text stands on both sides: for randomised tests, whose texts come once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from promopilot.experiments.config import RunConfig, SplitConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables import Tables

if TYPE_CHECKING:
    from promopilot.predictors import PredictorSettings, Rows

# Families are held out by the hash of their name with these before it. A hash without one is what
# benchmarks hold out by.
CHOOSE_SALT, TEST_SALT = "choose:", "test:"


@dataclass(frozen=True)
class Parts:
    """Rows of each part."""

    fit: Rows
    choose: Rows
    test: Rows | None  # None where nothing is left for it


def split_by(split: SplitConfig, tables: Tables) -> str:
    """How the parts are told apart: `time` or `group`.

    Unless told, by group where most impressions are those of randomised tests.

    Raises:
        ConfigError: By group is asked for, and the promotions have none.
    """
    promotions = tables.promotions
    if split.by == "auto":
        return "group" if _has_tests(tables) else "time"
    if split.by == "group" and not {"group_id", "category", "test_id"} & set(promotions.columns):
        raise ConfigError(
            "`$.split.by` is group, but `promotions` has neither a column group_id nor category "
            "nor test_id: add one, or split by time"
        )
    return split.by


def parts_before(tables: Tables, dates: Dates, config: RunConfig) -> Parts:
    """What days before a flight teach; nothing dated in the flight is read.

    By time earlier days fit and later ones choose; by group some groups choose, on all days.

    Raises:
        ConfigError: Too few groups: one of the parts has none.
    """
    settings, history = config.predictor, tables.performance
    early, late = dates.fit(history), dates.choose(history)
    if split_by(config.split, tables) == "time":
        return Parts(rows_of(tables, early, settings), rows_of(tables, late, settings), None)
    split = config.split.model_copy(update={"test_share": 0.0})
    return parts_by_group(tables, pd.concat([early, late]), split, settings)


def parts_by_group(
    tables: Tables, performance: pd.DataFrame, split: SplitConfig, settings: PredictorSettings
) -> Parts:
    """Some groups test, some choose and the others fit, on all days in `performance`.

    Raises:
        ConfigError: Too few groups: one of the parts has none.
    """
    from promopilot.predictors.splits import held_out

    rows = rows_of(tables, performance, settings)
    tested = held_out(rows, split.test_share, TEST_SALT)
    chosen = held_out(rows, split.choose_share, CHOOSE_SALT) & ~tested
    fitted = ~tested & ~chosen
    if not chosen.any() or not fitted.any():
        raise ConfigError(
            f"`$.split.choose_share` is {split.choose_share:g} and `$.split.test_share` "
            f"{split.test_share:g}, which leaves no group to choose or none to fit: give "
            "`promotions` more values of group_id, or set `$.split.by` to time"
        )
    return Parts(rows.pick(fitted), rows.pick(chosen), rows.pick(tested) if tested.any() else None)


def rows_of(tables: Tables, performance: pd.DataFrame, settings: PredictorSettings) -> Rows:
    """The predictor's rows of some days."""
    from promopilot.predictors import rows_from_tables

    return rows_from_tables(
        tables.promotions, tables.placements, tables.segments, performance, settings
    )


def _has_tests(tables: Tables) -> bool:
    """Whether most impressions are those of promotions with a `test_id`."""
    from promopilot.predictors.recipes import mostly_tested

    if "test_id" not in tables.promotions:
        return False
    tested = tables.promotions.loc[tables.promotions["test_id"].fillna("").ne(""), "promotion_id"]
    shown = tables.performance
    inside = shown["promotion_id"].isin(tested).to_numpy(dtype=bool)
    return mostly_tested(inside, shown["impressions"].to_numpy())
