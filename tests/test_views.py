"""One market in three views: a Gymnasium Env, a Gymnasium VectorEnv, a stable-baselines3 VecEnv."""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics, RescaleAction
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.agents.training.flights import TrainingFlights
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.errors import MarketError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world

ID = "promopilot/BudgetAllocation-v0"
IDS = [spec.id for spec in gymnasium.registry.values() if spec.namespace == "promopilot"]
KINDS = ["prices", "shares"]
DAYS, FLIGHTS = 5, 3
WORLD = synthetic_world(
    SyntheticSize(promotions=3, placements=2, segments=2, days=DAYS, stock=200.0)
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def one(kind: str, **kwargs: Any) -> gymnasium.Env:
    return gymnasium.make(ID, world=WORLD, actions=kind, **kwargs)


def many(kind: str, num_envs: int = FLIGHTS, **kwargs: Any) -> gymnasium.vector.VectorEnv:
    return gymnasium.make_vec(ID, num_envs=num_envs, world=WORLD, actions=kind, **kwargs)


def decisions(kind: str, seed: int = 0) -> np.ndarray:
    """Actions `[D, N, A]`."""
    space = many(kind).single_action_space
    space.seed(seed)
    return np.array([[space.sample() for _ in range(FLIGHTS)] for _ in range(DAYS)])


Story = tuple[np.ndarray, np.ndarray]  # observations [D + 1, N, size] and rewards [D, N]


def alone(kind: str) -> Story:
    env, flights = one(kind), []
    for n in range(FLIGHTS):
        seen, paid = [env.reset(seed=11 if n == 0 else None)[0]], []
        for action in decisions(kind)[:, n]:
            observed, reward, *_ = env.step(action)
            seen.append(observed)
            paid.append(reward)
        flights.append((np.array(seen), np.array(paid)))
    seen, paid = zip(*flights, strict=True)
    return np.stack(seen, axis=1), np.stack(paid, axis=1)


def together(kind: str) -> Story:
    envs = many(kind)
    seen, paid = [envs.reset(seed=11)[0]], []
    for actions in decisions(kind):
        observed, reward, *_ = envs.step(actions)
        seen.append(observed)
        paid.append(reward)
    return np.array(seen), np.array(paid)


def for_sb3(kind: str) -> Story:
    envs = FlightsVecEnv(many(kind))
    envs.seed(11)
    seen, paid = [envs.reset()], []
    for actions in decisions(kind):
        observed, reward, done, infos = envs.step(actions)
        last = [info.get("terminal_observation") for info in infos]
        seen.append(np.array(last) if done.all() else observed)
        paid.append(reward)
    return np.array(seen), np.array(paid)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", [together, for_sb3])
def test_a_flight_is_the_same_in_each_view(kind: str, view: Callable[[str], Story]) -> None:
    expected, found = alone(kind), view(kind)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert (expected[0][0, 0] != expected[0][0, 1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_tells_what_single_flights_tell(kind: str) -> None:
    env, envs = one(kind), many(kind)
    _, info = env.reset(seed=11)
    _, infos = envs.reset(seed=11)
    for actions in decisions(kind):
        assert set(infos) == set(info)
        for name, value in info.items():
            np.testing.assert_array_equal(infos[name][0], value)
        *_, info = env.step(actions[0])
        *_, infos = envs.step(actions)


def test_next_step_autoreset_spends_a_step_on_starting_anew() -> None:
    envs, straight = many("shares"), many("shares", num_envs=2 * FLIGHTS)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    envs.reset(seed=4)
    for actions in decisions("shares"):
        observed, _, ended, cut, _ = envs.step(actions)
    assert ended.all()
    assert not cut.any()
    np.testing.assert_array_equal(observed, 0.0)
    observed, reward, ended, cut, info = envs.step(np.full_like(actions, np.nan))
    np.testing.assert_array_equal(observed, straight.reset(seed=4)[0][FLIGHTS:])
    assert not (ended | cut | (reward != 0)).any()
    assert set(info) == {"budget_left", "date"}


def test_same_step_autoreset_starts_anew_at_once() -> None:
    envs, next_step = many("shares", autoreset_mode="SameStep"), many("shares")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    envs.reset(seed=4)
    next_step.reset(seed=4)
    for actions in decisions("shares"):
        observed, reward, ended, _, info = envs.step(actions)
        last = next_step.step(actions)
    assert ended.all()
    np.testing.assert_array_equal(np.stack(info["final_obs"]), last[0])
    np.testing.assert_array_equal(reward, last[1])
    np.testing.assert_array_equal(info["final_info"]["spend"], last[4]["spend"])
    assert info["_final_obs"].all()
    np.testing.assert_array_equal(observed, next_step.step(actions)[0])


def test_without_autoreset_a_flight_that_is_over_stays_over() -> None:
    envs = many("prices", autoreset_mode=AutoresetMode.DISABLED)
    envs.reset(seed=0)
    for actions in decisions("prices"):
        envs.step(actions)
    with pytest.raises(MarketError, match="are over; reset"):
        envs.step(actions)
    envs.reset()
    envs.step(actions)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_flight_that_is_cut_short_is_truncated_in_each_view(mode: str) -> None:
    short = {"max_episode_steps": 2}
    env, envs = one("shares", **short), many("shares", autoreset_mode=mode, **short)
    vec = FlightsVecEnv(many("shares", autoreset_mode=mode, **short))
    env.reset(seed=1)
    envs.reset(seed=1)
    vec.seed(1)
    vec.reset()
    first, second = decisions("shares")[:2]
    assert not env.step(first[0])[3]
    assert not envs.step(first)[3].any()
    vec.step(first)
    observed, _, ended, cut, _ = env.step(second[0])
    assert (ended, cut) == (False, True)
    _, _, ended, cut, _ = envs.step(second)
    assert cut.all()
    assert not ended.any()
    *_, infos = vec.step(second)
    assert [info["TimeLimit.truncated"] for info in infos] == [True] * FLIGHTS
    np.testing.assert_array_equal(infos[0]["terminal_observation"], observed)


def test_gymnasiums_vector_wrappers_take_the_batch() -> None:
    for mode in ("NextStep", "SameStep"):
        envs = RecordEpisodeStatistics(many("shares", autoreset_mode=mode))
        envs.reset(seed=0)
        paid = sum((step := envs.step(actions))[1] for actions in decisions("shares"))
        np.testing.assert_allclose(step[4]["episode"]["r"], paid, rtol=1e-6)
    listed = DictInfoToList(many("shares"))
    listed.reset(seed=0)
    infos = listed.step(decisions("shares")[0])[4]
    assert infos[1]["spend"].shape == (WORLD.catalog.num_line_items,)
    assert infos[1]["date"] == "2024-01-02"


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines3_sees_every_batch_of_ours(name: str) -> None:
    envs = FlightsVecEnv(gymnasium.make_vec(name, num_envs=2, world=WORLD))
    one = gymnasium.make(name, world=WORLD)
    assert envs.observation_space == one.observation_space
    assert envs.action_space == one.action_space
    envs.seed(3)
    envs.action_space.seed(0)
    np.testing.assert_array_equal(envs.reset()[0], one.reset(seed=3)[0])
    masks, ends = envs.has_attr("action_masks"), 0
    for _ in range(250):
        actions = np.array([envs.action_space.sample() for _ in range(2)])
        if masks:
            assert np.stack(envs.env_method("action_masks")).shape == (2, envs.action_space.n)
        observed, reward, done, infos = envs.step(actions)
        assert observed.shape == (2, *envs.observation_space.shape)
        assert reward.shape == done.shape == (2,)
        assert all(("terminal_observation" in info) == done.all() for info in infos)
        ends += done.all()
    assert ends > 0


def test_the_contract_of_a_vec_env_is_kept() -> None:
    envs = FlightsVecEnv(TimeAware(many("prices")))
    assert envs.seed(7) == [7] * FLIGHTS
    first = envs.reset()
    assert (envs.reset() != first).any()  # a seed is used once
    envs.seed(7)
    np.testing.assert_array_equal(envs.reset(), first)
    assert len(set(envs.seed(None))) == 1
    assert envs.env_is_wrapped(TimeAware) == [True] * FLIGHTS
    assert envs.env_is_wrapped(Monitor, indices=[0, 2]) == [False, False]
    assert envs.get_attr("render_mode") == [None] * FLIGHTS
    assert envs.get_attr("num_envs", indices=1) == [FLIGHTS]
    assert not envs.has_attr("nothing_of_the_kind")
    envs.set_attr("mark", 5)
    assert envs.get_attr("mark", indices=[0]) == [5]
    assert [space.shape for space in envs.env_method("which_space", "action")] == [(7,)] * FLIGHTS
    envs.close()


class TimeAware(gymnasium.vector.VectorWrapper):
    """A wrapper that does nothing but be there."""

    def which_space(self, name: str) -> gymnasium.Space:
        return getattr(self, f"single_{name}_space")


def test_flights_that_end_apart_need_same_step_autoreset() -> None:
    def apart(**kwargs: Any) -> FlightsVecEnv:
        makers = [lambda: one("prices"), lambda: one("prices", max_episode_steps=2)]
        return FlightsVecEnv(SyncVectorEnv(makers, **kwargs))

    actions = decisions("prices")[:, :2]
    envs = apart()
    envs.reset()
    envs.step(actions[0])
    with pytest.raises(MarketError, match="1 of 2 flights ended before the others"):
        envs.step(actions[1])
    envs = apart(autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset()
    envs.step(actions[0])
    _, _, done, infos = envs.step(actions[1])
    assert done.tolist() == [False, True]
    assert infos[0] == {}
    assert infos[1]["TimeLimit.truncated"]


def symmetric(envs: gymnasium.vector.VectorEnv) -> gymnasium.vector.VectorEnv:
    return RescaleAction(envs, np.float32(-1), np.float32(1))


@pytest.mark.parametrize("kind", KINDS)
def test_ppo_of_stable_baselines3_runs(kind: str) -> None:
    envs = many(kind, num_envs=8)
    monitored = VecMonitor(FlightsVecEnv(symmetric(envs)))
    model = PPO("MlpPolicy", monitored, n_steps=DAYS, batch_size=40, n_epochs=1, seed=0, gamma=1.0)
    model.learn(300)
    assert len(model.ep_info_buffer) >= 56
    assert {info["l"] for info in model.ep_info_buffer} == {DAYS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a batch is not wrapped in a Monitor
        mean, _ = evaluate_policy(model, FlightsVecEnv(symmetric(envs)), 8)
    assert np.isfinite(mean)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "make",
    [
        one,
        many,
        lambda kind: FlightsVecEnv(many(kind)),
        lambda kind: one(kind, render_mode="ansi"),
    ],
)
def test_pickled_in_mid_flight_it_goes_on_as_if_nothing_had_happened(kind: str, make) -> None:
    actions = decisions(kind)
    env = make(kind)
    alone = isinstance(env, gymnasium.Env)

    def go_on(env: Any, day: int) -> tuple[Any, ...]:
        return env.step(actions[day, 0] if alone else actions[day])

    env.reset() if isinstance(env, FlightsVecEnv) else env.reset(seed=2)
    for day in range(2):
        go_on(env, day)
    again = pickle.loads(pickle.dumps(env))
    for day in (2, 3, 4):
        before, after = go_on(env, day), go_on(again, day)
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])
    if alone and env.render_mode:
        assert env.render() == again.render()
    np.testing.assert_array_equal(env.reset()[0], again.reset()[0])


def test_training_flights_are_pickled_in_mid_flight_too() -> None:
    env = TrainingFlights([WORLD], seed=0, num_envs=2, num_flights=4)
    env.reset()
    env.step(np.zeros((2, 7)))
    again = pickle.loads(pickle.dumps(env))
    for _ in range(2 * DAYS):
        before, after = (e.step(np.full((2, 7), 0.5)) for e in (env, again))
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.parametrize("options", [{}, {"anything": 1}])
def test_options_of_a_reset_change_nothing(options: dict[str, Any]) -> None:
    for env in (one("prices"), many("prices")):
        first = env.reset(seed=5)[0]
        np.testing.assert_array_equal(env.reset(seed=5, options=options)[0], first)
    vec = FlightsVecEnv(many("prices"))
    vec.seed(5)
    vec.set_options(options)
    np.testing.assert_array_equal(vec.reset(), first)


def test_mistakes_about_a_batch_are_named() -> None:
    with pytest.raises(MarketError, match="num_envs is 0; it must be at least 1"):
        many("prices", num_envs=0)
    with pytest.raises(MarketError, match=r"autoreset_mode is 'Later'; .*'NextStep', 'SameStep'"):
        many("prices", autoreset_mode="Later")
    with pytest.raises(MarketError, match="Only one flight can be pictured; num_envs is 3"):
        many("prices", render_mode="ansi")
    envs = many("shares")
    envs.reset(seed=0)
    with pytest.raises(MarketError, match=r"shape \(3, 4\); it must be \(3, 13\): a weight for"):
        envs.step(np.zeros((3, 4)))
    with pytest.raises(MarketError, match=r"shape \(13,\); it must be \(3, 13\)"):
        FlightsVecEnv(envs).step(np.zeros(13))
