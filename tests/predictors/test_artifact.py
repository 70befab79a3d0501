import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.artifact_record import seal_of
from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import choose_device
from promopilot.predictors.errors import ArtifactError, PredictorDataError
from promopilot.predictors.packaged import sha256_of
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
    assert set(json.loads(text)["digests"]) == names - {"predictor.json", "model_card.md"}
    told = json.loads(text)["record"]["base_model"]
    assert (told["source"], told["name"]) == ("local", "bert")
    assert set(told["digests"]) == {"config.json", "model.safetensors"}


def test_an_altered_byte_is_refused_with_both_digests(saved: Path) -> None:
    weights = saved / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    recorded = json.loads((saved / "predictor.json").read_text())["digests"]["model.safetensors"]
    with pytest.raises(ArtifactError, match=rf"model\.safetensors has sha256 \w+ but {recorded}"):
        Predictor.load(saved)


def _edit(sealed: bool = True, **changes: object) -> Callable[[Path], None]:
    """Changes keys of predictor.json, None taking one away; sealed as if written so."""

    def change(folder: Path) -> None:
        path = folder / "predictor.json"
        content = json.loads(path.read_text(encoding="utf-8")) | changes
        kept = {key: value for key, value in content.items() if value is not None}
        if sealed:
            kept["seal"] = seal_of(kept)
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


def _digest(name: str | None, value: str | None) -> Callable[[Path], None]:
    """Adds a digest, or takes it away where the value is None."""

    def change(folder: Path) -> None:
        digests = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))["digests"]
        changed = {key: digest for key, digest in digests.items() if key != name}
        _edit(digests=changed if value is None else changed | {name: value})(folder)

    return change


def _write(name: str, content: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(content, encoding="utf-8")

    return change


def _cut(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _link(name: str) -> Callable[[Path], None]:
    """Moves a file out of the folder and leaves a link to it, so that digests still hold."""

    def change(folder: Path) -> None:
        (folder / name).rename(folder.parent / "elsewhere")
        (folder / name).symlink_to(folder.parent / "elsewhere")

    return change


def _link_folder(folder: Path) -> None:
    (folder / "encoder").rename(folder.parent / "elsewhere")
    (folder / "encoder").symlink_to(folder.parent / "elsewhere")


def _fewer_tensors(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[sorted(tensors)[0]]
    _resave(folder, tensors)


def _wrong_shape(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = max(tensors, key=lambda key: tensors[key].numel())
    _resave(folder, tensors | {name: tensors[name][:-1].contiguous()})


def _resave(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, folder / "model.safetensors")
    _digest("model.safetensors", sha256_of(folder / "model.safetensors"))(folder)


def _no_model(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no tensors")
    _digest("model.safetensors", sha256_of(folder / "model.safetensors"))(folder)


def _other_config(folder: Path) -> None:
    path = folder / "encoder" / "config.json"
    path.write_text(path.read_text().replace('"hidden_size": 32', '"hidden_size": 30'))
    _digest("encoder/config.json", sha256_of(path))(folder)


def _foreign_code(folder: Path) -> None:
    """A config that asks for code of its own, beside code that would tell that it was run."""
    (folder / "encoder" / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    path = folder / "encoder" / "config.json"
    content = json.loads(path.read_text()) | {
        "model_type": "strange",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"},
    }
    path.write_text(json.dumps(content))
    _digest("encoder/config.json", sha256_of(path))(folder)
    _digest("encoder/evil.py", sha256_of(folder / "encoder" / "evil.py"))(folder)


HASH = "0" * 64
ALTERED = r"predictor\.json has been altered since the predictor was fitted"
UNFIT = r"predictor\.json does not describe its model"
BROKEN = {
    "no record": (_remove("predictor.json"), r"predictor\.json is missing: .* not a predictor"),
    "half a record": (_cut("predictor.json"), r"predictor\.json is not readable JSON"),
    "no JSON": (_write("predictor.json", "{"), r"predictor\.json is not readable JSON"),
    "deep JSON": (_write("predictor.json", "[" * 10**5), "is not readable JSON"),
    "a list": (_write("predictor.json", "[1]"), r"predictor\.json holds no JSON object"),
    "no format": (_edit(format=None), "names no format"),
    "format of a kind": (_edit(format="2"), "names no format"),
    "newer": (
        _edit(format=99, promopilot="7.1"),
        r"written by promopilot 7\.1 with format 99, and this one .* up to 3: upgrade promopilot",
    ),
    "older": (_edit(format=1), r"with format 1, and this one .* reads 3: fit the predictor again"),
    "another number": (_edit(False, calibration={"intercept": [9.0], "slope": [1.0]}), ALTERED),
    "no seal": (_edit(False, seal=None), ALTERED),
    "no digests": (_edit(digests=None), ALTERED),
    "no vocabulary": (_edit(vocabulary=None), UNFIT),
    "spreads of a kind": (_edit(spreads=[{"shared": 1}]), UNFIT),
    "settings of a kind": (_edit(settings={"epochz": 3}), UNFIT),
    "calibration of a kind": (_edit(calibration=7), UNFIT),
    "shape of a kind": (_edit(shape={"hidden_width": "wide"}), UNFIT),
    "no weights": (_remove("model.safetensors"), r"model\.safetensors is missing: restore"),
    "half the weights": (_cut("model.safetensors"), r"model\.safetensors has sha256"),
    "weights left out": (_digest("model.safetensors", None), "lacks the digest of model"),
    "no safetensors": (_no_model, UNFIT),
    "a tensor too few": (_fewer_tensors, UNFIT),
    "a tensor too short": (_wrong_shape, UNFIT),
    "another config": (_other_config, r"does not describe its model|readable model config"),
    "code": (_foreign_code, r"config\.json is not a readable model config"),
    "no baselines": (_remove("baselines.json"), r"baselines\.json is missing"),
    "half the baselines": (_cut("baselines.safetensors"), r"baselines\.safetensors has sha256"),
    "no config": (_remove("encoder/config.json"), r"config\.json is missing"),
    "half a config": (_cut("encoder/config.json"), r"config\.json has sha256"),
    "another tokenizer": (_write("encoder/tokenizer.json", "{}"), r"tokenizer\.json has sha256"),
    "one file more": (_write("encoder/added_tokens.json", "{}"), "was not there .* remove it"),
    "a path upwards": (_digest("../secret", HASH), r"names '\.\./secret', no file of its folder"),
    "a hidden path": (_digest("encoder/../../x", HASH), "no file of its folder"),
    "a path from the root": (_digest("/etc/hostname", HASH), "no file of its folder"),
    "another system's": (_digest("..\\secret", HASH), "no file of its folder"),
    "a drive": (_digest("C:secret", HASH), "no file of its folder"),
    "no name": (_digest("", HASH), "no file of its folder"),
    "a link": (_link("model.safetensors"), r"model\.safetensors is a link: put the file itself"),
    "a linked record": (_link("predictor.json"), r"predictor\.json is a link"),
    "a linked folder": (_link_folder, "encoder is a link"),
}


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_folder_is_refused(
    saved: Path, change: Callable[[Path], None], message: str
) -> None:
    change(saved)
    with pytest.raises(ArtifactError, match=message) as caught:
        Predictor.load(saved)
    assert "\n" not in str(caught.value)
    assert not (saved / "ran").exists()


@pytest.fixture(scope="module")
def kept(
    predictor: Predictor, quick: PredictorSettings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    assert quick.base_model is not None
    folder = tmp_path_factory.mktemp("kept") / "predictor"
    save_predictor(predictor, Path(quick.base_model), folder)
    return folder


DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1, exclude_max=True), st.just(b"")),
    st.tuples(st.just("replace"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(which=st.integers(0, 99), damage=DAMAGE)
def test_whatever_bytes_change_nothing_wrong_is_loaded(
    kept: Path, which: int, damage: tuple[str, float, bytes]
) -> None:
    files = sorted(path for path in kept.rglob("*") if path.is_file() and path.suffix != ".md")
    path, (kind, where, new) = files[which % len(files)], damage
    before = path.read_bytes()
    at = round(where * len(before))
    after = {
        "cut": before[:at],
        "replace": before[:at] + new + before[at + len(new) :],
        "insert": before[:at] + new + before[at:],
    }[kind]
    path.write_bytes(after)
    try:
        if path.name == "predictor.json" and _same_json(before, after):
            Predictor.load(kept)
        elif after != before:
            with pytest.raises(ArtifactError):
                Predictor.load(kept)
    finally:
        path.write_bytes(before)


def _same_json(before: bytes, after: bytes) -> bool:
    try:
        return seal_of(json.loads(before)) == seal_of(json.loads(after))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def test_a_predictor_without_baselines_is_one_too(
    predictor: Predictor, quick: PredictorSettings, tmp_path: Path
) -> None:
    assert quick.base_model is not None
    bare = replace(predictor, baselines=None)
    save_predictor(bare, Path(quick.base_model), tmp_path / "predictor")
    assert Predictor.load(tmp_path / "predictor").baselines is None


def test_scores_and_card_may_change_without_harm(saved: Path) -> None:
    before = Predictor.load(saved)
    (saved / "metrics.json").write_text("{}")
    (saved / "model_card.md").write_text("My notes")
    assert Predictor.load(saved).record == before.record


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
