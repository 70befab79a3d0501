from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.log_table import (
    Place,
    evidence_column,
    feature_columns,
    place_in,
    timestamp_column,
)

DAY = np.datetime64("2026-03-01T00:00:00")


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (
            ["2026-03-01", "2026-03-01T12:30:00", "soon", None],
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
    found = timestamp_column(pa.table({"timestamp": values}))
    assert found[: len(want)].tolist() == [one.item() for one in want]
    assert np.isnat(found[len(want) :]).all()


def test_numbers_are_no_times():
    assert timestamp_column(pa.table({"timestamp": [20260301, 20260302]})) is None
    assert timestamp_column(pa.table({"time": ["2026-03-01"]})) is None


def test_features_are_the_columns_x_with_gaps():
    table = pa.table({"x_b": [1.0, None], "action": ["u", "v"], "x_a": ["low", "high"]})
    np.testing.assert_array_equal(feature_columns(table), [[1.0, 1.0], [np.nan, 0.0]])
    assert feature_columns(table.select(["action"])).shape == (2, 0)


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
