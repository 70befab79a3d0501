import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecEnv

from promopilot.agents.comparison import gain_pct
from promopilot.agents.errors import PolicyError
from promopilot.agents.network import PriceNetwork
from promopilot.agents.ppo import train_ppo
from promopilot.agents.ppo_policy import load_policy, save_policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.settings import AgentSettings
from promopilot.agents.vec_env import TrainingFlights
from promopilot.envs.dynamics import steady
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views import observation

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=7)
QUICK = AgentSettings(
    steps=600, num_envs=8, training_flights=16, evaluate_every=200, hidden=8, epochs=2
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def train(settings: AgentSettings = QUICK, seed: int = 0):
    world = synthetic_world(SIZE)
    return world, *train_ppo(world, settings, seed, 99, np.arange(8))


def test_training_starts_at_the_replanner() -> None:
    history = train(QUICK.model_copy(update={"steps": 0}))[2]
    assert [h["steps"] for h in history] == [0]
    assert history[0]["gain_pct"] == pytest.approx(0.0, abs=1e-9)


def test_the_policy_that_validation_liked_best_is_kept() -> None:
    world, policy, history = train()
    value = roll_out(policy, world, 99, np.arange(8)).value
    base = roll_out(Replanner(world), world, 99, np.arange(8)).value
    best = max(h["gain_pct"] for h in history)
    assert 100 * (value - base).mean() / abs(base.mean()) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("days", [1, 5, 11])
def test_flights_of_any_length_train_without_a_warning(days: int) -> None:
    world = synthetic_world(replace(SIZE, days=days))
    assert len(train_ppo(world, QUICK, 0, 99, np.arange(4))[1]) >= 2


def test_a_market_where_nothing_pays_is_left_alone() -> None:
    world = synthetic_world(SIZE)
    catalog = replace(world.catalog, margin=np.zeros(3))
    policy, history = train_ppo(replace(world, catalog=catalog), QUICK, 0, 99, np.arange(4))
    assert history[0]["gain_pct"] == 0.0
    assert roll_out(policy, world, 1, np.arange(4)).spent.shape == (4,)


def test_one_seed_one_result() -> None:
    weights = [train()[1].network.state_dict() for _ in range(2)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_a_policy_survives_its_files(tmp_path) -> None:
    world, policy, _ = train()
    save_policy(policy, tmp_path, {})
    again = load_policy(tmp_path, world)
    flights = np.arange(5)
    np.testing.assert_array_equal(
        roll_out(policy, world, 1, flights).value, roll_out(again, world, 1, flights).value
    )


def test_bad_policy_files_are_named(tmp_path) -> None:
    world, policy, _ = train(QUICK.model_copy(update={"steps": 0}))
    with pytest.raises(PolicyError, match="no trained policy"):
        load_policy(tmp_path, world)
    save_policy(policy, tmp_path, {})
    with pytest.raises(PolicyError, match="trained for 3 promotions; the market has 6"):
        load_policy(tmp_path, synthetic_world())
    card = (tmp_path / "policy.json").read_text()
    (tmp_path / "policy.json").write_text(json.dumps({"sha256": json.loads(card)["sha256"]}))
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path, world)
    (tmp_path / "policy.json").write_text(card)
    weights = bytearray((tmp_path / "policy.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "policy.safetensors").write_bytes(weights)
    with pytest.raises(PolicyError, match="was altered"):
        load_policy(tmp_path, world)


def test_permuting_promotions_permutes_their_tilts() -> None:
    torch.manual_seed(0)
    network = PriceNetwork(num_globals=5, num_promotions=4, hidden=8)
    seen = torch.randn(2, 5 + 4 * len(observation.PROMOTION_NAMES))
    order = torch.tensor([2, 0, 3, 1])
    each = seen[:, 5:].reshape(2, 4, -1)[:, order].reshape(2, -1)
    plain = network.forward_actor(seen)
    moved = network.forward_actor(torch.cat([seen[:, :5], each], dim=1))
    torch.testing.assert_close(moved[:, 1:], plain[:, 1:][:, order])
    torch.testing.assert_close(moved[:, 0], plain[:, 0])


def test_training_flights_pay_the_gain_over_the_replanner() -> None:
    env = TrainingFlights(synthetic_world(SIZE), seed=0, num_envs=4, num_flights=8)
    assert isinstance(env, VecEnv)
    env.reset()
    for day in range(14):
        _, reward, done, infos = env.step(np.zeros((4, 4)))
        np.testing.assert_allclose(reward, 0.0, atol=1e-9)
        assert done.all() == (day % 7 == 6)
        assert ("terminal_observation" in infos[0]) == (day % 7 == 6)


def test_ppo_learns_to_spare_audiences_that_the_replanner_tires() -> None:
    """Exposures that are hardly forgotten: spending them early on the second best is a waste."""
    tiring = replace(steady(2, 2, 3), fatigue_exponent=1.5, fatigue_half_life_days=60.0)
    size = SyntheticSize(promotions=3, placements=2, segments=1, days=7, shift_sd=0.1)
    world = synthetic_world(size, dynamics=tiring)
    # Twenty times as many people and as much of everything: less noise, the same decisions.
    world = replace(
        world,
        supply=20 * world.supply,
        segment_size=20 * world.segment_size,
        budget=20 * world.budget,
        current_spend=20 * world.current_spend,
    )
    agent = AgentSettings(
        steps=8_000,
        num_envs=32,
        training_flights=64,
        evaluate_every=2_000,
        hidden=16,
        batch_size=112,
        exploration_sd=0.4,
        learning_rate=3e-3,
    )
    policy, _ = train_ppo(world, agent, 0, 99, np.arange(64))
    value = roll_out(policy, world, 7, np.arange(400)).value
    base = roll_out(Replanner(world), world, 7, np.arange(400)).value
    gain, low, _ = gain_pct(value, base, 0)
    assert gain > 3.0
    assert low > 0.0
