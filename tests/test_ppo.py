"""PPO on prices: where it starts, what it keeps, its files, and that it learns."""

import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers.vector import RescaleAction
from stable_baselines3 import PPO

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.agents.artifact import read_artifact, write_artifact
from promopilot.agents.comparison import gain_pct
from promopilot.agents.errors import PolicyError
from promopilot.agents.network import PriceNetwork, make_network
from promopilot.agents.ppo import train_ppo
from promopilot.agents.ppo_policy import load_policy, save_policy, seen_in
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.settings import PpoSettings
from promopilot.agents.static_optimum import StaticOptimum
from promopilot.agents.statistics import FEATURES, ObservationStatistics
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.dynamics import steady
from promopilot.envs.limits import Limits
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.target import Target
from tests.worlds import calm_world

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=7)
QUICK = PpoSettings(
    lessons=0,
    steps=600,
    num_envs=8,
    training_flights=16,
    evaluate_every=200,
    hidden=8,
    epochs=2,
    learning_rate=3e-3,
    exploration_sd=0.15,
)
UNTRAINED = QUICK.model_copy(update={"steps": 0})


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def train(settings: PpoSettings = QUICK, seed: int = 0):
    world = synthetic_world(SIZE)
    return world, *train_ppo(world, settings, seed, 99, np.arange(8))


def statistics(num_globals: int) -> ObservationStatistics:
    size = num_globals + FEATURES
    ones = np.ones(size, np.float32)
    return ObservationStatistics(0 * ones, ones, -9 * ones, 9 * ones)


@pytest.mark.parametrize("network", ["equivariant", "mlp"])
def test_an_untrained_network_is_the_replanner(network: str) -> None:
    world, policy, course = train(UNTRAINED.model_copy(update={"network": network}))
    assert [h["steps"] for h in course.history] == [0]
    assert course.history[0]["gain_pct"] == pytest.approx(0.0, abs=1e-9)
    market = Market(world)
    np.testing.assert_allclose(policy.spend(market), Replanner(world).spend(market))


def test_the_policy_that_validation_liked_best_is_kept() -> None:
    world, policy, course = train()
    rollout = roll_out(policy.unguarded(), world, 99, np.arange(8))
    mean = rollout.by_day.mean_objective.sum()
    base = roll_out(Replanner(world), world, 99, np.arange(8)).by_day.mean_objective.sum()
    best = max(h["gain_pct"] for h in course.history)
    assert course.history[course.best]["gain_pct"] == best
    assert 100 * (mean - base) / abs(base) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("days", [1, 5, 11])
def test_flights_of_any_length_train_without_a_warning(days: int) -> None:
    world = synthetic_world(replace(SIZE, days=days))
    assert len(train_ppo(world, QUICK, 0, 99, np.arange(4))[1].history) >= 2


def test_a_market_where_nothing_pays_is_left_alone() -> None:
    world = synthetic_world(SIZE)
    catalog = replace(world.catalog, margin=np.zeros(3))
    settings = QUICK.model_copy(update={"lessons": 1, "corrections": 1})
    policy, course = train_ppo(replace(world, catalog=catalog), settings, 0, 99, np.arange(4))
    assert course.history[0]["gain_pct"] == 0.0
    assert roll_out(policy, world, 1, np.arange(4)).spent.shape == (4,)


def test_one_seed_one_result() -> None:
    taught = QUICK.model_copy(update={"lessons": 1, "corrections": 1})
    weights = [train(taught)[1].network.state_dict() for _ in range(2)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_a_teacher_brings_most_of_what_looking_ahead_brings() -> None:
    from promopilot.agents.lookahead.mpc import Mpc

    size = SyntheticSize(promotions=5, placements=3, segments=1, days=14)
    world = synthetic_world(size, seed=3)
    settings = PpoSettings(
        lessons=3, corrections=1, steps=0, num_envs=32, training_flights=96, hidden=16
    )
    policy, course = train_ppo(world, settings, 0, 99, np.arange(32))
    flights = np.arange(64)
    value, ahead, base = (
        roll_out(p, world, 5, flights).by_day.mean_objective.sum()
        for p in (policy, Mpc(world), Replanner(world))
    )
    assert ahead > 1.005 * base
    assert (value - base) / (ahead - base) > 0.6
    assert course.history[1]["gain_pct"] > course.history[0]["gain_pct"] == 0.0


def test_a_policy_survives_its_files(tmp_path) -> None:
    world, policy, _ = train()
    save_policy(policy, tmp_path, {})
    again = load_policy(tmp_path, world)
    flights = np.arange(5)
    np.testing.assert_array_equal(
        roll_out(policy, world, 1, flights).value, roll_out(again, world, 1, flights).value
    )


def test_a_flights_own_target_goes_before_the_one_that_was_learnt_with(tmp_path) -> None:
    """Otherwise no price of a target would change what the policy spends."""
    world, policy, _ = train()
    save_policy(policy, tmp_path, {})
    limits = Limits.none(world.catalog.num_line_items)
    spent = []
    for price in (0.0, 50.0):
        target = Target(roas=100.0, price=price)
        aiming = replace(world, limits=replace(limits, target=target))
        again = load_policy(tmp_path, aiming)
        assert again.replan.target == target
        spent.append(roll_out(again, aiming, 1, np.arange(4)).spent.mean())
    assert spent[1] < spent[0]


def test_an_equivariant_policy_acts_on_a_catalog_of_another_size(tmp_path) -> None:
    _, policy, _ = train()
    save_policy(policy, tmp_path, {})
    larger = synthetic_world(replace(SIZE, promotions=9))
    again = load_policy(tmp_path, larger)
    assert roll_out(again, larger, 1, np.arange(4)).spent.shape == (4,)


def test_bad_policy_files_are_named(tmp_path) -> None:
    world, policy, _ = train(UNTRAINED.model_copy(update={"network": "mlp"}))
    with pytest.raises(PolicyError, match="no trained policy"):
        load_policy(tmp_path, world)
    save_policy(policy, tmp_path, {})
    with pytest.raises(PolicyError, match="trained for 3 promotions, and the market has 6"):
        load_policy(tmp_path, synthetic_world(SyntheticSize(placements=2)))
    with pytest.raises(PolicyError, match=r"other globals .* log_price\.2"):
        load_policy(tmp_path, synthetic_world(replace(SIZE, placements=3)))
    text = (tmp_path / "policy.json").read_text()
    card = json.loads(text)
    for broken, told in (
        ({"algorithm": "ppo"}, "cannot be read"),
        (card | {"algorithm": "dqn"}, "is of the kind 'dqn'; ppo is needed here"),
        (card | {"hidden": 7}, "policy.json was altered"),
        (card | {"observation": {}}, "policy.json was altered"),
        (["no card"], "cannot be read"),
    ):
        (tmp_path / "policy.json").write_text(json.dumps(broken))
        with pytest.raises(PolicyError, match=told):
            load_policy(tmp_path, world)
    (tmp_path / "policy.json").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path, world)
    (tmp_path / "policy.json").write_text(text)
    weights = bytearray((tmp_path / "policy.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "policy.safetensors").write_bytes(weights)
    with pytest.raises(PolicyError, match="was altered"):
        load_policy(tmp_path, world)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"observation": None}, "lacks its observation statistics"),
        ({"observation": {"sd": [1.0]}}, r"has sd of shape \(1,\)"),
        ({"network": "lstm"}, "unknown network 'lstm'"),
        ({"hidden": 7, "network": "equivariant"}, "cannot be read"),
        ({"pessimism": "x"}, "cannot be read"),
    ],
)
def test_a_sealed_card_that_does_not_fit_is_named(tmp_path, change, told: str) -> None:
    """As another program might write it."""
    world, policy, _ = train(UNTRAINED.model_copy(update={"network": "mlp"}))
    save_policy(policy, tmp_path, {})
    card, weights = read_artifact(tmp_path, ("ppo",), seen_in(world))
    card = {k: v for k, v in card.items() if not k.endswith("_sha256") and k != "notes"}
    for key, value in change.items():
        card[key] = card[key] | value if isinstance(value, dict) else value
    card = {k: v for k, v in card.items() if v is not None}
    write_artifact(tmp_path, weights, card, {})
    with pytest.raises(PolicyError, match=told):
        load_policy(tmp_path, world)


def test_a_network_for_one_size_is_not_trained_on_several() -> None:
    worlds = [synthetic_world(replace(SIZE, promotions=p)) for p in (2, 3)]
    with pytest.raises(PolicyError, match=r"mlp acts on one size .* have \[2, 3\] promotions"):
        train_ppo(worlds, QUICK.model_copy(update={"network": "mlp"}), 0, 99, np.arange(2))
    world = synthetic_world(replace(SIZE, days=1))
    with pytest.raises(PolicyError, match="at least 2 flight-days at a time; raise num_envs"):
        train_ppo(world, QUICK.model_copy(update={"num_envs": 1}), 0, 99, np.arange(2))


def test_a_world_in_which_nothing_is_ever_live_trains_nothing_and_says_so_without_nan() -> None:
    world = synthetic_world(SIZE)
    policy, course = train_ppo(
        replace(world, live=np.zeros_like(world.live)), QUICK, 0, 99, np.arange(2)
    )
    assert all(h["gain_pct"] == 0 for h in course.history)
    assert np.isfinite(policy.statistics.mean).all()


def test_permuting_promotions_permutes_their_prices() -> None:
    torch.manual_seed(0)
    network = PriceNetwork(statistics(5), num_promotions=4, hidden=8)
    torch.nn.init.normal_(network.prices.weight)
    seen = torch.randn(2, 5 + 4 * FEATURES).abs()  # `live` above 0
    order = torch.tensor([2, 0, 3, 1])
    each = seen[:, 5:].reshape(2, 4, -1)[:, order].reshape(2, -1)
    plain = network.forward_actor(seen)
    moved = network.forward_actor(torch.cat([seen[:, :5], each], dim=1))
    torch.testing.assert_close(moved[:, 1:5], plain[:, 1:5][:, order])
    torch.testing.assert_close(moved[:, 5:], plain[:, 5:][:, order])
    torch.testing.assert_close(moved[:, 0], plain[:, 0])
    assert not torch.equal(moved[:, 1:5], plain[:, 1:5])


def test_promotions_that_are_not_live_change_nothing() -> None:
    torch.manual_seed(0)
    network = make_network("equivariant", statistics(5), 4, 8)
    torch.nn.init.normal_(network.prices.weight)
    seen = torch.randn(2, 5 + 4 * FEATURES).abs()
    wide = torch.cat([seen, torch.zeros(2, 2 * FEATURES)], dim=1)
    plain, padded = network.forward_actor(seen), network.forward_actor(wide)
    torch.testing.assert_close(padded[:, 1:5], plain[:, 1:5])
    torch.testing.assert_close(padded[:, 0], plain[:, 0])
    assert (padded[:, [5, 6, 11, 12]] == 0).all()


def test_beyond_the_states_of_training_it_decides_as_the_replanner() -> None:
    world, policy, _ = train(QUICK.model_copy(update={"lessons": 1}))
    policy.network.pace[-1].bias.data.fill_(-0.5)  # differs from the re-planner everywhere
    market = Market(world)
    market.reset(99, np.arange(4))
    usual = Replanner(world).spend(market)
    assert not policy.fallback(market).any()
    assert not np.allclose(policy.spend(market), usual)
    market.exogenous.price_factor[2, 0] *= 50
    usual = Replanner(world).spend(market)
    assert policy.fallback(market).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(policy.spend(market)[2], usual[2])
    assert not np.allclose(policy.spend(market)[1], usual[1])


@pytest.mark.parametrize("training", [0, 600])
def test_pessimism_moves_money_from_the_unknown_to_the_known(training: int) -> None:
    world = synthetic_world(SIZE)
    stage = replace(world.rates.first_stage, shared_sd=np.array([1.0, 0.1, 0.1]))
    world = replace(world, rates=replace(world.rates, first_stage=stage))
    aim = QUICK.aim.model_copy(update={"pessimism": 1.0})
    settings = QUICK.model_copy(update={"aim": aim, "lessons": 1, "steps": training})
    careful, _ = train_ppo(world, settings, 0, 99, np.arange(2))
    market = Market(world)
    before, after = (
        world.catalog.by_promotion.sum(p.spend(market))[0] for p in (Replanner(world), careful)
    )
    assert after[0] < before[0]
    assert after[1:].sum() >= before[1:].sum()


def test_ppo_on_shares_finds_the_one_promotion_that_pays() -> None:
    """stable-baselines3's own `MlpPolicy`, without a solver: nine tenths of what is possible."""
    world = calm_world(SyntheticSize(promotions=4, placements=1, segments=1, days=5))
    margin = np.array([0.2, 0.2, 0.6, 0.2])  # the others lose money
    catalog = replace(world.catalog, margin=margin, unit_subsidy=np.zeros(4))
    world = replace(world, catalog=replace(catalog, price=np.full(4, 20.0)))
    envs = gymnasium.make_vec(
        "promopilot/BudgetAllocation-v0", num_envs=32, world=world, actions="shares"
    )
    envs = RescaleAction(envs, np.float32(-1), np.float32(1))
    model = PPO(
        "MlpPolicy",
        FlightsVecEnv(envs),
        n_steps=20,
        batch_size=320,
        learning_rate=3e-3,
        gamma=1.0,
        seed=0,
        device="cpu",
    )
    model.learn(30_000)
    best = roll_out(StaticOptimum(world), world, 1, np.arange(32)).value.mean()
    played = 0.0
    observed, _ = envs.reset(seed=1)
    for _ in range(world.days):
        action = model.predict(observed, deterministic=True)[0]
        observed, _, _, _, info = envs.step(action)
        played += info["objective"].sum() / 32
    assert played > 0.9 * best


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
    agent = PpoSettings(
        lessons=0,
        steps=8_000,
        num_envs=32,
        training_flights=64,
        evaluate_every=2_000,
        hidden=16,
        batch_size=112,
        exploration_sd=0.2,
        learning_rate=3e-3,
    )
    policy, _ = train_ppo(world, agent, 0, 99, np.arange(64))
    value = roll_out(policy, world, 7, np.arange(400)).value
    base = roll_out(Replanner(world), world, 7, np.arange(400)).value
    gain, low, _ = gain_pct(value, base, 0)
    assert gain > 3.0
    assert low > 0.0
