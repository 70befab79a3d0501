import errno
import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promopilot.experiments import fast_csv
from promopilot.experiments.fast_csv import significant, write_csv


@given(st.floats(allow_infinity=False, allow_nan=False, min_value=1e-12, max_value=1e8))
@example(0.0)
@example(1.0)
@example(9.9999999995)
@example(1e-5)
def test_it_rounds_as_a_format_does(value: float) -> None:
    found = float(significant(np.array([value]), 9)[0])
    assert found == pytest.approx(float(f"{value:.9g}"), rel=2e-9)
    assert significant(np.array([found]), 9)[0] == found
    digits = repr(found).partition("e")[0].replace(".", "").lstrip("0").rstrip("0")
    assert len(digits) <= 9


def test_missing_and_tiny_stay() -> None:
    values = np.array([np.nan, 0.0, 1e-300, -0.5, 3e20])
    assert np.array_equal(significant(values, 9), values, equal_nan=True)


def test_it_reads_back_as_what_was_written(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "promotion_id": ["a,b", 'say "ah"', "两 yuan off", "plain"],
            "date": ["2025-01-01"] * 4,
            "ctr": [1 / 3, 0.0, np.nan, 1.23456789e-5],
            "cvr": np.nan,
            "clicks": [1, 2, 3, 4],
        }
    )
    path = tmp_path / "it's here.csv"
    write_csv(frame, path)
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[:2] == [
        "promotion_id,date,ctr,cvr,clicks",
        '"a,b",2025-01-01,0.333333333,,1',
    ]
    assert "\r" not in text
    expected = frame.assign(ctr=[0.333333333, 0.0, np.nan, 1.23456789e-5])
    pd.testing.assert_frame_equal(pd.read_csv(path), expected, check_dtype=False)


def test_order_is_kept_over_many_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": np.arange(300_000), "half": np.arange(300_000) / 2})
    write_csv(frame, tmp_path / "n.csv")
    assert (pd.read_csv(tmp_path / "n.csv")["n"].to_numpy() == frame["n"].to_numpy()).all()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('IO Error: Could not write file "x": No space left on device', errno.ENOSPC),
        ("IO Error: something else", errno.EIO),
    ],
)
def test_what_stops_the_writing_is_an_os_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, code: int
) -> None:
    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def register(self, *_: object) -> None:
            pass

        def execute(self, _: str) -> None:
            raise duckdb.IOException(message)

    monkeypatch.setattr(fast_csv.duckdb, "connect", Full)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert caught.value.errno == code
