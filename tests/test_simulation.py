import json
from dataclasses import fields

import numpy as np
import pytest

from promopilot.agents.rollout import Rollout
from promopilot.envs.market import DayOutcome
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world_files import save_world
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.progress import silent
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import figures, recommend, simulate_run


def rollout(name: str, value: np.ndarray) -> Rollout:
    none = DayOutcome(*(np.zeros((1, 1)) for _ in fields(DayOutcome)))
    nothing = np.zeros(len(value))
    return Rollout(name, value, nothing, nothing, nothing, none, *(np.zeros((1, 1)),) * 2, 0.0)


def judged(gain: float, noise: float = 0.1) -> tuple[str, str]:
    rng = np.random.default_rng(0)
    base = rng.normal(100, 20, 300)
    played = {
        "replanner": rollout("replanner", base),
        "ppo": rollout("ppo", base * (1 + gain / 100) + rng.normal(0, noise, 300)),
    }
    return recommend(played, figures(played, synthetic_world(), 0))


def test_a_proven_gain_is_recommended() -> None:
    name, why = judged(2.0)
    assert name == "ppo"
    assert "+2.0" in why


@pytest.mark.parametrize(("gain", "noise"), [(0.3, 0.1), (1.0, 20.0)])
def test_a_small_or_unproven_gain_is_not(gain: float, noise: float) -> None:
    name, why = judged(gain, noise)
    assert name == "replanner"
    assert "lower bound of at least 0.5 %" in why


def test_the_replanner_stays_where_nothing_beats_it() -> None:
    assert judged(-1.0)[0] == "replanner"


def test_a_run_is_simulated_with_the_replanner_as_baseline(tmp_path) -> None:
    (tmp_path / "market").mkdir()
    save_world(synthetic_world(), tmp_path / "market")
    found = simulate_run(tmp_path, ["uniform"], 12, 0, silent)["policies"]
    assert set(found) == {"uniform", "replanner"}
    assert found["replanner"]["vs_replanner_pct"] == 0
    assert found["uniform"]["flights"] == 12
    assert json.loads(json.dumps(found)) == found
    again = simulate_run(tmp_path, ["uniform"], 12, 0, silent)["policies"]
    assert again["uniform"]["value_mean"] == found["uniform"]["value_mean"]
    other = simulate_run(tmp_path, ["uniform"], 12, 1, silent)["policies"]
    assert other["uniform"]["value_mean"] != found["uniform"]["value_mean"]


def test_an_unknown_policy_is_named_with_its_nearest(tmp_path) -> None:
    (tmp_path / "market").mkdir()
    save_world(synthetic_world(), tmp_path / "market")
    with pytest.raises(ConfigError, match="'unifrom'; did you mean uniform"):
        simulate_run(tmp_path, ["unifrom"], 4, 0, silent)


def test_no_two_purposes_share_flights() -> None:
    seeds = [s for seed in range(50) for s in Seeds.of(seed).as_dict().values()]
    assert len(set(seeds)) == len(seeds)
