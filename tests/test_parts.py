"""Parts of the data by days or by groups, and fits on them from the command line."""

import json
import os
import signal
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config import SplitConfig, make_config
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.parts import parts_before, parts_by_group, split_by
from promopilot.experiments.progress import Progress
from promopilot.experiments.tables import Tables, read_tables
from promopilot.predictors.dataset import Rows
from promopilot.predictors.settings import PredictorSettings
from tests.predictors.conftest import tiny_bert

runner = CliRunner()
TESTS = 60


def shop(promotions: pd.DataFrame, days: int = 4) -> Tables:
    """Promotions that are each shown every day, with more conversions for soup."""
    shown = promotions[["promotion_id"]].merge(
        pd.DataFrame({"date": pd.date_range("2025-01-01", periods=days)}), how="cross"
    )
    text = shown["promotion_id"].map(promotions.set_index("promotion_id")["text"])
    likes = text.str.contains("soup").to_numpy()
    performance = shown.assign(impressions=1000, conversions=np.where(likes, 150, 50))
    places = [
        pd.DataFrame({f"{what}_id": ["all"], "text": "a"}) for what in ("placement", "segment")
    ]
    performance = performance.assign(placement_id="all", segment_id="all")
    return Tables(Path("shop"), promotions, *places, performance, {})


def named(groups: list[str], texts: list[str]) -> pd.DataFrame:
    ids = [f"p{at}" for at in range(len(groups))]
    return pd.DataFrame({"promotion_id": ids, "text": texts, "group_id": groups})


def randomised() -> pd.DataFrame:
    """Tests of two texts each, one of them with soup."""
    products = ("milk", "beer", "tea", "cheese")
    texts = [
        f"{10 + test}% off {what}"
        for test in range(TESTS)
        for what in ("soup", products[test % len(products)])
    ]
    groups = [f"story {test}" for test in range(TESTS) for _ in range(2)]
    return named(groups, texts).assign(test_id=[name.replace("story", "test") for name in groups])


def ids(rows: Rows, column: str) -> set[str]:
    return set(getattr(rows.promotions, column)[rows.promotion])


@pytest.mark.parametrize(
    ("by", "test_id", "expected"),
    [
        ("auto", ["a", "a", "b"], "group"),
        ("auto", ["", "b", "b"], "group"),
        ("auto", ["", "", "b"], "time"),  # most impressions are not those of tests
        ("auto", [None, None, None], "time"),
        ("auto", None, "time"),
        ("time", ["a", "a", "b"], "time"),
        ("group", None, "group"),
    ],
)
def test_randomised_tests_are_parted_by_group_and_all_else_by_time(
    by: str, test_id: list[str | None] | None, expected: str
) -> None:
    promotions = named(["x", "y", "z"], ["a", "b", "c"])
    if test_id is not None:
        promotions["test_id"] = pd.Series(test_id, dtype="str")
    assert split_by(SplitConfig.model_validate({"by": by}), shop(promotions)) == expected


def test_by_group_needs_a_column_of_groups() -> None:
    promotions = named(["x", "y"], ["a", "b"]).drop(columns="group_id")
    with pytest.raises(
        ConfigError, match="has neither a column group_id nor category nor test_id: add"
    ):
        split_by(SplitConfig(by="group"), shop(promotions))
    tables = shop(promotions.assign(category="food"))
    assert split_by(SplitConfig(by="group"), tables) == "group"


def test_too_few_groups_are_refused() -> None:
    tables = shop(named(["x"] * 6, list("abcdef")))
    with pytest.raises(ConfigError, match="leaves no group to choose or none to fit: give"):
        parts_by_group(tables, tables.performance, SplitConfig(), PredictorSettings())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=12, max_size=40),
    st.floats(0.1, 0.4),
    st.floats(0.0, 0.4),
)
def test_no_text_and_no_group_stands_in_two_parts(
    names: list[tuple[int, int]], choose_share: float, test_share: float
) -> None:
    promotions = named([f"g{group}" for group, _ in names], [f"text {text}" for _, text in names])
    tables = shop(promotions, days=1)
    split = SplitConfig(by="group", choose_share=choose_share, test_share=test_share)
    try:
        parts = parts_by_group(tables, tables.performance, split, PredictorSettings())
    except ConfigError:
        assume(False)
    rows = [part for part in (parts.fit, parts.choose, parts.test) if part is not None]
    for column in ("text", "group_id"):
        found = [ids(part, column) for part in rows]
        assert sum(map(len, found)) == len(set().union(*found))
    assert sum(map(len, rows)) == len(tables.performance)


@pytest.mark.parametrize("by", ["time", "group"])
def test_nothing_dated_in_the_flight_is_read(by: str) -> None:
    tables = shop(randomised(), days=20)
    start = date(2025, 1, 15)
    config = make_config({"flight": {"start": start.isoformat(), "days": 4}, "split": {"by": by}})
    parts = parts_before(tables, resolve_dates(config, tables.performance), config)
    first = (start - date(1970, 1, 1)).days
    assert parts.test is None
    assert max(parts.fit.day.max(), parts.choose.day.max()) == first - 1
    assert len(parts.fit) + len(parts.choose) == 14 * 2 * TESTS
    if by == "time":
        assert parts.fit.day.max() < parts.choose.day.min()
    else:
        assert not ids(parts.fit, "text") & ids(parts.choose, "text")
        assert set(parts.fit.day) == set(parts.choose.day)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of randomised tests, and a tiny BERT beside it."""
    place = tmp_path_factory.mktemp("tests")
    tables = shop(randomised())
    (place / "data").mkdir()
    tables.promotions.to_csv(place / "data" / "promotions.csv", index=False)
    kept = ["date", "promotion_id", "impressions", "conversions"]
    tables.performance[kept].to_csv(place / "data" / "performance.csv", index=False)
    tiny_bert(place / "bert")
    return place


def fit(folder: Path, out: Path, *options: str) -> Result:
    sets = {
        "base_model": folder / "bert",
        "mode": "top_k",
        "trainable_layers": 1,
        "head_epochs": 12,
        "epochs": 2,
        "head_learning_rate": 0.01,
        "averaging": 0.8,
        "batch_texts": 16,
    }
    chosen = [part for key, value in sets.items() for part in ("--set", f"predictor.{key}={value}")]
    chosen += ["--set", "split.test_share=0.25", "--device", "cpu", *options]
    data = ["--data", str(folder / "data"), "--out", str(out)]
    return runner.invoke(app, ["predictor", "fit", *data, *chosen])


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    out = folder / "model"
    result = fit(folder, out, "--tensorboard", str(folder / "logs"))
    assert result.exit_code == 0, result.stderr
    return out


def record(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "predictor.json").read_text(encoding="utf-8"))
    return found["record"]


def test_a_fit_on_randomised_tests_scores_pairs_of_groups_it_never_saw(
    folder: Path, model: Path
) -> None:
    test = json.loads((model / "metrics.json").read_text(encoding="utf-8"))["predictor"]["test"]
    assert test["pair_accuracy"] > 0.9  # soup wins each test
    assert record(model)["split"]["by"] == "group"
    tables = read_tables(folder / "data")
    parts = parts_by_group(
        tables, tables.performance, SplitConfig(test_share=0.25), PredictorSettings()
    )
    assert parts.test is not None
    assert test["rows"] == len(parts.test)


def test_losses_are_written_for_tensorboard(folder: Path, model: Path) -> None:
    events = list((folder / "logs").glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert b"fine-tuning" in events[0].read_bytes()


def test_an_interrupted_fit_goes_on_from_its_last_pass(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    original = Progress.__call__

    def call(self: Progress, what: str, share: float) -> None:
        told.append(what)
        original(self, what, share)
        if what.startswith("fine-tuning, pass 1"):
            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "__call__", call)
        stopped = fit(folder, out)
    kept = tmp_path / ".model.checkpoint"
    assert stopped.exit_code == 130
    assert f"kept in {kept}: the same command goes on from the last pass" in stopped.stderr
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]

    def listen(self: Progress, what: str, share: float) -> None:
        told.append(what)
        original(self, what, share)

    told.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "__call__", listen)
        result = fit(folder, out)
    assert result.exit_code == 0, result.stderr
    passes = [what.partition(":")[0] for what in told if ", pass " in what]
    assert passes == ["fine-tuning, pass 2"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert record(out) == record(model)
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_a_fit_interrupted_before_its_first_pass_keeps_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    stopped = fit(folder, tmp_path / "model")
    assert stopped.exit_code == 130
    assert "no pass was finished" in stopped.stderr
    assert not list(tmp_path.iterdir())


def test_a_model_is_not_written_over_the_working_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = fit(folder, Path())
    assert refused.exit_code == 2
    assert ". is no new folder: name one for the predictor with --out" in refused.stderr
    assert not list(tmp_path.iterdir())
