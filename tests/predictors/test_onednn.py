import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import linear

from promopilot.predictors.onednn import fast_linear

CPU = torch.device("cpu")


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=3),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_it_multiplies_as_torch_does(
    leading: list[int], widths: tuple[int, int], has_bias: bool, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    values, weight = draw(*leading, widths[0]), draw(widths[1], widths[0])
    bias = draw(widths[1]) if has_bias else None
    with torch.no_grad(), fast_linear(CPU):
        found = linear(values, weight, bias)
    assert found.dtype == dtype
    assert torch.allclose(found, linear(values, weight, bias), atol=1e-5)


def test_it_takes_the_other_way() -> None:
    """Sums in another order differ in the last digits: what is tested above is not torch's own."""
    if isinstance(fast_linear(CPU), torch.overrides.TorchFunctionMode):
        calls = []
        context = fast_linear(CPU)
        operator = context._operator  # type: ignore[attr-defined]
        context._operator = lambda *a: calls.append(1) or operator(*a)  # type: ignore[attr-defined]
        with torch.no_grad(), context:
            torch.nn.Linear(3, 2)(torch.ones(4, 3))
        assert calls == [1]
    else:
        assert not torch.backends.mkldnn.is_available()


def test_gradients_flow_where_they_are_wanted() -> None:
    layer = torch.nn.Linear(3, 2)
    with fast_linear(CPU):
        layer(torch.ones(4, 3)).sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, torch.full((2, 3), 4.0))


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_other_devices_are_left_alone(kind: str) -> None:
    assert not isinstance(fast_linear(torch.device(kind)), torch.overrides.TorchFunctionMode)
