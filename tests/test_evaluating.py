"""`predictor evaluate`, with a tiny BERT in place of the packaged one."""

import json
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
CONTENDERS = {"predictor", "base", "one_hot", "tfidf", "frozen"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    return folder / "data"


@pytest.fixture(scope="module")
def model(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    out = tmp_path_factory.mktemp("models") / "shop"
    quick = ["predictor.mode=frozen", "predictor.head_epochs=10"]
    config = make_config({}, [*quick, f"predictor.base_model={base}"])
    fit_from_folder(data, out, config, 0, silent)
    return out


def evaluate(model: Path, data: Path, *more: str) -> tuple[int, str, str]:
    asked = ["predictor", "evaluate", str(model), "--data", str(data), *more]
    result = RUN.invoke(app, asked)
    return result.exit_code, result.stdout, result.stderr


def without(data: Path, folder: Path, **changes: pd.DataFrame) -> Path:
    folder.mkdir()
    for path in data.glob("*.csv"):
        table = changes.get(path.stem)
        if table is None:
            (folder / path.name).write_bytes(path.read_bytes())
        else:
            table.to_csv(folder / path.name, index=False)
    return folder


def test_it_prints_a_table_and_writes_what_is_behind_it(
    model: Path, data: Path, tmp_path: Path
) -> None:
    code, text, _ = evaluate(model, data, "--out", str(tmp_path / "scores"))
    assert code == 0
    assert "rows that the fit has used were left out" in text
    for told in ("language model, fine-tuned", "word counts", "log-loss", "Clicks per impression"):
        assert told in text
    found = json.loads((tmp_path / "scores" / "evaluation.json").read_text(encoding="utf-8"))
    test = json.loads((model / "metrics.json").read_text(encoding="utf-8"))["predictor"]["test"]
    assert found["impressions"] == test["impressions"]  # the days that the fit held out
    overall = pd.read_csv(tmp_path / "scores" / "overall.csv")
    assert set(overall["contender"]) == CONTENDERS
    assert set(overall["stage"]) == {"ctr", "cvr", "ctcvr"}
    last = overall[(overall["stage"] == "ctcvr") & (overall["measure"] == "log_loss")]
    losses = last.set_index("contender")["value"]
    assert losses["predictor"] == pytest.approx(test["log_loss"], rel=1e-6)
    assert losses["tfidf"] == pytest.approx(test["baselines"]["tfidf"], rel=1e-6)
    slices = pd.read_csv(tmp_path / "scores" / "slices.csv")
    assert {"placement", "segment", "week"} <= set(slices["dimension"])
    assert len(pd.read_csv(tmp_path / "scores" / "reliability.csv")) == 30
    assert (tmp_path / "scores" / "coverage.csv").is_file()


def test_an_earlier_evaluation_is_replaced_only_when_asked(
    model: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "evaluation.json").write_text("{}")
    code, _, error = evaluate(model, data, "--out", str(tmp_path / "scores"))
    assert code == 2
    assert "scores holds an evaluation already; start anew with --overwrite" in error
    assert (tmp_path / "scores" / "evaluation.json").read_text() == "{}"
    code, _, error = evaluate(model, data, "--out", str(tmp_path / "scores"), "--overwrite")
    assert code == 0, error
    assert (tmp_path / "scores" / "overall.csv").is_file()


def test_json_is_the_same_each_time_and_needs_no_folder(model: Path, data: Path) -> None:
    first, second = (evaluate(model, data, "--json", "--seed", "3") for _ in range(2))
    assert first[0] == 0
    assert json.loads(first[1]) == json.loads(second[1])
    seeds = (json.loads(first[1]), json.loads(evaluate(model, data, "--json", "--seed", "4")[1]))
    value, low = (
        [[score[key] for score in each["overall"]] for each in seeds] for key in ("value", "low")
    )
    assert value[0] == value[1]
    assert low[0] != low[1]  # of few groups single ends may be the same by chance


def test_training_rows_are_not_needed(model: Path, data: Path, tmp_path: Path) -> None:
    performance = pd.read_csv(data / "performance.csv")
    late = performance[performance["date"] > sorted(performance["date"].unique())[-15]]
    few = without(data, tmp_path / "late", performance=late)
    code, text, _ = evaluate(model, few, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["rows_left_out"] == 0
    assert found["rows"] == len(late[late["impressions"] > 0])


def test_what_cannot_be_scored_is_told_in_a_sentence(
    model: Path, data: Path, tmp_path: Path
) -> None:
    performance = pd.read_csv(data / "performance.csv")
    early = performance[performance["date"] < sorted(performance["date"].unique())[20]]
    cases = {
        "give it later ones": {"performance": early},
        "no conversions to score against": {"performance": performance.drop(columns="conversions")},
        "at least one row": {"performance": performance.head(0)},
    }
    for at, (told, changes) in enumerate(cases.items()):
        code, _, error = evaluate(model, without(data, tmp_path / str(at), **changes))
        assert code == 2, error
        assert told in " ".join(error.split()), error
    silent_shop = without(data, tmp_path / "silent")
    (silent_shop / "performance.csv").unlink()
    code, _, error = evaluate(model, silent_shop)
    assert code == 2, error
    (tmp_path / "thesis.docx").write_text("x")
    for out, told in ((tmp_path, "no evaluation"), (tmp_path / "thesis.docx", "is a file")):
        code, _, error = evaluate(model, data, "--out", str(out))
        assert code == 2
        assert told in error
    code, _, error = evaluate(tmp_path / "none", data)
    assert code == 2
