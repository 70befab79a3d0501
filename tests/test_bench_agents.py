"""The agents' study: what its figures mean, and that it keeps what it did."""

from pathlib import Path

import numpy as np
import pytest

from promopilot.agents.settings import PpoSettings
from promopilot.experiments.bench import agent_fits, agent_placement
from promopilot.experiments.bench.agent_fits import Played, play_fixed, train_and_play
from promopilot.experiments.bench.agent_worlds import judged
from promopilot.experiments.bench.resampling import bounds, means

RNG = np.random.default_rng(0)
BASE = RNG.normal(100, 10, 400)


def played(gain: float, noise: float = 0.0, seconds: float = 60.0) -> Played:
    value = BASE * (1 + gain / 100) + RNG.normal(0, noise, 400)
    return Played(value, decision_ms=0.1, seconds=seconds)


def test_the_share_of_the_gap_is_of_the_look_aheads_gain() -> None:
    trained = [played(gain) for gain in (2.0, 3.0, 4.0)]
    found = judged("uncertain", trained, played(0), played(4.0), played(-10.0))
    assert found["uncertain_gain_pct"]["value"] == pytest.approx(3.0)
    assert found["uncertain_gap_closed"]["value"] == pytest.approx(0.75)
    assert found["uncertain_gap_closed_low"]["value"] < 0.75 < 1.0
    assert found["uncertain_gap_closed"]["holds"] is True
    assert found["uncertain_behind_mpc_pct"]["value"] == pytest.approx(100 / 104)
    assert found["uncertain_training_minutes"]["holds"] is True


def test_a_gap_that_is_hardly_there_is_not_divided_by() -> None:
    found = judged("uncertain", [played(0.1)] * 2, played(0), played(0.3), played(0))
    assert "uncertain_gap_closed" not in found
    assert found["uncertain_mpc_gain_pct"]["value"] == pytest.approx(0.3)


def test_the_calm_world_is_held_against_the_fixed_optimum() -> None:
    found = judged("known_stationary", [played(-0.2)] * 2, played(0), played(0), played(0))
    assert found["known_stationary_behind_static_pct"]["value"] == pytest.approx(0.2)
    assert found["known_stationary_behind_static_pct"]["holds"] is True


def test_an_interval_holds_what_both_seeds_and_flights_do() -> None:
    """Seeds that differ a lot widen it, however many flights there are."""
    flights = RNG.normal(0, 1, 5_000)
    alike = np.stack([flights] * 5)
    apart = alike + np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None]
    narrow, wide = (bounds(means(values)[:, 0]) for values in (alike, apart))
    assert narrow[0] == pytest.approx(flights.mean())
    assert narrow[2] - narrow[1] == pytest.approx(2 * 1.96 / np.sqrt(5_000), rel=0.1)
    assert wide[2] - wide[1] == pytest.approx(2 * 1.96 * np.sqrt(2.0 / 5), rel=0.15)


def test_what_was_played_is_kept_for_the_same_code_world_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_fits, "TEST_FLIGHTS", 4)
    monkeypatch.setattr(agent_fits, "VALIDATION_FLIGHTS", 2)
    tiny = PpoSettings(
        lessons=0, steps=224, num_envs=8, training_flights=8, hidden=4, evaluate_every=224
    )
    first = train_and_play("known_stationary", 1, tiny, tmp_path)
    assert first.value.shape == (4,)
    assert first.seconds > 0
    monkeypatch.setattr(agent_fits, "_trained", lambda *given: pytest.fail("trained again"))
    again = train_and_play("known_stationary", 1, tiny, tmp_path)
    np.testing.assert_array_equal(first.value, again.value)
    base = play_fixed("known_stationary", "replanner", tmp_path)
    static = play_fixed("known_stationary", "static_optimum", tmp_path)
    np.testing.assert_allclose(base.value, static.value)
    assert len(list(tmp_path.iterdir())) == 3


def test_ad_placement_is_studied_under_fatigue_caps_and_stock() -> None:
    world = agent_placement.world()
    assert world.dynamics.fatigue_exponent > 0
    assert np.isfinite(world.max_spend).all()
    assert np.isfinite(world.catalog.stock).all()
