import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from promopilot.agents.artifact import write_artifact
from promopilot.agents.errors import PolicyError
from promopilot.agents.placement.flights import PlacementFlights
from promopilot.agents.placement.learners import make_model, network_of
from promopilot.agents.placement.money_left import MoneyLeft
from promopilot.agents.placement.network import PlacementNetwork
from promopilot.agents.placement.policy import (
    Greedy,
    PacedGreedy,
    PricedGreedy,
    available_in,
    best_of,
    profit_and_cost,
)
from promopilot.agents.placement.rollout import roll_out_blocks
from promopilot.agents.placement.settings import PlacementSettings
from promopilot.agents.placement.train import train_placement
from promopilot.agents.placement.trained import PlacementPolicy, load_placement, save_placement
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.rates import Rates
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES
from promopilot.envs.world import World
from tests.worlds import calm_world

KINDS = ["dqn", "qrdqn", "maskable_ppo"]
WORLD = synthetic_world(
    SyntheticSize(promotions=4, placements=2, segments=1, days=4, stock=40.0), seed=1
)
LIMITED = replace(
    WORLD.with_budget(WORLD.budget / 2),
    max_spend=np.full(WORLD.catalog.num_line_items, WORLD.budget / 8),
)
QUICK = PlacementSettings(
    steps=800,
    num_envs=8,
    training_flights=16,
    blocks_per_day=4,
    hidden=8,
    evaluate_every=300,
    warm_up=100,
    memory=2_000,
    batch_size=32,
    rollout=16,
    ppo_batch_size=64,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def quick(kind: str, **changes: object) -> PlacementSettings:
    return QUICK.model_copy(update={"algorithm": kind, **changes})


def one_clearly_best() -> World:
    """Two promotions of like profit, one at a fifth of the other's cost, and little money."""
    world = calm_world(SyntheticSize(promotions=2, placements=1, segments=1, days=4))
    rates = Rates(
        *(
            replace(stage, rate=np.broadcast_to(rate, stage.rate.shape).copy())
            for stage, rate in zip(world.rates.stages, ([0.05, 0.03], 0.1), strict=True)
        )
    )
    catalog = replace(world.catalog, price=np.full(2, 20.0), unit_subsidy=np.zeros(2))
    # A thousand first impressions earn 50 at a cost of 22, or 30 at a cost of 4.
    return replace(
        world,
        rates=rates,
        catalog=catalog,
        unit_cost=np.array([0.022, 0.004]),
        reach_share=np.ones(2),
        budget=0.0012 * world.supply.sum(),
    )


@pytest.mark.parametrize(
    ("kind", "steps", "rate"),
    [("dqn", 4_000, 2e-3), ("qrdqn", 5_000, 2e-3), ("maskable_ppo", 16_000, 3e-3)],
)
def test_a_market_with_one_clearly_best_promotion_is_solved(
    kind: str, steps: int, rate: float
) -> None:
    world, flights = one_clearly_best(), np.arange(32)
    learner = PlacementSettings(
        algorithm=kind,
        steps=steps,
        num_envs=16,
        training_flights=32,
        hidden=16,
        learning_rate=rate,
        warm_up=500,
        batch_size=128,
        lessons=4,
        evaluate_every=1_000,
        rollout=40,
        ppo_batch_size=256,
        sharpness=0.5,
    )
    policy, _ = train_placement(world, learner, 0, 99, flights)
    value, best, greedy = (
        roll_out_blocks(p, world, 7, flights).value.mean()
        for p in (policy, PricedGreedy(world), Greedy())
    )
    assert greedy < 0.6 * best
    assert value > 0.93 * best


def observations(world: World = LIMITED, flights: int = 8) -> np.ndarray:
    """What greedy sees in every fifth block of some flights."""
    batch = BlockFlights(world, 4)
    observed, seen = batch.reset(3, np.arange(flights)), []
    while not batch.done:
        seen.append(observed)
        observed = batch.step(Greedy().choose(batch, observed))[0]
    return np.concatenate(seen[::5])


def taught(hidden: int = 8, outputs: int = 1) -> PlacementNetwork:
    """A network whose last layers say something."""
    torch.manual_seed(0)
    network = PlacementNetwork(hidden, outputs)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_network_decides_as_greedy_does(kind: str) -> None:
    policy, course = train_placement(LIMITED, quick(kind, steps=0), 0, 99, np.arange(8))
    assert course.history == [{"steps": 0.0, "gain_pct": 0.0}]
    seen = observations()
    batch = BlockFlights(LIMITED, 4)
    np.testing.assert_array_equal(policy.choose(batch, seen), Greedy().choose(batch, seen))


def test_greedy_takes_the_best_available_profit_and_nothing_at_a_loss() -> None:
    available = np.array([[True, True, True], [False, True, True], [True, True, True]])
    gain = np.array([[2.0, 1.0], [2.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(best_of(gain, available), [0, 1, 2])


def test_the_observation_tells_what_the_block_is_expected_to_bring() -> None:
    batch = BlockFlights(LIMITED, 4)
    observed = batch.reset(3, np.arange(4))
    profit, cost = profit_and_cost(observed)
    day, market = batch.day, batch.market
    worth, paid = (batch.reward_scale * values for values in (profit + cost, cost))
    at = day.blocks.items(day.pool)
    item = day.blocks.order[at]
    size = day.size[day.pool]
    here = day.blocks.promotion[at]
    np.testing.assert_allclose(
        worth[:, here], market.worth_per_impression[:, item] * size, rtol=1e-4
    )
    # The first block costs little more than its impressions at the price of the first one.
    assert (paid[:, here] > market.unit_cost[:, item] * size * (1 - 1e-5)).all()


class Wild:
    """Takes what training would explore, and notes whether it could be taken."""

    name = "wild"

    def __init__(self, kind: str) -> None:
        env = PlacementFlights(LIMITED, 0, 8, 16, 4)
        self._model = make_model(env, quick(kind), 0)
        self._model.exploration_rate = 0.7
        self.unavailable, self.explored = 0, 0

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> np.ndarray:
        action, _ = self._model.predict(observed)
        self.unavailable += (~batch.available[np.arange(len(action)), action]).sum()
        self.explored += (action != Greedy().choose(batch, observed)).sum()
        return action


@pytest.mark.parametrize("kind", ["dqn", "qrdqn"])
def test_exploring_takes_nothing_that_is_unavailable(kind: str) -> None:
    wild = Wild(kind)
    roll_out_blocks(wild, LIMITED, 5, np.arange(8), blocks_per_day=4)
    assert wild.unavailable == 0
    assert wild.explored > 20
    assert np.shape(wild._model.predict(observations()[0])[0]) == ()  # a single flight


def test_maskable_ppo_is_told_what_is_available() -> None:
    taken = []

    class Watched(PlacementFlights):
        def _play(self, actions):
            taken.append(self.batch.available[np.arange(self.num_envs), actions].all())
            return super()._play(actions)

    env = Watched(LIMITED, 0, 8, 16, 4)
    make_model(env, quick("maskable_ppo"), 0).learn(256)
    assert len(taken) == 32
    assert all(taken)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_network_values_what_is_unavailable_above_anything_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    observed = rng.uniform(-10, 10, (6, len(GLOBAL_NAMES) + 3 * len(PROMOTION_NAMES)))
    each = observed[:, len(GLOBAL_NAMES) :].reshape(6, 3, -1)
    each[..., PROMOTION_NAMES.index("available")] = rng.integers(0, 2, (6, 3))
    observed = observed.astype(np.float32)
    action = PlacementPolicy(taught(outputs=3), 4).choose(BATCH, observed)
    assert available_in(observed)[np.arange(6), action].all()


BATCH = BlockFlights(LIMITED, 4)


@pytest.mark.parametrize("outputs", [1, 3])
def test_permuting_promotions_permutes_their_values(outputs: int) -> None:
    seen = observations()
    order = np.array([2, 0, 3, 1])
    flight, each = np.split(seen, [len(GLOBAL_NAMES)], axis=1)
    moved = each.reshape(len(seen), 4, -1)[:, order].reshape(len(seen), -1)
    network = taught(outputs=outputs)
    plain, other = (
        network(torch.from_numpy(o)).reshape(len(seen), outputs, 5)
        for o in (seen, np.concatenate([flight, moved], axis=1))
    )
    torch.testing.assert_close(other[..., :4], plain[..., order])
    torch.testing.assert_close(other[..., 4], plain[..., 4])


def test_one_set_of_weights_acts_on_any_catalog(tmp_path) -> None:
    larger = synthetic_world(SyntheticSize(promotions=7, placements=1, segments=1, days=2))
    policy = PlacementPolicy(taught(), 4)
    assert roll_out_blocks(policy, larger, 1, np.arange(2), blocks_per_day=4).value.shape == (2,)


def test_rewards_add_up_to_the_gain_over_bid_prices() -> None:
    env = PlacementFlights(LIMITED, 0, 4, 8, 4)
    env.reset()
    flights, total, done = env._flights, np.zeros(4), False
    while not done:
        _, reward, ended, infos = env.step(np.full(4, 4))  # nothing is ever taken
        total += reward
        done = ended.all()
    assert "terminal_observation" in infos[0]
    batch = BlockFlights(LIMITED, 4)
    observed, earned = batch.reset(0, flights), np.zeros(4)
    priced = PricedGreedy(LIMITED)
    while not batch.done:
        observed, _, block, _ = batch.step(priced.choose(batch, observed))
        earned += block.mean_objective
    np.testing.assert_allclose(total, -earned / batch.reward_scale, rtol=1e-9)


def test_bid_prices_charge_only_for_money_that_is_short() -> None:
    rich = WORLD.with_budget(1e9)
    flights = np.arange(4)
    plain, priced = (
        roll_out_blocks(p, rich, 1, flights).value for p in (Greedy(), PricedGreedy(rich))
    )
    np.testing.assert_allclose(priced, plain, rtol=1e-9)
    money = MoneyLeft(LIMITED)
    grid = np.linspace(0, 2 * LIMITED.budget, 50)
    worth = money.worth(grid, 0.5)
    assert worth[0] == 0
    assert (np.diff(worth) >= 0).all()
    assert not money.worth(grid, 0.0).any()


def test_a_pace_keeps_money_for_the_last_day() -> None:
    flights = np.arange(8)
    plain, paced = (
        roll_out_blocks(p, LIMITED, 2, flights) for p in (Greedy(), PacedGreedy(LIMITED))
    )
    assert paced.by_day[:, -1].mean() > 5 * plain.by_day[:, -1].mean()
    assert (paced.spent <= LIMITED.budget).all()
    assert plain.decision_ms > 0


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_one_result(kind: str) -> None:
    weights, histories = zip(
        *(
            (policy.network.state_dict(), course.history)
            for policy, course in (
                train_placement(LIMITED, quick(kind), 3, 99, np.arange(4)) for _ in range(2)
            )
        ),
        strict=True,
    )
    assert histories[0] == histories[1]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_policy_that_validation_liked_best_is_kept() -> None:
    told = []
    policy, course = train_placement(
        LIMITED, quick("dqn"), 0, 99, np.arange(8), lambda what, share: told.append((what, share))
    )
    value, base = (
        roll_out_blocks(p, LIMITED, 99, np.arange(8), blocks_per_day=4).value.mean()
        for p in (policy, Greedy())
    )
    best = max(h["gain_pct"] for h in course.history)
    assert 100 * (value - base) / abs(base) == pytest.approx(best, abs=1e-6)
    assert told[-1][1] == 1.0
    assert told[0][0] == "training: +0.00 % against greedy"


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_policy_survives_its_files(outputs: int, tmp_path) -> None:
    policy = PlacementPolicy(taught(outputs=outputs), 4, "qrdqn")
    save_placement(policy, tmp_path, {"seed": 1})
    again = load_placement(tmp_path)
    assert (again.name, again.blocks_per_day) == ("qrdqn", 4)
    seen = observations()
    np.testing.assert_array_equal(again.choose(BATCH, seen), policy.choose(BATCH, seen))


def test_bad_policy_files_are_named(tmp_path) -> None:
    with pytest.raises(PolicyError, match="no trained policy"):
        load_placement(tmp_path)
    save_placement(PlacementPolicy(taught(), 4), tmp_path, {})
    card_file, weights_file = tmp_path / "policy.json", tmp_path / "policy.safetensors"
    card = card_file.read_text()
    plain = {
        k: v for k, v in json.loads(card).items() if not k.endswith("_sha256") and k != "notes"
    }
    weights = load_file(weights_file)
    for change, message in (
        ({"features": ["profit"]}, "other features than there are here"),
        ({"hidden": 9}, "cannot be read"),
        ({"hidden": None}, "cannot be read"),
        ({"algorithm": "dqn"}, "is of the kind 'dqn'; ad placement by dqn or "),
    ):
        write_artifact(tmp_path, weights, plain | change, {})
        with pytest.raises(PolicyError, match=message):
            load_placement(tmp_path)
    card_file.write_text("{")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_placement(tmp_path)
    write_artifact(tmp_path, weights, plain, {})
    weights = bytearray(weights_file.read_bytes())
    weights[-1] ^= 1
    weights_file.write_bytes(weights)
    with pytest.raises(PolicyError, match="was altered"):
        load_placement(tmp_path)


def test_settings_that_are_none_are_refused() -> None:
    for bad in ({"algorithm": "sarsa"}, {"horizon": 3}, {"discount": 1.5}):
        with pytest.raises(ValueError, match="validation error"):
            PlacementSettings(**bad)


def test_the_network_that_decides_is_the_one_that_is_trained() -> None:
    for kind in KINDS:
        env = PlacementFlights(LIMITED, 0, 8, 16, 4)
        model = make_model(env, quick(kind), 0)
        before = network_of(model).beyond[-1].weight.clone()
        model.learn(512)
        assert not torch.equal(before, network_of(model).beyond[-1].weight)


def test_flights_of_other_blocks_are_refused() -> None:
    with pytest.raises(PolicyError, match="trained on 3 blocks a day, and these flights have 4"):
        PlacementPolicy(taught(), 3).choose(BATCH, observations())
