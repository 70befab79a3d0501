"""`--device` of `predictor fit` and `predict`: it wins over the config and reaches the network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from promopilot.experiments import scoring
from promopilot.experiments.cli.app import app
from promopilot.experiments.example import write_example

runner = CliRunner()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "auto"),
        (["--set", "predictor.device=cpu"], "cpu"),
        (["--device", "cpu"], "cpu"),
        (["--set", "predictor.device=cuda", "--device", "cpu"], "cpu"),
    ],
)
def test_fit_takes_the_option_before_the_config(
    monkeypatch: pytest.MonkeyPatch, options: list[str], expected: str
) -> None:
    asked = []

    def fit(data: Path, out: Path, config: Any, *_: object) -> dict[str, Any]:
        asked.append(config.predictor.device)
        return {}

    monkeypatch.setattr(scoring, "fit_from_folder", fit)
    result = runner.invoke(app, ["predictor", "fit", "--data", "d", "--out", "m", *options])
    assert result.exit_code == 0, result.output
    assert asked == [expected]


@pytest.mark.parametrize(("options", "expected"), [([], "auto"), (["--device", "mps"], "mps")])
def test_predict_hands_it_on(
    monkeypatch: pytest.MonkeyPatch, options: list[str], expected: str
) -> None:
    asked = []

    def predict(model: Path, data: Path, out: Path, progress: Any, device: str) -> dict[str, Any]:
        asked.append(device)
        return {"rows": 1}

    monkeypatch.setattr(scoring, "predict_to_csv", predict)
    result = runner.invoke(app, ["predictor", "predict", "m", "--data", "d", *options])
    assert result.exit_code == 0, result.output
    assert asked == [expected]


def test_a_device_that_is_none_is_the_users_mistake() -> None:
    result = runner.invoke(app, ["predictor", "predict", "m", "--data", "d", "--device", "tpu"])
    assert result.exit_code == 2
    assert "'tpu' is not one of" in result.output


def test_a_device_that_is_not_there_stops_a_fit_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    write_example(tmp_path / "shop", seed=1)
    where = ["--data", str(tmp_path / "shop" / "data"), "--out", str(tmp_path / "model")]
    result = runner.invoke(app, ["predictor", "fit", *where, "--device", "cuda"])
    assert result.exit_code == 2
    assert "predictor.device is 'cuda', which this machine has not: use auto" in result.output
    assert not (tmp_path / "model").exists()
