import subprocess
import sys
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RescaleAction

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views.budget_allocation import BudgetAllocation
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world

ID = "promopilot/BudgetAllocation-v0"
KINDS = ["prices", "shares"]
IDS = [spec.id for spec in gymnasium.registry.values() if spec.namespace == "promopilot"]
CASES = [(name, {}) for name in IDS] + [(ID, {"actions": "shares"})]


def test_the_environment_of_this_version_is_registered() -> None:
    assert ID in IDS


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_both_checkers_are_silent(name: str, settings: dict[str, Any]) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(name, **settings)
    check_env(env.unwrapped)  # warnings are errors in this suite; every render mode is tried
    for mode in env.metadata["render_modes"]:
        shown = gymnasium.make(name, render_mode=mode, **settings)
        if "shares" in settings.values():  # it wants [-1, 1], as Gaussian policies do
            shown = RescaleAction(shown, np.float32(-1), np.float32(1))
        check_for_sb3(shown, skip_render_check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_one_flight_and_a_batch_are_the_same_market(kind: str) -> None:
    one = gymnasium.make(ID, actions=kind)
    batch = gymnasium.make_vec(ID, num_envs=4, actions=kind)
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
    env = gymnasium.make(ID, world=world)
    env.reset(seed=3)
    market, policy = Market(world), Replanner(world)
    market.reset(3, np.array([0]))
    done = False
    while not done:
        _, _, done, _, info = env.step(np.zeros(env.action_space.shape, np.float32))
        np.testing.assert_array_equal(info["spend"], market.step(policy.spend(market)).spend[0])


def test_every_reset_is_another_flight_and_a_seed_starts_over() -> None:
    env = gymnasium.make(ID)
    a, _ = env.reset(seed=1)
    b, _ = env.reset()
    c, _ = env.reset(seed=1)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covers", [("spend",), ("spend", "subsidy")])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_actions_outside_the_box_keep_the_limits(
    kind: str, covers: tuple[str, ...], value: float
) -> None:
    world = synthetic_world(covers=covers)
    env = gymnasium.make(ID, world=world, actions=kind).unwrapped
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
    env = gymnasium.make(ID, run=tmp_path).unwrapped
    assert env.batch.world.budget == world.budget


def test_mistakes_are_named(tmp_path) -> None:
    env = gymnasium.make(ID).unwrapped
    env.reset(seed=0)
    with pytest.raises(MarketError, match=r"shape \(2,\); it must be \(13,\): a pace, then a tilt"):
        env.step(np.zeros(2))
    with pytest.raises(MarketError, match=r"action is \[\[0\], 'much'\]; it must be numbers"):
        env.step([[0], "much"])
    with pytest.raises(MarketError, match="holds no market"):
        gymnasium.make(ID, run=tmp_path)
    with pytest.raises(MarketError, match="not both"):
        gymnasium.make(ID, run=tmp_path, world=synthetic_world())
    with pytest.raises(
        MarketError, match=r"actions is 'bids'; .* \('prices', 'shares', 'presets'\)"
    ):
        gymnasium.make(ID, actions="bids")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flight_that_is_over_says_so(kind: str) -> None:
    env = gymnasium.make(ID, world=synthetic_world(SyntheticSize(days=2)), actions=kind).unwrapped
    env.reset(seed=0)
    idle = np.zeros(env.action_space.shape)
    assert [env.step(idle)[2] for _ in range(2)] == [False, True]
    with pytest.raises(MarketError, match="ended after day 2; reset it"):
        env.step(idle)


def test_registering_needs_neither_torch_nor_stable_baselines3() -> None:
    code = (
        "import sys, gymnasium, promopilot.envs; "
        f"gymnasium.make('{ID}'); "
        "print('torch' in sys.modules, 'stable_baselines3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "False"]


# ---- shares ----

THREE_DAYS = synthetic_world(SyntheticSize(promotions=2, placements=2, segments=1, days=3))


def shares(world: World = THREE_DAYS) -> BudgetAllocation:
    env = BudgetAllocation(world, actions="shares")
    env.reset(seed=0)
    return env


def test_shares_split_the_pot() -> None:
    env = shares()
    assert env.action_space == spaces.Box(0.0, 1.0, (5,), np.float32)
    for days_left in (3, 2, 1):
        left = env.batch.market.budget_left[0]
        pot = min(left, 2 * left / days_left)
        asked = env.step(np.array([0.2, 0.1, 0.0, 0.3, 0.4]))[4]["asked"]
        np.testing.assert_allclose(asked, pot * np.array([0.2, 0.1, 0.0, 0.3]))


def test_the_days_limit_bounds_the_pot() -> None:
    env = shares(replace(THREE_DAYS, per_day_max=50.0))
    np.testing.assert_allclose(env.step(np.array([1, 0, 0, 0, 1]))[4]["asked"], [25, 0, 0, 0])


@pytest.mark.parametrize(
    ("action", "same"),
    [
        ([2.0, np.inf, -1.0, -np.inf, 0.0], [1, 1, 0, 0, 0]),
        ([np.nan, 0.5, 0.5, 0.0, np.nan], [0, 0.5, 0.5, 0, 0]),
        ([5e-324, 5e-324, 0.0, 0.0, 5e-324], [1, 1, 0, 0, 1]),
    ],
)
def test_shares_outside_the_box_are_clipped(action: list[float], same: list[float]) -> None:
    asked = [shares().step(np.array(a))[4]["asked"] for a in (action, same)]
    np.testing.assert_allclose(*asked)


@pytest.mark.parametrize("action", [np.zeros(5), np.array([0, 0, 0, 0, 1]), np.full(5, np.nan)])
def test_shares_can_keep_all_money(action: np.ndarray) -> None:
    env, done = shares(), False
    while not done:
        _, reward, done, _, info = env.step(action)
        assert reward == 0.0
        assert info["spend"].sum() == 0.0
    assert info["budget_left"] == THREE_DAYS.budget
