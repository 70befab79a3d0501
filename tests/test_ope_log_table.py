from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.log_table import (
    Place,
    evidence_column,
    feature_columns,
    ignored_columns,
    place_in,
    timestamp_column,
)

FILE = Place("log.csv", 2)
DAY = np.datetime64("2026-03-01T00:00:00")


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (
            ["2026-03-01", "2026-03-01T12:30:00", " ", None, "NaT"],
            [DAY, DAY + np.timedelta64(750, "m")],
        ),
        (["2026-03-01T01:00:00+01:00", "2026-02-28T23:00:00-01:00"], [DAY, DAY]),
        ([date(2026, 3, 1), None], [DAY]),
        (
            [datetime(2026, 3, 1, 0, 0, 5), datetime(2026, 3, 1)],
            [DAY + np.timedelta64(5, "s"), DAY],
        ),
    ],
)
def test_times_are_read_in_utc_and_what_is_none_is_a_gap(values, want):
    found = timestamp_column(pa.table({"timestamp": values}), FILE)
    assert found[: len(want)].tolist() == [one.item() for one in want]
    assert np.isnat(found[len(want) :]).all()


@pytest.mark.parametrize(
    "value", ["soon", "31.09.2026", "2026-09-31", "20260301", "2026-03-01T25:00", 1764547200]
)
def test_what_is_no_time_is_refused_with_its_row(value):
    rule = f"^log.csv, row 3: timestamp is '{value}'; it must be an ISO date or time, such as 2026"
    with pytest.raises(LogError, match=rule):
        timestamp_column(pa.table({"timestamp": [None, value]}), FILE)


def test_without_a_column_there_are_no_times():
    assert timestamp_column(pa.table({"time": ["2026-03-01"]}), FILE) is None


def test_features_are_the_columns_x_with_gaps():
    table = pa.table({"x_b": [1.0, None], "action": ["u", "v"], "x_a": ["low", "high"]})
    found = feature_columns(table, "x_", "log.csv")
    np.testing.assert_array_equal(found, [[1.0, 1.0], [np.nan, 0.0]])
    assert feature_columns(table.select(["action"]), "x_", "log.csv").shape == (2, 0)


def test_a_word_among_numbers_is_refused_and_words_with_some_numbers_are_read():
    numbers = [str(one) for one in range(20)]
    with pytest.raises(LogError, match=r"^log.csv, row 22: x_age is 'abc', but nearly all others"):
        feature_columns(pa.table({"x_age": [*numbers, "abc"]}), "x_", "log.csv")
    sizes = feature_columns(pa.table({"x_size": ["38", "XL", " 40", "n/a"]}), "x_", "log.csv")
    np.testing.assert_array_equal(sizes[:, 0], [0.0, 2.0, 1.0, np.nan])
    known = feature_columns(pa.table({"x_age": ["2", "", "10", "NA"]}), "x_", "log.csv")
    np.testing.assert_array_equal(known[:, 0], [2.0, np.nan, 10.0, np.nan])


def test_features_without_a_value_are_passed_over_and_told_beside_unknown_columns():
    table = pa.table({"x_a": [1.0, None], "x_b": ["", None], "step": [1, 2], "action": ["u", ""]})
    assert feature_columns(table, "x_", "log.csv").shape == (2, 1)
    assert ignored_columns(table, ("action", "x_*")) == ("x_b", "step")


def test_one_simulated_row_makes_a_log_simulated():
    place = place_in("log.csv", np.array(["d", "e"], dtype=object))

    def evidence(words):
        return evidence_column(pa.table({"evidence": words}), place)

    assert evidence_column(pa.table({"action": ["u", "v"]}), place) == "logged"
    assert evidence(["logged", "logged"]) == "logged"
    assert evidence(["logged", "simulated"]) == "simulated"
    with pytest.raises(
        LogError, match=r"log.csv, row 3 \(decision e\): evidence is 'real'; it must"
    ):
        evidence(["logged", "real"])


def test_a_place_names_the_first_bad_row_its_value_and_the_rule():
    place, values = Place(), np.array([1.0, -2.0, -3.0])
    place.refuse(values > 5.0, "q", values, "it must be small")
    with pytest.raises(LogError, match=r"^the log, row 2: q is -2; it must be positive.$"):
        place.refuse(values < 0.0, "q", values, "it must be positive")
    ids = np.array(["a", "b", "a"], dtype=object)
    file = place_in("log.csv", ids)
    with pytest.raises(LogError, match=r"^log.csv, row 4 \(decision a\): q is -3; "):
        file.of_rows(np.array([0, 2])).refuse(
            np.array([False, True]), "q", values[[0, 2]], "it must be positive"
        )
    file.refuse_repeated({"decision_id": ids, "position": np.array([0, 0, 1])})
    with pytest.raises(LogError, match="row 4: decision_id 'a', position 0 stands there twice"):
        file.refuse_repeated({"decision_id": ids, "position": np.array([0, 0, 0])})
