import numpy as np
import pytest

from promopilot.experiments.bench import agents, market


@pytest.mark.parametrize(
    ("measure", "names"),
    [
        (
            lambda: market.measure(0.4),
            {
                "gymnasium_days_per_second",
                "batch_days_per_second",
                "market_days_per_second",
                "split_days_per_second",
                "batch_speedup",
            },
        ),
        (
            agents.measure,
            {"ppo_steps_per_second", "replanner_decision_ms", "ppo_decision_ms"},
        ),
    ],
)
def test_benches_measure_what_they_name(measure, names: set[str]) -> None:
    found = measure()
    assert set(found) == names
    for row in found.values():
        assert set(row) == {"value", "unit", "goal", "holds"}
        assert np.isfinite(row["value"])
        assert row["value"] > 0
