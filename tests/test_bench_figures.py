import numpy as np
import pytest

from promopilot.experiments.bench import agents, market, studio


@pytest.mark.parametrize(
    ("measure", "names"),
    [
        (
            lambda: market.measure(0.4, most_flights=600),
            {
                *("sampled_40", "expected_40", "sampled_1000", "expected_1000"),
                *("gymnasium_one", "vector_shares", "vector_prices", "split"),
                *("time_starting", "time_arithmetic", "time_drawing"),
                *("memory_600_x_1000", "memory_growth"),
            },
        ),
        (
            agents.measure,
            {
                *("ppo_steps_per_second", "replanner_decision_ms"),
                *("mpc_decision_ms", "ppo_decision_ms"),
            },
        ),
        (
            studio.measure,
            {*("line_items", "budget_seconds", "limits_seconds", "step_seconds")},
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
