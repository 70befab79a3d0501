"""`predictor fit --from`: from a model and today's tables to the next model."""

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config import SplitConfig, make_config
from promopilot.experiments.continuing import Continuation, continuation
from promopilot.experiments.example import write_example
from promopilot.experiments.parts import parts_by_group
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder
from promopilot.experiments.tables import read_tables
from promopilot.predictors.artifact_record import seal_of
from promopilot.predictors.earlier import Earlier
from promopilot.predictors.fitted_on import data_record
from promopilot.predictors.guard import Losses
from promopilot.predictors.held_out import names_of, split_record
from promopilot.predictors.judged import judged_record
from promopilot.predictors.settings import PredictorSettings
from tests.test_parts import randomised, shop
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


@pytest.fixture(scope="module")
def chain(
    model: Path, data: Path, cut: pd.Timestamp, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The second model of a line, which learnt from ten days more, and the third, from ten more."""
    folder = tmp_path_factory.mktemp("chain")
    half = between(data, folder / "half", days_of(data).min(), cut + 10 * DAY)
    with pytest.MonkeyPatch.context() as patch:
        # The guard finds the earlier models so bad that what was learnt is kept.
        patch.setattr("promopilot.predictors.continuing.losses_of", lambda *_: Losses(1.0, 1.0))
        for start, days, name in ((model, half, "second"), (folder / "second", data, "third")):
            code, _, errors = go_on(start, days, folder / name)
            assert code == 0, errors
    return folder / "second", folder / "third"


def test_what_judged_any_model_of_a_line_judges_again_and_is_not_learnt(
    chain: tuple[Path, Path], model: Path, data: Path, cut: pd.Timestamp
) -> None:
    first, second, third = (record_of(folder)["record"] for folder in (model, *chain))
    assert second["continued"]["kept"] != "earlier"
    ends = [[made["data"]["choose"][end] for end in ("from", "to")] for made in (first, second)]
    old = third["continued"]["rows"]["old"]
    assert (old["choose"]["from"], old["choose"]["to"]) == (ends[0][0], ends[1][1])
    assert old["choose"]["rows"] == sum(
        part["rows"] for part in (first["data"]["choose"], second["data"]["choose"])
    )
    history = history_of(chain[0], data).history
    day = history.rows.day.astype("datetime64[D]")
    for begin, end in ends:
        judged = (day >= np.datetime64(begin)) & (day <= np.datetime64(end))
        assert judged.any()
        assert history.is_choose[judged].all()
        assert not history.is_new[judged].any()
    assert (history.is_choose & ~history.is_new).sum() == old["choose"]["rows"]
    assert first["judged"]["days"] == ends[:1]
    assert second["judged"]["days"] == ends
    assert third["judged"]["days"][:2] == ends


def test_days_that_taught_nothing_are_new_again_and_no_judges(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promopilot.predictors.guard.TOLERANCE", -1.0)  # nothing passes
    code, text, errors = go_on(model, data, tmp_path / "same")
    assert code == 0, errors
    assert "Kept is the earlier model as it was" in text
    before, after = (record_of(folder)["record"] for folder in (model, tmp_path / "same"))
    assert after["judged"] == before["judged"]
    assert after["split"] == before["split"]


def test_a_model_that_does_not_tell_what_judged_it_is_judged_by_its_choose_days(
    chain: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "second"
    shutil.copytree(chain[0], folder)
    content = record_of(folder)
    del content["record"]["judged"]
    content["seal"] = seal_of(content)
    (folder / "predictor.json").write_text(json.dumps(content), encoding="utf-8")
    history = history_of(folder, data).history
    found = data_record(
        history.part(new=False, choose=False), history.part(new=False, choose=True)
    )["data"]["choose"]
    assert found == content["record"]["data"]["choose"]


def test_groups_that_were_learnt_from_never_judge_whatever_links_them_later() -> None:
    tables, settings = shop(randomised()), PredictorSettings()
    story = tables.performance["promotion_id"].str[1:].astype(int) // 2
    shown = tables.performance[story < 40]
    parts = parts_by_group(tables, shown, SplitConfig(choose_share=0.2), settings)
    record = {
        "split": split_record(parts.fit, parts.choose),
        "judged": judged_record({}, parts.fit, parts.choose),
        **data_record(parts.fit, parts.choose),
    }
    vocabulary = SimpleNamespace(texts=names_of(parts.fit)["texts"])
    own: Any = SimpleNamespace(record=record, stages=parts.fit.stages, vocabulary=vocabulary)
    # Each new story carries on an old test, under a name that comes before the old one's.
    promotions = tables.promotions
    number = promotions["promotion_id"].str[1:].astype(int) // 2
    linked = promotions.assign(
        group_id=promotions["group_id"].where(number < 40, "a" + promotions["group_id"]),
        test_id=[f"test {story if story < 40 else story - 40}" for story in number],
    )
    found = continuation(
        dataclasses.replace(tables, promotions=linked),
        Earlier(own, "seal", "version", Path()),
        settings,
        make_config({}, ["split.choose_share=0.4", "split.test_share=0"]),
    )
    rows, is_old = found.history.rows, ~found.history.is_new
    groups = rows.promotions.group_id[rows.promotion]
    learnt, judged = (
        set(part.promotions.group_id[part.promotion]) for part in (parts.fit, parts.choose)
    )
    assert set(groups[is_old & found.history.is_choose]) == judged
    assert set(groups[is_old & ~found.history.is_choose]) == learnt


def history_of(model: Path, data: Path) -> Continuation:
    earlier = Earlier.load(model, PredictorSettings(device="cpu"))
    config = make_config({}, ["predictor.device=cpu"])
    return continuation(read_tables(data), earlier, earlier.settings(config.predictor), config)


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
