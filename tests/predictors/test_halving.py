import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from promopilot.predictors.encoder import (
    TextEncoder,
    encode,
    load_encoder,
    load_tokenizer,
    tokenize,
)
from promopilot.predictors.halving import Halving, add_gradients, is_out_of_memory

CPU = torch.device("cpu")


def full() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class Memory:
    """A device that holds so many items at once; counts how often it was too full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.overflows = 0

    def take(self, size: int) -> None:
        if size > self.room:
            self.overflows += 1
            raise full()


@given(st.integers(0, 60), st.integers(1, 70))
def test_every_item_is_worked_on_once_and_in_order(count: int, room: int) -> None:
    memory = Memory(room)

    def work(part: Tensor) -> list[int]:
        memory.take(len(part))
        return list(part.tolist())

    halving = Halving()
    parts = halving(work, torch.arange(count))
    assert [item for part in parts for item in part] == list(range(count))
    assert all(len(part) <= room for part in parts)
    met = memory.overflows
    assert met <= 7  # halves, so log2 of 60 at most
    halving(work, torch.arange(count))
    assert memory.overflows == met  # the limit is known by now


def test_lists_are_cut_as_tensors_are() -> None:
    memory = Memory(2)

    def work(part: list[str]) -> str:
        memory.take(len(part))
        return "".join(part)

    assert "".join(Halving()(work, list("abcde"))) == "abcde"


def test_one_item_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        Halving()(lambda part: Memory(0).take(len(part)), torch.arange(8))


def test_another_fault_is_not_tried_again() -> None:
    calls = []

    def work(part: Tensor) -> None:
        calls.append(len(part))
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side assert"):
        Halving()(work, torch.arange(8))
    assert calls == [8]


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (full(), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("MPS backend out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory


def test_a_failed_part_is_freed_before_the_next_try() -> None:
    held: list[weakref.ref[Tensor]] = []

    def work(part: Tensor) -> None:
        assert all(big() is None for big in held)
        big = torch.zeros(10)
        held.append(weakref.ref(big))
        if len(part) > 1:
            raise full()

    Halving()(work, torch.arange(4))
    assert len(held) == 6  # 4, 2, and each of four


class _FailsInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor, memory: Memory) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.memory, ctx.size = memory, len(values)
        return values.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        ctx.memory.take(ctx.size)
        return gradient, None


@pytest.mark.parametrize("room", [1, 3, 7])
def test_parts_add_up_to_the_gradients_of_the_whole(room: int) -> None:
    torch.manual_seed(0)
    below, above = torch.nn.Linear(4, 4).double(), torch.nn.Linear(4, 1).double()
    parameters = [*below.parameters(), *above.parameters(), torch.nn.Parameter(torch.ones(1))]
    inputs = torch.randn(7, 4, dtype=torch.float64)
    memory = Memory(room)

    def loss(part: Tensor) -> Tensor:
        # Memory runs out between the two layers: the upper one's gradients are there by then.
        hidden = _FailsInBackward.apply(below(inputs[part]), memory)
        return above(hidden).square().sum() / 7

    expected_loss = above(below(inputs)).square().sum() / 7
    expected = torch.autograd.grad(expected_loss, parameters[:4])
    found = add_gradients(loss, torch.arange(7), parameters, Halving())
    assert found == pytest.approx(float(expected_loss.detach()), rel=1e-12)
    for parameter, gradient in zip(parameters, expected, strict=False):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, gradient, rtol=1e-12, atol=1e-14)
    assert parameters[-1].grad is None  # it has no part in the loss
    # A second batch of the same step adds to what is there.
    add_gradients(loss, torch.arange(7), parameters, Halving())
    assert parameters[0].grad is not None
    assert torch.allclose(parameters[0].grad, 2 * expected[0], rtol=1e-12)


def test_texts_that_do_not_fit_at_once_get_the_same_vectors(
    base_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(base_model, 1)
    texts = [f"{n} % off soup" for n in range(10, 30)]
    tokens = tokenize(load_tokenizer(base_model), texts, 16, CPU)
    whole = encode(encoder, tokens)
    memory = Memory(3)
    forward = TextEncoder.forward

    def limited(self: TextEncoder, part: object) -> Tensor:
        memory.take(len(part.ids))  # type: ignore[attr-defined]
        return forward(self, part)  # type: ignore[arg-type]

    monkeypatch.setattr(TextEncoder, "forward", limited)
    assert torch.allclose(encode(encoder, tokens), whole, atol=1e-6)
    assert memory.overflows > 0
