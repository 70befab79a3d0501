"""What has judged a predictor is told by its record, and the record grows along a line of fits."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.predictors.conftest import tables

from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.fitted_on import data_record
from promopilot.predictors.held_out import split_record
from promopilot.predictors.judged import has_judged, judged_record
from promopilot.predictors.settings import PredictorSettings


@pytest.fixture(scope="module")
def rows() -> Rows:
    return rows_from_tables(*tables(days=42), PredictorSettings())


@pytest.fixture(scope="module")
def week(rows: Rows) -> np.ndarray:
    return (rows.day - rows.day.min()) // 7


@pytest.fixture(scope="module")
def group(rows: Rows) -> np.ndarray:
    return rows.promotions.group_id[rows.promotion]


def record_of(fit: Rows, choose: Rows, before: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "split": split_record(fit, choose),
        "judged": judged_record(before or {}, fit, choose),
        **data_record(fit, choose),
    }


def judges(rows: Rows, record: dict[str, Any]) -> np.ndarray:
    found = has_judged(rows, record)
    assert found is not None
    return found


def test_days_that_judged_one_fit_of_a_line_are_kept_in_the_next(
    rows: Rows, week: np.ndarray
) -> None:
    first = record_of(rows.pick(week < 2), rows.pick(week == 2))
    assert first["judged"] == {"days": [["2024-01-15", "2024-01-21"]], "groups": [], "texts": []}
    assert (judges(rows, first) == (week == 2)).all()
    second = record_of(rows.pick((week < 2) | (week == 3)), rows.pick(week == 4), first)
    assert second["judged"]["days"] == [["2024-01-15", "2024-01-21"], ["2024-01-29", "2024-02-04"]]
    assert (judges(rows, second) == np.isin(week, (2, 4))).all()
    assert first["judged"]["days"] == [["2024-01-15", "2024-01-21"]]


def test_a_record_of_before_tells_of_its_choose_days_and_grows_from_there(
    rows: Rows, week: np.ndarray
) -> None:
    old = record_of(rows.pick(week < 2), rows.pick(week == 2))
    del old["judged"]
    assert (judges(rows, old) == (week == 2)).all()
    next_one = record_of(rows.pick(week == 3), rows.pick(week == 4), old)
    assert (judges(rows, next_one) == np.isin(week, (2, 4))).all()


def test_groups_that_judged_are_told_by_name_and_by_text(rows: Rows, group: np.ndarray) -> None:
    first = record_of(rows.pick(group == "soup"), rows.pick(group == "milk"))
    assert first["judged"]["days"] == []
    assert set(group[judges(rows, first)]) == {"milk"}
    second = record_of(
        rows.pick(np.isin(group, ("soup", "tea"))),
        rows.pick(np.isin(group, ("milk", "beer"))),
        first,
    )
    assert set(group[judges(rows, second)]) == {"milk", "beer"}
    moved = rows.promotions.group_id.copy()
    moved[moved == "milk"] = "another name of milk"
    renamed = dataclasses.replace(
        rows, promotions=dataclasses.replace(rows.promotions, group_id=moved)
    )
    assert (judges(renamed, second) == judges(rows, second)).all()


def test_a_group_that_was_learnt_from_on_any_day_is_no_judge(
    rows: Rows, week: np.ndarray, group: np.ndarray
) -> None:
    learnt = rows.pick((group == "soup") | ((group == "milk") & (week < 3)))
    judging = rows.pick(np.isin(group, ("milk", "beer")) & (week > 1))
    record = record_of(learnt, judging)
    assert set(group[judges(rows, record)]) == {"beer"}


def test_a_record_of_before_does_not_tell_which_groups_judged(
    rows: Rows, group: np.ndarray
) -> None:
    old = record_of(rows.pick(group == "soup"), rows.pick(group == "milk"))
    del old["judged"]
    assert has_judged(rows, old) is None
