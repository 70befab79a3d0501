"""The bench of the shared host gives its figures; how fast it is, is not tested."""

import pytest

from promopilot.experiments.bench import scale_host
from promopilot.experiments.bench.scale_host import Sizes, requests


def test_requests_share_no_text() -> None:
    first, second = requests(1, 2)
    assert len(first) == 64
    assert len(next(requests(1, 1, contexts=20))) == 64 * 20
    assert not set(first.promotions.text) & set(second.promotions.text)


@pytest.mark.slow
def test_figures_have_units_and_goals() -> None:
    found = scale_host.measure(
        Sizes(latencies=2, clients=2, requests=1, known_requests=2, threads=1, memory=False)
    )
    assert found["host_difference"]["holds"]
    assert {name for name, one in found.items() if one["goal"] is not None} == {
        "host_difference",
        "host_added_ms",
        "host_added_known_ms",
        "host_throughput",
    }
    assert all(one["value"] > 0 for name, one in found.items() if name.endswith("_requests"))
