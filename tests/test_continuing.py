"""`predictor fit --from`: from a model and today's tables to the next model."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.example import write_example
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder
from tests.test_scoring import base  # noqa: F401 - a fixture

RUN = CliRunner()
QUICK = ("predictor.mode=frozen", "predictor.head_epochs=8")
DAY = pd.Timedelta("1D")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    return folder / "data"


def days_of(data: Path) -> "pd.Series[pd.Timestamp]":
    return pd.read_csv(data / "performance.csv", parse_dates=["date"])["date"]


def between(data: Path, folder: Path, first: pd.Timestamp, last: pd.Timestamp) -> Path:
    """The tables with the days from `first` to `last` alone."""
    shutil.copytree(data, folder)
    table = pd.read_csv(data / "performance.csv")
    day = pd.to_datetime(table["date"])
    table[(day >= first) & (day <= last)].to_csv(folder / "performance.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def cut(data: Path) -> pd.Timestamp:
    """The last day that the earlier model knows; 20 more are new."""
    return days_of(data).max() - 20 * DAY


@pytest.fixture(scope="module")
def model(
    base: Path,  # noqa: F811
    data: Path,
    cut: pd.Timestamp,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("models")
    old = between(data, folder / "old", days_of(data).min(), cut)
    config = make_config(
        {}, [*QUICK, f"predictor.base_model={base}", f"flight.start={(cut + DAY).date()}"]
    )
    fit_from_folder(old, folder / "model", config, 0, silent)
    return folder / "model"


def go_on(model: Path, data: Path, out: Path, *more: str) -> tuple[int, str, str]:
    asked = ["predictor", "fit", "--from", str(model), "--data", str(data), "--out", str(out)]
    result = RUN.invoke(app, [*asked, *more])
    return result.exit_code, result.stdout, result.stderr


def record_of(model: Path) -> dict:
    return json.loads((model / "predictor.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def later(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("later") / "model"
    code, text, errors = go_on(model, data, out, "--set", "flight.days=7")
    assert code == 0, errors
    assert "Kept" in text
    assert "Log-loss on old choose rows:" in text
    return out


def test_the_new_days_are_parted_and_the_old_ones_as_they_were(
    later: Path, model: Path, cut: pd.Timestamp
) -> None:
    told = record_of(later)["record"]["continued"]["rows"]
    before = record_of(model)["record"]["data"]
    assert told["old"]["choose"] == before["choose"]
    assert told["old"]["fit"] == before["fit"]
    day = lambda number: str((cut + number * DAY).date())  # noqa: E731
    # 20 new days: seven are the flight that is scored, six of the 13 before it choose.
    assert (told["new"]["fit"]["from"], told["new"]["fit"]["to"]) == (day(1), day(7))
    assert (told["new"]["choose"]["from"], told["new"]["choose"]["to"]) == (day(8), day(13))


def test_metrics_and_card_tell_of_both_models(later: Path, model: Path) -> None:
    found = json.loads((later / "metrics.json").read_text())["predictor"]
    told = found["continued"]
    record = record_of(later)["record"]["continued"]
    assert {name: told[name] for name in record} == record
    assert told["from"]["seal"] == record_of(model)["seal"]
    assert told["test"]["all"]["kept"] == pytest.approx(found["test"]["log_loss"], rel=1e-9)
    assert told["test"]["all"]["impressions"] == found["test"]["impressions"]
    card = (later / "model_card.md").read_text(encoding="utf-8")
    assert "## Earlier model" in card
    assert record_of(model)["seal"] in card


def test_it_can_take_the_place_of_the_model_it_goes_on_from(
    model: Path, data: Path, tmp_path: Path
) -> None:
    own = tmp_path / "model"
    shutil.copytree(model, own)
    code, _, errors = go_on(own, data, own)
    assert code == 2
    assert "holds a predictor already; start anew with --overwrite" in errors
    assert record_of(own) == record_of(model)
    code, _, errors = go_on(own, data, own, "--overwrite")
    assert code == 0, errors
    assert record_of(own)["record"]["continued"]["lineage"] == [record_of(model)["seal"]]
    # And once more: there is nothing new by now.
    code, _, errors = go_on(own, data, own, "--overwrite")
    if record_of(own)["record"]["continued"]["kept"] != "earlier":
        assert code == 2
        assert "There is nothing new: the earlier model has seen all days up to" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_old_days_may_lie_in_another_folder(
    model: Path, data: Path, cut: pd.Timestamp, later: Path, tmp_path: Path
) -> None:
    new = between(data, tmp_path / "new", cut + DAY, days_of(data).max())
    code, _, errors = go_on(model, new, tmp_path / "model")
    assert code == 2
    assert "The tables hold nothing that the earlier model has learnt" in errors
    assert "name one that has them with --replay" in errors
    few = ("--set", "flight.days=7")
    code, _, errors = go_on(model, new, tmp_path / "model", "--replay", str(data), *few)
    assert code == 0, errors
    weights = [
        (folder / "model.safetensors").read_bytes() for folder in (tmp_path / "model", later)
    ]
    assert weights[0] == weights[1]


def test_replay_goes_with_from_alone(data: Path, tmp_path: Path) -> None:
    asked = ["predictor", "fit", "--data", str(data), "--out", str(tmp_path / "m")]
    result = RUN.invoke(app, [*asked, "--replay", str(data)])
    assert result.exit_code == 2
    assert "give the model that it goes on from with --from" in result.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", "predictor.text_width=16"), "predictor.text_width is 16, but the earlier model"),
        (("--set", "flight.start={cut}"), "but the earlier model has seen the days before"),
        (("--set", "flight.start={next}"), "Only the day"),
        (("--set", "predictor.base_model=missing"), "which is no folder: name a folder with"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    model: Path,
    data: Path,
    cut: pd.Timestamp,
    tmp_path: Path,
    more: tuple[str, ...],
    said: str,
) -> None:
    days = {"cut": cut.date(), "next": (cut + 2 * DAY).date()}
    code, _, errors = go_on(model, data, tmp_path / "m", *(part.format(**days) for part in more))
    assert code == 2
    assert said in errors
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_model_is_refused(data: Path, tmp_path: Path) -> None:
    code, _, errors = go_on(tmp_path / "none", data, tmp_path / "m")
    assert code == 2
    assert "predictor.json is missing" in errors
