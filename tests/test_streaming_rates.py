"""Rates of a table read in parts by Ray Data: the same bytes as read whole, and the same faults."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.cluster.stream import worked
from promopilot.experiments.errors import DataError, RunFolderError
from promopilot.experiments.example import write_example
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import predict_to_csv
from promopilot.experiments.streaming import parts, repeats
from promopilot.experiments.streaming.rates import stream_to_csv
from promopilot.experiments.streaming.repeats import ROW, KeyFiles, superseded, twice
from tests.tiny_model import fit_tiny

# Ray Data warns of settings of its own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
SETTINGS = RaySettings(cpus=2, object_store_mb=80)
Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with connected(SETTINGS):
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    return folder / "data"


@pytest.fixture(scope="module")
def model(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_tiny(shop, tmp_path_factory.mktemp("models"))


@pytest.fixture
def changed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Change], Path]:
    """The shop with a changed performance as Parquet, in parts of two row groups of 300 rows.

    A part is read in blocks of up to 250 rows.
    """
    monkeypatch.setattr(parts, "_ROWS_OF_A_PART", 600)
    monkeypatch.setattr(parts, "_ROWS_AT_ONCE", 250)

    def make(change: Change) -> Path:
        folder = tmp_path / "data"
        shutil.copytree(shop, folder)
        performance = pd.read_csv(folder / "performance.csv").head(2_000)
        (folder / "performance.csv").unlink()
        change(performance).to_parquet(folder / "performance.parquet", row_group_size=300)
        return folder

    return make


def same(table: pd.DataFrame) -> pd.DataFrame:
    return table


def few_columns(table: pd.DataFrame) -> pd.DataFrame:
    return table[["date", "promotion_id", "placement_id", "segment_id"]]


def read_again(table: pd.DataFrame) -> pd.DataFrame:
    """Every third row twice, far apart, the later reading first."""
    table = table.assign(as_of="2030-01-02")
    return pd.concat([table, table[::3].assign(as_of="2030-01-01")])


def dates(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(date=pd.to_datetime(table["date"]))


@pytest.mark.parametrize(
    "change", [same, few_columns, read_again, dates, lambda table: blank_rows(table, 450)]
)
def test_the_bytes_are_those_of_the_whole_table(
    changed: Callable[[Change], Path], model: Path, ray: None, tmp_path: Path, change: Change
) -> None:
    data = changed(change)
    assert len(parts.parts_of(data / "performance.parquet")) > 3
    whole = predict_to_csv(model, data, tmp_path / "whole.csv", silent)
    streamed = stream_to_csv(model, data, tmp_path / "parts.csv", SETTINGS, silent)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (streamed["rows"], streamed["engine"]) == (whole["rows"], "ray")


def spoilt(row: int, **cells: object) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({name: "object" for name in cells})
        for name, value in cells.items():
            table.loc[row, name] = value
        return table

    return change


def repeated(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.iloc[[17]]])


def blank_rows(table: pd.DataFrame, count: int) -> pd.DataFrame:
    table = table.astype("object")
    table.iloc[:count] = None
    return table


def undated(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table.assign(as_of="2030-01-01"), table.iloc[[17]]])


@pytest.mark.parametrize(
    "change",
    [
        spoilt(1_500, promotion_id="nobody"),
        spoilt(700, date="2017-13-01"),
        spoilt(1_999, segment_id=None),
        lambda table: table.drop(columns="placement_id"),
        repeated,
        undated,
        lambda table: table.head(0),
        lambda table: blank_rows(table, 2_000),
        lambda table: table[["impressions", "clicks"]],
        lambda table: table.rename(columns=str.upper),
        spoilt(900, date=None, promotion_id=None, placement_id=None, segment_id=None),
    ],
)
def test_faults_are_told_as_of_the_whole_table(
    changed: Callable[[Change], Path], model: Path, ray: None, tmp_path: Path, change: Change
) -> None:
    data = changed(change)
    with pytest.raises(DataError) as whole:
        predict_to_csv(model, data, tmp_path / "whole.csv", silent)
    with pytest.raises(DataError) as streamed:
        stream_to_csv(model, data, tmp_path / "parts.csv", SETTINGS, silent)
    assert str(streamed.value).split(" (and ")[0] == str(whole.value).split(" (and ")[0]
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(("is_table", "said"), [(False, "is no Parquet"), (True, "appear once")])
def test_a_file_that_cannot_be_opened_is_told_as_by_one_process(
    shop: Path, model: Path, tmp_path: Path, is_table: bool, said: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(shop, data)
    (data / "performance.csv").unlink()
    file = data / "performance.parquet"
    file.write_bytes(b"PAR1 and not much more")
    if is_table:
        pq.write_table(pa.table([["2030-01-01"], ["2030-01-02"]], names=["date", "date"]), file)
    for run in (
        lambda: predict_to_csv(model, data, tmp_path / "rates.csv", silent),
        lambda: stream_to_csv(model, data, tmp_path / "rates.csv", SETTINGS, silent),
    ):
        with pytest.raises(DataError, match=said):
            run()


def test_a_page_that_cannot_be_read_is_told_as_by_one_process(
    changed: Callable[[Change], Path], model: Path, ray: None, tmp_path: Path
) -> None:
    data = changed(same)
    file = data / "performance.parquet"
    content = bytearray(file.read_bytes())
    damaged = pq.ParquetFile(file).metadata.row_group(4).column(0).data_page_offset
    content[damaged : damaged + 20] = b"\xff" * 20
    file.write_bytes(content)
    for run in (
        lambda: predict_to_csv(model, data, tmp_path / "rates.csv", silent),
        lambda: stream_to_csv(model, data, tmp_path / "rates.csv", SETTINGS, silent),
    ):
        with pytest.raises(
            DataError,
            match=r"^performance\.parquet cannot be read \(Couldn.t .*\); check the file$",
        ):
            run()
    assert not (tmp_path / "rates.csv").exists()


def test_of_many_faults_the_first_are_named_and_all_counted(
    changed: Callable[[Change], Path], model: Path, ray: None, tmp_path: Path
) -> None:
    for change in (
        lambda table: pd.concat([table, table]),
        lambda table: table.assign(date="soon"),
    ):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        with pytest.raises(DataError, match=r" \(and 1999 more\)$") as told:
            stream_to_csv(model, changed(change), tmp_path / "rates.csv", SETTINGS, silent)
        rows = [problem.row for problem in told.value.problems]
        assert rows == list(range(rows[0], rows[0] + 100))


def test_a_csv_file_is_refused_and_no_file_is_every_line_item(
    shop: Path, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunFolderError, match=r"performance\.csv is no Parquet file"):
        stream_to_csv(model, shop, tmp_path / "rates.csv", SETTINGS, silent)
    bare = tmp_path / "bare"
    shutil.copytree(shop, bare, ignore=shutil.ignore_patterns("performance.*"))
    assert not stream_to_csv(model, bare, tmp_path / "rates.csv", SETTINGS, silent)["dated"]


class _Deadly:
    """Ends its process at the first of its parts that has not been tried before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, part: int) -> Iterator[int]:
        tried = self._folder / str(part)
        yield 10 * part
        if part == 3 and not tried.exists():
            tried.touch()
            os._exit(1)
        yield 10 * part + 1


@pytest.mark.slow
def test_a_part_whose_process_is_lost_is_done_again(ray: None, tmp_path: Path) -> None:
    found = [answer for _, answer in worked(_Deadly, (tmp_path,), list(range(8)))]
    assert found == [10 * part + at for part in range(8) for at in (0, 1)]
    assert (tmp_path / "3").exists()


KEYS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=60)


@given(rows=KEYS, cut=st.integers(1, 20))
def test_repeats_on_disk_are_those_of_a_table(
    rows: list[tuple[int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = np.array([(key, read, row) for row, (key, read) in enumerate(rows)], dtype=ROW)
    with KeyFiles(tmp_path_factory.mktemp("keys")) as files:
        for start in range(0, len(table), cut):
            files.add(table[start : start + cut])
        found = list(files.repeated())
    frame = pd.DataFrame(rows, columns=["key", "read"])
    again = np.concatenate([twice(part)["row"] for part in found])
    assert sorted(again) == list(np.flatnonzero(frame.duplicated()))
    left = np.concatenate([superseded(part) for part in found])
    kept = frame.drop(index=left)
    assert sorted(kept["key"]) == sorted(set(frame["key"]))
    assert dict(kept.to_numpy().tolist()) == frame.groupby("key")["read"].max().to_dict()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_says_where_the_keys_of_rows_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.array([(1, 0, 2), (65, 0, 3)], dtype=ROW)
    said = rf"keys of rows in {tmp_path} \(no space left on device\).* TMPDIR"
    monkeypatch.setattr(repeats, "_FILES", 2)
    (tmp_path / "01.keys").symlink_to("/dev/full")
    with KeyFiles(tmp_path) as files:
        files.add(rows)  # few, and so not written yet
        with pytest.raises(RunFolderError, match=said):
            list(files.repeated())
    with KeyFiles(tmp_path) as files, pytest.raises(RunFolderError, match=said):
        files.add(np.resize(rows, 10_000))
    monkeypatch.setattr(Path, "open", _full)
    with pytest.raises(RunFolderError, match=said):
        KeyFiles(tmp_path)


def _full(path: Path, mode: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_parts_hold_every_row_once(changed: Callable[[Change], Path]) -> None:
    file = changed(same) / "performance.parquet"
    found = parts.parts_of(file)
    groups = [group for part in found for group in part.groups]
    metadata = pq.ParquetFile(file).metadata
    assert groups == list(range(metadata.num_row_groups))
    sizes = [metadata.row_group(group).num_rows for group in groups]
    assert [part.start for part in found] == [sum(sizes[: part.groups[0]]) for part in found]
