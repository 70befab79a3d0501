import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import save_world

IDS = [spec.id for spec in gymnasium.registry.values() if spec.namespace == "promopilot"]


def test_the_environment_of_this_version_is_registered() -> None:
    assert "promopilot/BudgetAllocation-v0" in IDS


@pytest.mark.parametrize("name", IDS)
def test_both_checkers_are_silent(name: str) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(name).unwrapped
    check_env(env)  # warnings are errors in this suite
    check_for_sb3(env)


@pytest.mark.parametrize("name", IDS)
def test_one_flight_and_a_batch_are_the_same_market(name: str) -> None:
    one, batch = gymnasium.make(name), gymnasium.make_vec(name, num_envs=4)
    first, _ = one.reset(seed=11)
    many, _ = batch.reset(seed=11)
    np.testing.assert_allclose(first, many[0], atol=1e-6)
    batch.action_space.seed(0)
    done = False
    while not done:
        actions = batch.action_space.sample()
        many, rewards, ended, _, infos = batch.step(actions)
        first, reward, done, truncated, info = one.step(actions[0])
        np.testing.assert_allclose(first, many[0], atol=1e-5)
        assert reward == pytest.approx(rewards[0], abs=1e-9)
        np.testing.assert_allclose(info["spend"], infos["spend"][0], atol=1e-9)
        assert done == ended[0]
        assert not truncated


def test_the_zero_action_is_the_replanner() -> None:
    world = synthetic_world()
    env = gymnasium.make("promopilot/BudgetAllocation-v0", world=world)
    env.reset(seed=3)
    market, policy = Market(world), Replanner(world)
    market.reset(3, np.array([0]))
    done = False
    while not done:
        _, _, done, _, info = env.step(np.zeros(env.action_space.shape, np.float32))
        np.testing.assert_allclose(info["spend"], market.step(policy.spend(market)).spend[0])


def test_every_reset_is_another_flight_and_a_seed_starts_over() -> None:
    env = gymnasium.make("promopilot/BudgetAllocation-v0")
    a, _ = env.reset(seed=1)
    b, _ = env.reset()
    c, _ = env.reset(seed=1)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_actions_outside_the_box_keep_the_limits(value: float) -> None:
    env = gymnasium.make("promopilot/BudgetAllocation-v0").unwrapped
    env.reset(seed=0)
    done, spent = False, 0.0
    while not done:
        observed, reward, done, _, info = env.step(np.full(env.action_space.shape, value))
        spent += info["spend"].sum()
        assert np.isfinite(observed).all()
        assert np.isfinite(reward)
    assert spent <= env.batch.world.budget * (1 + 1e-9)


def test_a_run_is_played_from_its_folder(tmp_path) -> None:
    world = synthetic_world(seed=4)
    (tmp_path / "market").mkdir()
    save_world(world, tmp_path / "market")
    env = gymnasium.make("promopilot/BudgetAllocation-v0", run=tmp_path).unwrapped
    assert env.batch.world.budget == world.budget


def test_mistakes_are_named(tmp_path) -> None:
    env = gymnasium.make("promopilot/BudgetAllocation-v0").unwrapped
    env.reset(seed=0)
    with pytest.raises(MarketError, match=r"shape \(2,\); it must be"):
        env.step(np.zeros(2))
    with pytest.raises(MarketError, match="holds no market"):
        gymnasium.make("promopilot/BudgetAllocation-v0", run=tmp_path)
    with pytest.raises(MarketError, match="not both"):
        gymnasium.make("promopilot/BudgetAllocation-v0", run=tmp_path, world=synthetic_world())


def test_registering_needs_neither_torch_nor_stable_baselines3() -> None:
    code = (
        "import sys, gymnasium, promopilot.envs; "
        "gymnasium.make('promopilot/BudgetAllocation-v0'); "
        "print('torch' in sys.modules, 'stable_baselines3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "False"]
