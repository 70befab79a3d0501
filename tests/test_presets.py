import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from safetensors.torch import load_file
from stable_baselines3 import DQN, PPO

from promopilot.agents.artifact import write_artifact
from promopilot.agents.comparison import gain_pct
from promopilot.agents.dqn import make_dqn, network_of, train_dqn
from promopilot.agents.dqn_network import PresetNetwork
from promopilot.agents.dqn_policy import DqnPolicy, load_dqn, save_dqn
from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.errors import PolicyError
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.statistics import ObservationStatistics
from promopilot.agents.training.flights import TrainingFlights
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views import observation
from promopilot.envs.views.preset_actions import PRESETS, PresetActions
from promopilot.envs.world import World

ID = "promopilot/BudgetAllocation-v0"
SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=7)
WORLD = synthetic_world(replace(SIZE, stock=30.0))
QUICK = DqnSettings(
    steps=400,
    num_envs=8,
    training_flights=16,
    hidden=8,
    warm_up=50,
    batch_size=16,
    memory=500,
    evaluate_every=150,
)
NAMES = [preset.name for preset in PRESETS]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def midway(world: World = WORLD) -> Market:
    """Four flights after two days of the re-planner's."""
    market, replan = Market(world), Replan(world)
    market.reset(5, np.arange(4))
    for _ in range(2):
        market.step(replan(market).spend)
    return market


def test_preset_0_is_the_replanner_exactly() -> None:
    market, actions = midway(), PresetActions(Replan(WORLD))
    assert NAMES[0] == "replanner"
    assert len(set(NAMES)) == len(NAMES)
    while not market.done:
        spend = Replan(WORLD)(market).spend
        np.testing.assert_array_equal(actions.spend(market, np.zeros(4, dtype=int)), spend)
        market.step(spend)


@pytest.mark.parametrize("preset", range(len(PRESETS)), ids=NAMES)
def test_limits_hold_under_every_preset(preset: int) -> None:
    world = replace(
        WORLD,
        per_day_max=WORLD.budget / 6,
        max_spend=np.full(WORLD.catalog.num_line_items, WORLD.budget / 25),
    )
    envs = gymnasium.make_vec(ID, num_envs=4, world=world, actions="presets")
    envs.reset(seed=1)
    spent, sold = np.zeros(4), np.zeros((4, 3))
    for _ in range(world.days):
        *_, info = envs.step(np.full(4, preset))
        spent += info["spend"].sum(axis=1)
        sold += world.catalog.by_promotion.sum(info["conversions"])
        assert (info["asked"].sum(axis=1) <= world.per_day_max * (1 + 1e-9)).all()
        assert (info["asked"] <= world.max_spend * (1 + 1e-9)).all()
    assert (spent <= world.budget * (1 + 1e-9)).all()
    assert (sold <= 30).all()
    assert (spent > 0).all()


def spend_of(name: str, market: Market) -> np.ndarray:
    """[N, P] what a preset would spend today on each promotion."""
    actions = PresetActions(Replan(market.world))
    spend = actions.spend(market, np.full(market.num_flights, NAMES.index(name)))
    return market.world.catalog.by_promotion.sum(spend)


def test_presets_do_what_their_names_say() -> None:
    world = synthetic_world(replace(SIZE, placements=1))
    # Alike, but only the last promotion is uncertain, and only the first one has tired people.
    stages = [
        replace(s, rate=np.full_like(s.rate, rate), shared_sd=np.array([0.0, 0.0, 0.8]))
        for s, rate in zip(world.rates.stages, (0.03, 0.1), strict=True)
    ]
    alike = {"price": np.full(3, 20.0), "unit_subsidy": np.full(3, 2.0)}
    world = replace(
        world,
        catalog=replace(world.catalog, **alike),
        rates=type(world.rates)(*stages),
        initial=replace(world.initial, fatigue=np.array([0.5, 0.0, 0.0])),
    )
    market = Market(world)
    market.reset(1, np.arange(4))
    plain = spend_of("replanner", market)
    share = plain / plain.sum(axis=1, keepdims=True)
    for name, promotion, more in (
        ("favour the unknown", 2, True),
        ("favour the proven", 2, False),
        ("spare the tired", 0, False),
    ):
        other = spend_of(name, market)
        moved = (other / other.sum(axis=1, keepdims=True) - share)[:, promotion]
        assert (moved >= 0).all() if more else (moved <= 0).all()
        assert np.abs(moved).max() > 0.005, name
    for name, pace in (("wait", 0.25), ("slower", 1 / 1.5), ("faster", 1.5)):
        np.testing.assert_allclose(
            spend_of(name, market).sum(axis=1), pace * plain.sum(axis=1), rtol=1e-6
        )
    np.testing.assert_allclose(spend_of("keep the stock", market), plain)


def test_stock_that_sells_ahead_of_time_is_kept() -> None:
    market = midway(replace(WORLD, budget=WORLD.budget / 3))
    market.stock_left[:] = np.array([5.0, 30.0, 30.0])
    plain, kept = spend_of("replanner", market), spend_of("keep the stock", market)
    assert (kept[:, 0] <= plain[:, 0]).all()
    assert (kept[:, 0] < plain[:, 0]).any()


def test_the_checkers_are_silent() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(ID, world=WORLD, actions="presets").unwrapped
    assert env.action_space == gymnasium.spaces.Discrete(len(PRESETS))
    check_env(env)
    check_for_sb3(env)


def test_one_flight_and_a_batch_are_the_same_market() -> None:
    one = gymnasium.make(ID, world=WORLD, actions="presets")
    many = gymnasium.make_vec(ID, num_envs=2, world=WORLD, actions="presets")
    one.reset(seed=3)
    one.reset()
    many.reset(seed=3)
    for day in range(WORLD.days):
        action = day % len(PRESETS)
        seen, reward, *_ = one.step(action)
        batch_seen, rewards, *_ = many.step(np.array([0, action]))
        np.testing.assert_array_equal(seen, batch_seen[1])
        assert reward == rewards[1]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (len(PRESETS), f"must be a whole number from 0 to {len(PRESETS) - 1}"),
        (0.5, "of type float64; it must be a whole number"),
        ([1], r"shape \(1,\); it must be \(\)"),
    ],
)
def test_an_action_that_names_no_preset_is_refused(action: object, message: str) -> None:
    env = gymnasium.make(ID, world=WORLD, actions="presets").unwrapped
    env.reset(seed=0)
    with pytest.raises(MarketError, match=message):
        env.step(action)


@pytest.mark.parametrize("learner", [DQN, PPO])
def test_plain_learners_train_on_presets(learner: type) -> None:
    envs = gymnasium.make_vec(ID, num_envs=4, world=WORLD, actions="presets")
    more = {"n_steps": 8, "batch_size": 32} if learner is PPO else {"target_update_interval": 4}
    model = learner("MlpPolicy", FlightsVecEnv(envs), device="cpu", seed=0, **more)
    assert model.learn(64).num_timesteps == 64


@pytest.mark.parametrize("kind", ["dqn", "qrdqn"])
def test_training_starts_at_the_replanner_and_one_seed_is_one_result(kind: str) -> None:
    quick = QUICK.model_copy(update={"algorithm": kind})
    (policy, course), (again, _) = (train_dqn(WORLD, quick, 0, 99, np.arange(4)) for _ in range(2))
    assert course.history[0] == {"steps": 0.0, "gain_pct": 0.0}
    assert policy.name == kind
    weights, others = policy.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def learnt(world: World = WORLD, outputs: int = 1) -> DqnPolicy:
    """A policy whose choices differ from day to day."""
    statistics = TrainingFlights([world], 0, 4, 4, actions="presets").statistics
    torch.manual_seed(1)
    network = PresetNetwork(statistics, len(PRESETS), 8, outputs)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return DqnPolicy(network, statistics, Replan(world))


def test_beyond_what_training_saw_the_replanner_decides() -> None:
    policy, market = learnt(), midway()
    seen = observation.observe(market, policy.replan)
    narrow = ObservationStatistics(
        *(policy.statistics.mean, policy.statistics.sd, seen[0, :0], seen[0, :0])
    )
    narrow.low, narrow.high = policy.statistics.high + 5, policy.statistics.high + 6
    lost = replace(policy, statistics=narrow)
    assert lost.fallback(market).all()
    np.testing.assert_array_equal(lost.spend(market), policy.replan(market).spend)
    assert (lost.unguarded().choose(seen) == policy.unguarded().choose(seen)).all()


def test_the_order_of_promotions_does_not_matter() -> None:
    policy, market = learnt(), midway()
    seen = observation.observe(market, policy.replan)
    at = observation.num_globals(WORLD)
    each = seen[:, at:].reshape(4, 3, -1)[:, [2, 0, 1]].reshape(4, -1)
    moved = np.concatenate([seen[:, :at], each], axis=1)
    torch.testing.assert_close(
        *(policy.network(torch.from_numpy(o)) for o in (seen, moved)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_policy_survives_its_files(outputs: int, tmp_path) -> None:
    policy = learnt(outputs=outputs)
    save_dqn(policy, tmp_path, {"seed": 0})
    again = load_dqn(tmp_path, WORLD)
    flights = np.arange(4)
    np.testing.assert_array_equal(
        roll_out(policy, WORLD, 1, flights).value, roll_out(again, WORLD, 1, flights).value
    )


def unsealed(card: dict) -> dict:
    return {k: v for k, v in card.items() if not k.endswith("_sha256") and k != "notes"}


def test_bad_policy_files_are_named(tmp_path) -> None:
    with pytest.raises(PolicyError, match="no trained policy"):
        load_dqn(tmp_path, WORLD)
    save_dqn(learnt(), tmp_path, {})
    with pytest.raises(PolicyError, match=r"other globals .* differ in log_price.2"):
        load_dqn(tmp_path, synthetic_world())
    card_file, weights_file = tmp_path / "policy.json", tmp_path / "policy.safetensors"
    card = json.loads(card_file.read_text())
    for change, message in (
        ({"presets": ["replanner"]}, "trained on other presets"),
        ({"observation": card["observation"] | {"sd": [1.0]}}, r"has sd of shape \(1,\)"),
        ({"hidden": 7}, "cannot be read"),
        ({"algorithm": "ppo"}, "is of the kind 'ppo'; dqn or qrdqn is needed here"),
    ):
        weights = load_file(weights_file)
        write_artifact(tmp_path, weights, unsealed(card) | change, {})
        with pytest.raises(PolicyError, match=message):
            load_dqn(tmp_path, WORLD)
    card_file.write_text(json.dumps(card | {"hidden": 9}))
    with pytest.raises(PolicyError, match=r"policy.json was altered"):
        load_dqn(tmp_path, WORLD)
    card_file.write_text(json.dumps(card))
    weights = bytearray(weights_file.read_bytes())
    weights[-1] ^= 1
    weights_file.write_bytes(weights)
    with pytest.raises(PolicyError, match="was altered"):
        load_dqn(tmp_path, WORLD)


def test_dqn_learns_to_keep_stock_that_the_replanner_sells_too_soon() -> None:
    world = synthetic_world(replace(SIZE, promotions=4, segments=2, stock=80.0), seed=0)
    learner = DqnSettings(
        steps=6_000,
        num_envs=32,
        training_flights=64,
        hidden=16,
        warm_up=500,
        batch_size=128,
        evaluate_every=1_500,
        lookahead=7,
        learning_rate=2e-3,
    )
    policy, _ = train_dqn(world, learner, 0, 99, np.arange(64))
    flights = np.arange(256)
    value, base = (roll_out(p, world, 7, flights).value for p in (policy, Replanner(world)))
    _, low, _ = gain_pct(value, base, 0)
    assert low > 0.0


def test_the_network_that_decides_is_the_one_that_is_trained() -> None:
    for kind in ("dqn", "qrdqn"):
        env = TrainingFlights([WORLD], 0, 8, 16, actions="presets")
        model = make_dqn(env, QUICK.model_copy(update={"algorithm": kind}), 0)
        model.learn(200)
        assert network_of(model).value.weight.any()
