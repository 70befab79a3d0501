from collections import OrderedDict
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from promopilot.predictors.encoder import load_encoder, load_tokenizer
from promopilot.predictors.text_vectors import VectorCache, model_digest, text_key

WIDTH = 4
BYTES = 4 * WIDTH  # of one vector


def _vector(key: bytes) -> torch.Tensor:
    return torch.full((WIDTH,), float(key[0]))


@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=6)), max_size=20),
)
def test_it_keeps_what_was_used_last(room: int, steps: list[tuple[bool, list[int]]]) -> None:
    cache = VectorCache(room * BYTES + 3)
    model: OrderedDict[bytes, None] = OrderedDict()
    for is_find, numbers in steps:
        keys = [bytes([n]) for n in numbers]
        if is_find:
            found = cache.find(keys)
            assert list(found) == list(dict.fromkeys(key for key in keys if key in model))
            assert all(torch.equal(vector, _vector(key)) for key, vector in found.items())
            for key in keys:
                if key in model:
                    model.move_to_end(key)
        else:
            cache.keep({key: _vector(key) for key in keys})
            for key in keys:
                model.setdefault(key)
            while len(model) > room:
                model.popitem(last=False)
        assert len(cache) == len(model)


def test_a_vector_does_not_hold_the_batch_it_came_from() -> None:
    cache = VectorCache()
    batch = torch.zeros(1000, WIDTH)
    cache.keep({b"a": batch[3]})
    assert cache.find([b"a"])[b"a"].untyped_storage().nbytes() == BYTES


def test_the_digest_tells_models_apart(base_model: Path) -> None:
    encoder, tokenizer = load_encoder(base_model, 1), load_tokenizer(base_model)
    digest = model_digest(encoder, tokenizer, "16 fp32")
    assert digest == model_digest(
        load_encoder(base_model, 1), load_tokenizer(base_model), "16 fp32"
    )
    assert digest != model_digest(encoder, tokenizer, "16 bf16")
    with torch.no_grad():
        encoder.layers[1].output.dense.bias[0] += 1e-6
    assert digest != model_digest(encoder, tokenizer, "16 fp32")


def test_keys_tell_texts_and_models_apart() -> None:
    keys = {
        text_key(model, text) for model in (b"a", b"b") for text in ("", "tea", "Tea", "\ud800")
    }
    assert len(keys) == 8
    assert all(len(key) == 32 for key in keys)
