"""Which language model a setting means, and what is fetched for it."""

import json
import shutil
from pathlib import Path

import pytest

from promopilot.predictors.base_model import FETCHED, describe, is_hub_name, resolve
from promopilot.predictors.encoder import load_encoder, load_tokenizer
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.packaged import sha256_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Keeps one model, and what it was asked for; `error` is raised instead of an answer."""

    def __init__(self, cache: Path, model: Path, error: Exception | None = None) -> None:
        self.folder = cache / "snapshots" / COMMIT
        self.model, self.error = model, error
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, name: str, revision: str | None) -> Path:
        self.asked.append((name, revision))
        if self.error is not None:
            raise self.error
        shutil.copytree(self.model, self.folder, dirs_exist_ok=True)
        return self.folder


@pytest.fixture
def hub(tmp_path: Path, base_model: Path) -> Hub:
    return Hub(tmp_path / "cache", base_model)


@pytest.mark.parametrize(
    ("wanted", "revision"), [("owner/some-bert", None), ("owner/some-bert@v1.0", "v1.0")]
)
def test_a_name_of_the_hub_is_fetched_and_its_commit_recorded(
    hub: Hub, wanted: str, revision: str | None
) -> None:
    found = resolve(wanted, hub)
    assert hub.asked == [("owner/some-bert", revision)]
    assert describe(wanted, found) == {
        "source": "hub",
        "name": "owner/some-bert",
        "revision": COMMIT,
        "digests": {
            name: sha256_of(hub.folder / name) for name in ("config.json", "model.safetensors")
        },
    }
    load_tokenizer(found)
    load_encoder(found, 1)


def test_neither_pickles_nor_code_are_fetched() -> None:
    assert not [name for name in FETCHED if name.endswith((".bin", ".pt", ".pkl", ".py", ".h5"))]
    assert not [name for name in FETCHED if "*" in name]


def test_a_folder_is_local_whatever_it_is_called(
    hub: Hub, base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base_model, tmp_path / "owner" / "some-bert")
    monkeypatch.chdir(tmp_path)
    for wanted in ("owner/some-bert", Path("owner/some-bert"), str(tmp_path / "owner/some-bert")):
        found = resolve(wanted, hub)
        told = describe(wanted, found)
        assert (told["source"], told["name"]) == ("local", "some-bert")
        assert str(tmp_path) not in str(told)
    assert hub.asked == []


@pytest.mark.parametrize(
    "wanted",
    ["bert", "./owner/bert", "/no/such/folder", "a/b/c", "../up/bert", "owner/"],
)
def test_what_is_neither_a_folder_nor_a_name_of_the_hub(hub: Hub, wanted: str | Path) -> None:
    with pytest.raises(ArtifactError, match=r"which is no folder: name a folder .* owner/name"):
        resolve(wanted, hub)
    assert hub.asked == []


@pytest.mark.parametrize(
    "error",
    [
        OSError("Got: ConnectError: connection refused\nand more"),
        ValueError("no such revision"),
        RuntimeError(""),
    ],
)
def test_without_network_or_model_one_sentence_says_so(
    tmp_path: Path, base_model: Path, error: Exception
) -> None:
    with pytest.raises(ArtifactError, match="check the name and the network") as caught:
        resolve("owner/bert", Hub(tmp_path, base_model, error))
    assert "\n" not in str(caught.value)


def test_the_hub_itself_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ArtifactError, match="cannot be fetched from the hub"):
        resolve("owner/no-such-bert")


def test_a_model_without_safetensors(hub: Hub, base_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "pickled"
    shutil.copytree(base_model, model)
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match=r"has no model\.safetensors: choose one"):
        resolve("owner/bert", Hub(tmp_path / "other", model))


def test_names_of_the_hub() -> None:
    assert is_hub_name("google-bert/bert-base-multilingual-cased")
    assert is_hub_name("owner/name@main")
    assert not is_hub_name("models/deep/bert")
    assert not is_hub_name("~/bert")


@pytest.mark.parametrize("content", ["{}", "{", "[]", '{"version": "1.0", "model": 3}'])
def test_a_tokenizer_that_is_none(base_model: Path, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(base_model, folder)
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ArtifactError, match="has no readable tokenizer"):
        load_tokenizer(folder)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"model_type": "bert", "hidden_size": "x"}',
        '{"model_type": "bert", "hidden_size": 7}',
        '{"model_type": ["bert"]}',
    ],
)
def test_a_config_that_is_none(base_model: Path, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(base_model, folder)
    (folder / "config.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"config\.json is not a readable model config") as told:
        load_encoder(folder, 1)
    assert "\n" not in str(told.value)


def test_code_in_a_folder_is_never_run(base_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(base_model, folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    strange = {"model_type": "strange", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(strange))
    with pytest.raises(ArtifactError, match="is not a readable model config"):
        load_encoder(folder, 1)
    assert not (tmp_path / "ran").exists()
