import copy
import doctest
import pickle
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.envs.errors import MarketError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views import ad_placement
from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES, names
from promopilot.envs.views.ad_placement_vector import AdPlacementVector
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world

ID = "promopilot/AdPlacement-v0"
SIZE = SyntheticSize(promotions=4, placements=2, segments=2, days=4)


def tight(stock: float = 12.0, **changes: object) -> World:
    """A small world in which every kind of limit binds somewhere."""
    world = synthetic_world(replace(SIZE, stock=stock))
    items = world.catalog.num_line_items
    live = world.live.copy()
    live[1:3, :4] = False
    limits = {
        "live": live,
        "max_spend": np.where(np.arange(items) % 3 == 0, 20.0, np.inf),
        "per_day_max": world.budget / 3,
        "reach_share": np.full(items, 0.25),
    }
    return replace(world, **limits | changes)


def test_both_checkers_are_silent() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(ID).unwrapped
    check_env(env)  # warnings are errors in this suite
    check_for_sb3(env)


def test_the_docstring_is_true() -> None:
    failed, tried = doctest.testmod(ad_placement)
    assert tried >= 4
    assert failed == 0


def test_an_episode_is_a_flight_and_ends_with_its_last_block() -> None:
    env = gymnasium.make(ID, world=synthetic_world(SIZE), blocks_per_day=3).unwrapped
    _, info = env.reset(seed=1)
    places, steps, done = [], 0, False
    while not done:
        places.append((info["date"], info["placement_id"], info["segment_id"]))
        observed, _, done, truncated, info = env.step(steps % 5)
        steps += 1
        assert ("outcome" in info) == (steps % 12 == 0)
        assert not truncated
    assert steps == 4 * 3 * 4
    assert places[:4] == places[4:8]
    assert len(set(places)) == 16
    assert not observed.any()
    np.testing.assert_array_equal(env.action_masks(), [False] * 4 + [True])
    with pytest.raises(MarketError, match="ended after day 4; reset it first"):
        env.step(0)


@pytest.mark.parametrize("world", [tight(), tight(covers=("spend", "subsidy"))])
def test_the_mask_tells_what_delivers_a_block(world: World) -> None:
    env = gymnasium.make(ID, world=world).unwrapped
    rng = np.random.default_rng(0)
    _, info = env.reset(seed=2)
    counts, done = np.zeros((2, 2), dtype=int), False
    while not done:
        pool, day = env.batch.pool, env.batch.market.day
        action = int(rng.integers(5))
        available = bool(info["action_mask"][action])
        np.testing.assert_array_equal(info["action_mask"], env.action_masks())
        twin = None if available else copy.deepcopy(env)
        observed, reward, done, _, info = env.step(action)
        delivered = available and action < 4
        assert info["impressions"] == delivered * env.batch.blocks.size[day, pool]
        assert (info["spend"] > 0) == delivered
        counts[int(available), int(action < 4)] += 1
        if twin is not None:
            other, same, *_ = twin.step(4)
            np.testing.assert_array_equal(observed, other)
            assert reward == same
            if "outcome" not in info:
                assert reward == 0
    assert counts[1].min() > 10
    assert counts[0, 1] > 10


@pytest.mark.parametrize("covers", [("spend",), ("spend", "subsidy")])
def test_limits_hold_and_money_adds_up(covers: tuple[str, ...]) -> None:
    world = tight(covers=covers, budget=tight().budget / 2)
    envs = gymnasium.make_vec(ID, num_envs=16, world=world)
    batch = envs.unwrapped.batch
    _, info = envs.reset(seed=3)
    envs.action_space.seed(0)
    spent, used = np.zeros(16), np.zeros(16)
    sold = np.zeros((16, 4))
    day = {name: np.zeros(16) for name in ("spend", "impressions", "clicks", "objective")}
    left = info["budget_left"]
    done = False
    while not done:
        supply = batch.market.exogenous.supply[:, batch.market.day]
        _, rewards, ended, _, info = envs.step(envs.action_space.sample())
        np.testing.assert_allclose(rewards * batch.reward_scale, info["objective"])
        for name, total in day.items():
            total += info[name]
        if (outcome := info.get("outcome")) is not None:
            for name, total in day.items():
                np.testing.assert_allclose(outcome[name].sum(axis=1), total, atol=1e-9)
                total[:] = 0
            spent += outcome["spend"].sum(axis=1)
            used += (outcome["spend"] + outcome["subsidy"]).sum(axis=1)
            sold += world.catalog.by_promotion.sum(outcome["conversions"])
            assert (outcome["spend"].sum(axis=1) <= world.per_day_max).all()
            assert (outcome["spend"] <= world.max_spend).all()
            assert (world.catalog.by_pool.sum(outcome["impressions"]) <= supply).all()
        elif covers == ("spend",):
            np.testing.assert_allclose(left - info["spend"], info["budget_left"], atol=1e-6)
        left = info["budget_left"]
        done = ended.all()
    assert (sold <= 12).all()
    assert spent.max() <= world.budget
    assert spent.min() > 0.2 * world.budget
    # Subsidy of more conversions than expected may pass the budget: the market's overrun.
    np.testing.assert_allclose(
        batch.market.overrun, np.maximum(used - world.budget, 0) * (covers != ("spend",))
    )
    if covers != ("spend",):
        assert used.mean() < world.budget
        assert spent.max() < 0.9 * world.budget


def test_what_redemption_refuses_is_taken_back_from_the_last_block() -> None:
    world = tight(np.inf, covers=("spend", "subsidy"))
    world = replace(world, budget=world.budget / 20, per_day_max=np.inf)
    envs = gymnasium.make_vec(ID, num_envs=32, world=world)
    envs.reset(seed=0)
    earned, refused, done = np.zeros(32), 0.0, False
    booked = np.zeros(32)
    while not done:
        _, _, ended, _, info = envs.step(np.zeros(32, dtype=int))
        earned += info["objective"]
        if "outcome" in info:
            booked += info["outcome"]["objective"].sum(axis=1)
            refused += info["outcome"]["unredeemed"].sum()
        done = ended.all()
    assert refused > 0
    np.testing.assert_allclose(earned, booked, atol=1e-9)


def test_blocks_cost_and_bring_what_a_days_spend_does() -> None:
    world = synthetic_world(SIZE)
    env = gymnasium.make(ID, world=world).unwrapped
    env.reset(seed=5)
    info: dict = {}
    while "outcome" not in info:
        *_, info = env.step(int(np.flatnonzero(env.action_masks())[0]))
    env.batch.market.reset(5, np.array([0]))
    outcome = env.batch.market.step(info["outcome"]["spend"][None])
    # Impressions are rounded at random where spend buys them.
    np.testing.assert_allclose(outcome.impressions[0], info["outcome"]["impressions"], atol=1)
    assert outcome.impressions.sum() > 50_000


def test_one_flight_and_a_batch_are_the_same_market() -> None:
    world = tight()
    one, batch = gymnasium.make(ID, world=world), gymnasium.make_vec(ID, num_envs=3, world=world)
    for _ in range(2):  # the second time: the next flights of the seed
        many, infos = batch.reset(seed=11)
        singles = [one.reset(seed=11 if flight == 0 else None) for flight in range(3)]
        for flight, (first, info) in enumerate(singles):
            np.testing.assert_allclose(first, many[flight], atol=1e-6)
            np.testing.assert_array_equal(info["action_mask"], infos["action_mask"][flight])
    flight = 2
    batch.action_space.seed(0)
    done = False
    while not done:
        actions = batch.action_space.sample()
        many, rewards, ended, _, infos = batch.step(actions)
        first, reward, done, truncated, info = one.step(actions[flight])
        np.testing.assert_allclose(first, many[flight], atol=1e-5)
        assert reward == pytest.approx(rewards[flight], abs=1e-9)
        for name in ("spend", "impressions", "clicks", "conversions", "objective", "budget_left"):
            assert info[name] == pytest.approx(infos[name][flight], abs=1e-9)
        for name in ("date", "placement_id", "segment_id"):
            assert info[name] == infos[name][flight]
        assert done == ended[flight]
        assert not truncated
    np.testing.assert_array_equal(batch.unwrapped.action_masks()[:, -1], True)
    _, rewards, ended, _, _ = batch.step(actions)  # next-step autoreset
    assert not rewards.any()
    assert not ended.any()


def test_a_batch_starts_new_flights_as_its_mode_says() -> None:
    world = synthetic_world(SyntheticSize(promotions=2, placements=1, segments=1, days=1))
    idle = np.zeros(2, dtype=int)

    def played(mode: str) -> tuple:
        envs = gymnasium.make_vec(ID, 2, world=world, blocks_per_day=3, autoreset_mode=mode)
        envs.reset(seed=1)
        return envs, [envs.step(idle) for _ in range(3)][-1]

    same, (observed, _, ended, _, info) = played("SameStep")
    assert ended.all()
    assert observed.any()
    assert not info["final_obs"][1].any()
    assert "outcome" in info["final_info"]
    assert not same.step(idle)[2].any()
    disabled, (observed, *_) = played("Disabled")
    assert not observed.any()
    with pytest.raises(MarketError, match="The flights are over; reset"):
        disabled.step(idle)
    with pytest.raises(MarketError, match="autoreset_mode is 'never'"):
        played("never")
    with pytest.raises(MarketError, match="num_envs is 0; it must be at least 1"):
        AdPlacementVector(0)
    short = AdPlacementVector(2, world, max_episode_steps=2)
    short.reset(seed=0)
    flags = [short.step(idle)[2:4] for _ in range(2)]
    assert not np.any([ended for ended, _ in flags])
    assert [cut.all() for _, cut in flags] == [False, True]


def test_every_reset_is_another_flight_and_a_seed_starts_over() -> None:
    env = gymnasium.make(ID)
    a, b, c = env.reset(seed=1)[0], env.reset()[0], env.reset(seed=1)[0]
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, c)


def test_a_pickled_flight_goes_on_as_if_nothing_had_happened() -> None:
    env = gymnasium.make(ID, world=tight()).unwrapped
    env.reset(seed=4)
    for step in range(70):
        env.step(step % 5)
    other = pickle.loads(pickle.dumps(env))
    for step in range(60):
        ours, theirs = env.step(step % 3), other.step(step % 3)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:4] == theirs[1:4]
        assert ours[4]["conversions"] == theirs[4]["conversions"]


def test_entries_of_the_observation_are_named_and_in_their_ranges() -> None:
    world = tight(covers=("spend", "subsidy"))
    env = gymnasium.make(ID, world=world).unwrapped
    labels = names(world)
    assert len(labels) == env.observation_space.shape[0] == len(set(labels))
    rng, shares = np.random.default_rng(1), ("days_left", "blocks_left")
    observed, info = env.reset(seed=6)
    done = False
    while not done:
        seen = dict(zip(labels, observed, strict=True))
        each = observed[len(GLOBAL_NAMES) :].reshape(4, len(PROMOTION_NAMES))
        assert env.observation_space.contains(observed)
        assert all(0 < seen[name] <= 1 for name in shares)
        np.testing.assert_array_equal(each[:, -1], info["action_mask"][:-1])
        for name in ("reach_left", "stock_left"):
            column = each[:, PROMOTION_NAMES.index(name)]
            assert ((column >= 0) & (column <= 1)).all()
        shown = each[:, PROMOTION_NAMES.index("cost")] > 0
        assert not each[~shown, PROMOTION_NAMES.index("profit")].any()
        observed, _, done, _, info = env.step(rng.integers(5))
    # Whatever was shown tires, is gone from reach and supply, and costs money.
    pair = []
    for action in (4, 1):
        env.reset(seed=6)
        env.step(action)
        for _ in range(3):
            observed, *_ = env.step(4)  # round the pools, to the first one again
        pair.append(dict(zip(labels, observed, strict=True)))
    a, b = pair
    promotion = world.catalog.promotion_ids[1]
    assert b["budget_left"] < a["budget_left"]
    assert b["supply_left"] == pytest.approx(a["supply_left"] - 0.1, abs=0.01)
    assert b[f"{promotion}.reach_left"] < a[f"{promotion}.reach_left"]
    assert b[f"{promotion}.fatigue"] > a[f"{promotion}.fatigue"]
    assert b[f"{promotion}.return_on_cost"] < a[f"{promotion}.return_on_cost"]
    assert b[f"{promotion}.cost"] > a[f"{promotion}.cost"]
    assert b[f"{promotion}.profit"] < a[f"{promotion}.profit"]


def test_no_more_profit_is_expected_than_the_stock_left_can_bring() -> None:
    world = synthetic_world(SIZE)
    at = [names(world).index(f"promotion-0.{name}") for name in ("profit", "cost")]
    plain, scarce = (
        gymnasium.make(ID, world=replace(world, catalog=replace(world.catalog, stock=stock)))
        for stock in (np.full(4, np.inf), np.array([1.0, 9.0, 9.0, 9.0]))
    )
    profit, most = (env.reset(seed=1)[0][at] for env in (plain, scarce))
    unit = scarce.unwrapped.batch.reward_scale
    worth = world.catalog.worth(world.objective)[0][0]
    earned = unit * (np.copysign(np.expm1(abs(most[0])), most[0]) + np.expm1(most[1]))
    assert earned == pytest.approx(worth, rel=1e-4)
    assert profit[0] > most[0]


def test_a_greedy_choice_beats_a_random_one_by_far() -> None:
    envs = gymnasium.make_vec(ID, num_envs=64)
    rng = np.random.default_rng(0)

    def play(greedy: bool) -> float:
        observed, _ = envs.reset(seed=9)
        total, done = 0.0, False
        while not done:
            mask = envs.unwrapped.action_masks()
            each = observed[:, len(GLOBAL_NAMES) :].reshape(64, -1, len(PROMOTION_NAMES))
            score = np.c_[np.where(mask[:, :-1], each[..., 0], 0), np.full(64, np.log(2.0))]
            score = score if greedy else mask * rng.random(mask.shape)
            observed, rewards, ended, _, _ = envs.step(score.argmax(axis=1))
            total, done = total + rewards.mean(), ended.all()
        return total

    best, random = play(True), play(False)
    assert best > 1.5 * random
    assert best > 0.5 * 14 * 60  # of the re-planner, which knows how to pace


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (7, r"action is 7; it must be a whole number from 0 to 6"),
        (-1, r"action is -1; it must be a whole number from 0 to 6"),
        (1.0, r"action is 1.0 of type float64; it must be a whole number"),
        (True, r"action is True of type bool; it must be a whole number"),
        (np.nan, r"action is nan of type float64"),
        (np.array([1]), r"shape \(1,\); it must be \(\) and must be a whole number"),
        ("none", r"action is 'none' of type"),
        (None, r"action is None of type object"),
    ],
)
def test_an_action_that_is_none_of_them_is_refused(action: object, message: str) -> None:
    env = gymnasium.make(ID).unwrapped
    env.reset(seed=0)
    with pytest.raises(MarketError, match=message):
        env.step(action)
    assert env.step(np.int32(2))[4]["impressions"] > 0


def test_a_batch_refuses_what_one_flight_does() -> None:
    envs = gymnasium.make_vec(ID, num_envs=2).unwrapped
    envs.reset(seed=0)
    for actions, message in (
        (np.zeros(3, int), r"shape \(3,\); it must be \(2,\) and must be whole numbers"),
        (np.zeros(2), "type float64; it must be whole numbers from 0 to 6"),
        (np.array([0, 9]), "action is 9; it must be"),
    ):
        with pytest.raises(MarketError, match=message):
            envs.step(actions)


def test_mistakes_are_named(tmp_path) -> None:
    for value in (0, -3, 2.5, "ten", True):
        with pytest.raises(MarketError, match=r"blocks_per_day is .*; it must be a whole number"):
            gymnasium.make(ID, blocks_per_day=value)
    with pytest.raises(MarketError, match="6000000 blocks x 6 pools are 504000000 decisions"):
        gymnasium.make(ID, blocks_per_day=6_000_000)
    with pytest.raises(MarketError, match="holds no market"):
        gymnasium.make(ID, run=tmp_path)
    with pytest.raises(MarketError, match="not both"):
        gymnasium.make(ID, run=tmp_path, world=synthetic_world())
    with pytest.raises(MarketError, match="render_mode is 'human'"):
        ad_placement.AdPlacement(render_mode="human")


def test_a_run_is_played_from_its_folder(tmp_path) -> None:
    (tmp_path / "market").mkdir()
    save_world(synthetic_world(SIZE, seed=4), tmp_path / "market")
    ours = gymnasium.make(ID, run=tmp_path).reset(seed=2)[0]
    theirs = gymnasium.make(ID, world=synthetic_world(SIZE, seed=4)).reset(seed=2)[0]
    np.testing.assert_array_equal(ours, theirs)
    batch = gymnasium.make_vec(ID, num_envs=2, run=str(tmp_path), blocks_per_day=5)
    assert batch.reset(seed=2)[0].shape == (2, len(ours))


def test_a_pool_is_shown_as_text_and_as_pixels() -> None:
    env = gymnasium.make(ID, render_mode="ansi", world=synthetic_world(SIZE))
    env.reset(seed=0)
    env.step(1)
    assert "Day 1 of 4, Mon 2024-01-01, block 1 of 10" in env.render()
    assert "promotion-3" in env.render()
    film = gymnasium.make(ID, render_mode="rgb_array", world=synthetic_world(SIZE))
    film.reset(seed=0)
    frame = film.render()
    assert frame.dtype == np.uint8
    assert frame.shape[2] == 3
    assert frame.min() < 100
    done = False
    while not done:
        _, _, done, _, _ = film.step(0)
    assert film.render().shape == frame.shape


def test_it_needs_neither_torch_nor_stable_baselines3_nor_pandas() -> None:
    code = (
        f"import sys, gymnasium, promopilot.envs; gymnasium.make('{ID}'); "
        "print(sorted({'torch', 'stable_baselines3', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "[]\n"
