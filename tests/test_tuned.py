import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promopilot.agents.errors import PolicyError
from promopilot.agents.replanner import Replanner
from promopilot.agents.tuned import Constants, TunedReplanner, tune_replanner
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

SIZE = SyntheticSize(promotions=4, placements=2, segments=2, days=6, stock=30.0)
FLIGHTS = np.arange(12)


def mean_value(policy, world: World, seed: int) -> float:
    market = Market(world)
    market.reset(seed, FLIGHTS)
    total = 0.0
    while not market.done:
        total += float(market.step(policy.spend(market)).total("mean_objective").mean())
    return total


def test_constants_of_zero_are_the_replanner() -> None:
    world = synthetic_world(SIZE)
    market, tuned = Market(world), TunedReplanner(Replan(world))
    market.reset(1, FLIGHTS)
    while not market.done:
        spend = tuned.spend(market)
        np.testing.assert_array_equal(spend, Replanner(world).spend(market))
        market.step(spend)


def test_each_constant_does_what_it_says() -> None:
    world = synthetic_world(SIZE)
    market = Market(world)
    market.reset(1, FLIGHTS)
    market.step(Replanner(world).spend(market))

    def prices(**constants: float):
        return TunedReplanner(Replan(world), Constants(**constants)).prices(market)

    sooner, _ = prices(front=0.2)
    assert (sooner > 1).all()
    for held_back in (dict(restraint=0.2), dict(rest=0.2), dict(scarcity=0.2)):
        pace, tilt = prices(**held_back)
        assert (pace == 1).all()
        assert (tilt <= 1).all()
        assert (tilt < 1).any()
    assert (prices(optimism=0.2)[1] > 1).all()
    _, tilt = prices(restraint=1e9)
    assert (tilt == 0.5).all()


def test_tuning_is_never_worse_on_its_own_flights_and_one_seed_gives_one_result() -> None:
    world = synthetic_world(SIZE)
    told: list[float] = []
    tuned = tune_replanner(world, 5, FLIGHTS, lambda what, share: told.append(share))
    assert mean_value(tuned, world, 5) >= mean_value(Replanner(world), world, 5)
    assert tuned.constants != Constants()
    assert told == sorted(told)
    assert told[-1] == 1
    assert tune_replanner(world, 5, FLIGHTS).constants == tuned.constants


def test_tuning_gains_on_flights_it_has_not_seen_where_people_tire() -> None:
    world = synthetic_world(replace(SIZE, stock=np.inf, days=14, segments=1))
    world = replace(world, dynamics=replace(world.dynamics, fatigue_exponent=0.9))
    tuned = tune_replanner(world, 5, np.arange(24))
    assert tuned.constants.scarcity == 0
    assert mean_value(tuned, world, 6) > 1.005 * mean_value(Replanner(world), world, 6)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    world = synthetic_world(SIZE)
    tuned = TunedReplanner(Replan(world), Constants(front=0.1, rest=0.3))
    tuned.save(tmp_path)
    again = TunedReplanner.load(tmp_path, world)
    assert again.constants == tuned.constants
    assert again.name == "replanner_tuned"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no tuned re-planner in"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"policy": "replanner_tuned"}', "cannot be read"),
        ('{"constants": {"pace": 1}}', "cannot be read"),
        ('{"constants": {"front": "much"}}', "front of the tuned re-planner is 'much'"),
        ('{"constants": {"rest": NaN}}', "rest of the tuned re-planner is nan"),
    ],
)
def test_a_file_that_is_not_one_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "replanner_tuned.json").write_text(text)
    with pytest.raises(PolicyError, match=message):
        TunedReplanner.load(tmp_path, synthetic_world(SIZE))


def test_constants_that_somebody_changed_are_refused(tmp_path: Path) -> None:
    world = synthetic_world(SIZE)
    TunedReplanner(Replan(world)).save(tmp_path)
    path = tmp_path / "replanner_tuned.json"
    card = json.loads(path.read_text())
    card["constants"]["rest"] = 50.0
    path.write_text(json.dumps(card))
    with pytest.raises(PolicyError, match=r"replanner_tuned.json was altered"):
        TunedReplanner.load(tmp_path, world)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    TunedReplanner(Replan(synthetic_world(SIZE))).save(tmp_path)
    card = json.loads((tmp_path / "replanner_tuned.json").read_text())
    assert set(card["constants"]) == {"front", "restraint", "rest", "optimism", "scarcity"}
