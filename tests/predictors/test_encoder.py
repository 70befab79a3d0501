import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from promopilot.predictors import encoder as encoder_module
from promopilot.predictors.encoder import (
    Tokens,
    encode,
    fill,
    load_encoder,
    load_tokenizer,
    mean_pool,
    tokenize,
)
from promopilot.predictors.errors import ArtifactError

TEXTS = ["10 % off soup", "tea", "30 % off national brand cheese", "milk"]
CPU = torch.device("cpu")


@pytest.fixture
def tokens(base_model: Path) -> Tokens:
    return tokenize(load_tokenizer(base_model), TEXTS, 16, CPU)


@pytest.mark.parametrize("trainable", [0, 1, 2])
def test_the_split_model_gives_what_the_whole_gives(
    base_model: Path, tokens: Tokens, trainable: int
) -> None:
    whole = AutoModel.from_pretrained(base_model, local_files_only=True).eval()
    with torch.no_grad():
        hidden = whole(input_ids=tokens.ids, attention_mask=tokens.mask).last_hidden_state
    vectors = encode(load_encoder(base_model, trainable), tokens)
    assert torch.allclose(vectors, mean_pool(hidden, tokens.mask), atol=1e-5)


def test_every_layer_has_its_mean_in_the_vector(base_model: Path, tokens: Tokens) -> None:
    whole = AutoModel.from_pretrained(base_model, local_files_only=True).eval()
    with torch.no_grad():
        out = whole(
            input_ids=tokens.ids, attention_mask=tokens.mask, output_hidden_states=True
        ).hidden_states
    encoder = load_encoder(base_model, None, every_layer=True)
    vectors = encode(encoder, tokens)
    assert vectors.shape == (len(TEXTS), encoder.width) == (len(TEXTS), 3 * 32)
    means = torch.cat([mean_pool(hidden, tokens.mask) for hidden in out], dim=1)
    assert torch.allclose(vectors, means, atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_among_longer_ones(
    base_model: Path, tokens: Tokens
) -> None:
    encoder = load_encoder(base_model, 0)
    alone = encode(encoder, tokenize(load_tokenizer(base_model), ["tea"], 16, CPU))
    assert torch.allclose(encode(encoder, tokens)[1], alone[0], atol=1e-5)


def test_only_the_top_layers_learn(base_model: Path) -> None:
    encoder = load_encoder(base_model, 1)
    learning = {name.split(".")[1] for name, p in encoder.named_parameters() if p.requires_grad}
    assert learning == {"1"}
    layers = load_encoder(base_model, 2)
    assert not any(parameter.requires_grad for parameter in layers.embeddings.parameters())
    assert all(parameter.requires_grad for parameter in layers.layers.parameters())
    every = load_encoder(base_model, None)
    assert all(parameter.requires_grad for parameter in every.parameters())


@pytest.mark.parametrize("at_once", [1, 8, 512])
def test_kept_states_stand_where_their_texts_do(
    base_model: Path, tokens: Tokens, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoder_module._TOKENS_AT_ONCE, "cpu", at_once)
    encoder = load_encoder(base_model, 1).eval()
    states = torch.zeros((*tokens.ids.shape, encoder.width))
    fill(states, tokens, lambda part: encoder.lower(tokens.pick(part)))
    with torch.no_grad():
        assert torch.allclose(encoder.upper(states, tokens.mask), encoder(tokens), atol=1e-5)


def test_padding_does_not_enter_the_mean() -> None:
    hidden = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert mean_pool(hidden, torch.tensor([[1, 1, 0]])).item() == 2.0


def test_no_texts_give_no_vectors(base_model: Path) -> None:
    empty = torch.zeros((0, 4), dtype=torch.int64)
    assert encode(load_encoder(base_model, 0), Tokens(empty, empty)).shape == (0, 32)


def _drop(name: str) -> object:
    def change(folder: Path) -> None:
        (folder / name).unlink()

    return change


def _write(name: str, content: str) -> object:
    def change(folder: Path) -> None:
        (folder / name).write_text(content, encoding="utf-8")

    return change


def _lose_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, folder / "model.safetensors")


BROKEN = [
    (_drop("config.json"), r"config\.json is missing: predictor\.base_model must be a folder"),
    (_drop("model.safetensors"), r"model\.safetensors is missing"),
    (_write("model.safetensors", "x"), r"model\.safetensors cannot be read"),
    (_write("config.json", "{"), r"config\.json is not a readable model config"),
    (_write("config.json", '{"model_type": "t5"}'), "not of BERT's kind"),
    (_lose_a_tensor, r"lacks 1 of the encoder's tensors, the first being layers\.1\.output"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_broken_folder_is_refused(
    base_model: Path, tmp_path: Path, change: object, message: str
) -> None:
    folder = shutil.copytree(base_model, tmp_path / "bert")
    assert callable(change)
    change(folder)
    with pytest.raises(ArtifactError, match=message):
        load_encoder(folder, 0)


def test_more_trainable_layers_than_there_are(base_model: Path) -> None:
    with pytest.raises(ArtifactError, match=r"trainable_layers is 3, .* has only 2 layers"):
        load_encoder(base_model, 3)


def test_a_prefixed_checkpoint_is_understood(base_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base_model, tmp_path / "bert")
    tensors = load_file(folder / "model.safetensors")
    save_file({f"bert.{k}": v for k, v in tensors.items()}, folder / "model.safetensors")
    same = zip(
        load_encoder(folder, 0).parameters(), load_encoder(base_model, 0).parameters(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in same)
