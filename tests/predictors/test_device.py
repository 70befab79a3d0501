from pathlib import Path

import pytest
import torch

from promopilot.predictors import device as device_module
from promopilot.predictors.device import autocast, has_bf16, prediction_precision
from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer, tokenize
from promopilot.predictors.errors import ArtifactError

CPU = torch.device("cpu")
TEXTS = ["10 % off soup", "tea", "30 % off national brand cheese"]


def _able(monkeypatch: pytest.MonkeyPatch, able: bool) -> None:
    monkeypatch.setattr(device_module, "has_bf16", lambda device: able)


def _dtype_of_a_product() -> torch.dtype:
    return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize(
    ("precision", "able", "dtype"),
    [
        ("fp32", True, torch.float32),
        ("auto", False, torch.float32),
        ("auto", True, torch.bfloat16),
        ("bf16", True, torch.bfloat16),
    ],
)
def test_products_have_the_precision_asked_for(
    monkeypatch: pytest.MonkeyPatch, precision: str, able: bool, dtype: torch.dtype
) -> None:
    _able(monkeypatch, able)
    with autocast(CPU, precision):  # type: ignore[arg-type]
        assert _dtype_of_a_product() == dtype
    assert _dtype_of_a_product() == torch.float32


def test_bf16_without_hardware_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _able(monkeypatch, False)
    with pytest.raises(ArtifactError, match=r"precision is 'bf16', which this machine's cpu has"):
        autocast(CPU, "bf16")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True}, False)],
)
def test_bf16_of_a_processor(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bf16(CPU) is expected


@pytest.mark.parametrize("native", [True, False])
def test_bf16_of_a_gpu_counts_only_in_hardware(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return True if including_emulation else native

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert has_bf16(torch.device("cuda")) is native
    assert has_bf16(torch.device("mps")) is False


@pytest.mark.parametrize(
    ("precision", "able", "expected"),
    [
        ("auto", True, "fp32"),  # what the fit chose for speed does not move rates
        ("fp32", True, "fp32"),
        ("bf16", True, "bf16"),
        ("bf16", False, "fp32"),  # fitted elsewhere: it must predict here too
    ],
)
def test_predictions_are_fp32_unless_bf16_is_named(
    monkeypatch: pytest.MonkeyPatch, precision: str, able: bool, expected: str
) -> None:
    _able(monkeypatch, able)
    assert prediction_precision(CPU, precision) == expected  # type: ignore[arg-type]


def test_vectors_in_bf16_are_float32_and_near(
    base_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _able(monkeypatch, True)
    encoder = load_encoder(base_model, 0)
    tokens = tokenize(load_tokenizer(base_model), TEXTS, 16, CPU)
    exact, rough = encode(encoder, tokens), encode(encoder, tokens, "bf16")
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert torch.allclose(rough, exact, atol=0.05)
