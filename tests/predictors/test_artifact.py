import json
from collections.abc import Callable
from pathlib import Path

import pytest

from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import choose_device
from promopilot.predictors.errors import ArtifactError, PredictorDataError
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings

Parts = tuple[Rows, Rows, Rows]


@pytest.fixture
def saved(predictor: Predictor, quick: PredictorSettings, tmp_path: Path) -> Path:
    assert quick.base_model is not None
    save_predictor(predictor, quick.base_model, tmp_path / "predictor")
    return tmp_path / "predictor"


def test_what_is_loaded_predicts_the_same(predictor: Predictor, saved: Path, parts: Parts) -> None:
    loaded = Predictor.load(saved, device="cpu")
    before, after = predictor.predict(parts[2]), loaded.predict(parts[2])
    assert (before.ctcvr == after.ctcvr).all()
    assert (before.ctcvr_se == after.ctcvr_se).all()
    assert (loaded.shared_sd, loaded.own_sd) == (predictor.shared_sd, predictor.own_sd)
    assert loaded.record == predictor.record


def test_it_needs_no_base_model_and_says_nothing_of_where_it_was(
    saved: Path, quick: PredictorSettings
) -> None:
    text = (saved / "predictor.json").read_text(encoding="utf-8")
    assert str(quick.base_model) not in text
    assert Predictor.load(saved).settings.base_model is None
    names = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    assert set(json.loads(text)["digests"]) == names - {"predictor.json"}


def test_an_altered_byte_is_refused_with_both_digests(saved: Path) -> None:
    weights = saved / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    recorded = json.loads((saved / "predictor.json").read_text())["digests"]["model.safetensors"]
    with pytest.raises(ArtifactError, match=rf"model\.safetensors has sha256 \w+ but {recorded}"):
        Predictor.load(saved)


def _edit(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "predictor.json"
        content = json.loads(path.read_text(encoding="utf-8")) | changes
        kept = {key: value for key, value in content.items() if value is not None}
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


BROKEN = [
    (lambda f: (f / "predictor.json").unlink(), r"predictor\.json is missing: .* not a predictor"),
    (lambda f: (f / "predictor.json").write_text("{"), r"predictor\.json is not readable JSON"),
    (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors is missing: fit"),
    (lambda f: (f / "encoder/tokenizer.json").write_text("{}"), r"tokenizer\.json has sha256"),
    (_edit(format=99), "has format 99, but 1 is needed"),
    (_edit(vocabulary=None), "lacks vocabulary"),
    (_edit(spreads=[{"shared": 1}]), r"predictor\.json does not describe its model"),
    (_edit(settings={"epochz": 3}), r"predictor\.json does not describe its model"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_broken_folder_is_refused(
    saved: Path, change: Callable[[Path], None], message: str
) -> None:
    change(saved)
    with pytest.raises(ArtifactError, match=message):
        Predictor.load(saved)


def test_an_earlier_predictor_is_replaced_and_nothing_else_stays(
    predictor: Predictor, saved: Path, quick: PredictorSettings
) -> None:
    assert quick.base_model is not None
    (saved / "left-over.txt").write_text("old")
    save_predictor(predictor, quick.base_model, saved)
    assert not (saved / "left-over.txt").exists()
    assert [path.name for path in saved.parent.iterdir()] == ["predictor"]
    Predictor.load(saved)


def test_a_failure_while_writing_leaves_the_earlier_one(
    predictor: Predictor, saved: Path, quick: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    assert quick.base_model is not None
    monkeypatch.setattr("promopilot.predictors.artifact.save_file", fail)
    with pytest.raises(ArtifactError, match=r"cannot be written \(No space left"):
        save_predictor(predictor, quick.base_model, saved)
    assert [path.name for path in saved.parent.iterdir()] == ["predictor"]
    Predictor.load(saved)


def test_a_parent_that_is_a_file(
    predictor: Predictor, quick: PredictorSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    assert quick.base_model is not None
    with pytest.raises(ArtifactError, match="cannot be written"):
        save_predictor(predictor, quick.base_model, tmp_path / "file" / "predictor")


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(PredictorDataError, match="'tpu': use auto, cpu, cuda or mps"):
        choose_device("tpu")


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_device_that_is_not_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ArtifactError, match="which this machine has not: use auto"):
        choose_device(kind)
