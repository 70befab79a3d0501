"""The course of training: what it keeps, when it stops, how it goes on, and what it aims at."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from stable_baselines3.common.vec_env import VecEnv

from promopilot.agents.dqn import make_dqn
from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.errors import PolicyError
from promopilot.agents.policy import Policy
from promopilot.agents.ppo import make_ppo, train_ppo
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.settings import AimSettings, PpoSettings
from promopilot.agents.training import coach
from promopilot.agents.training.aim import Aim
from promopilot.agents.training.flights import TrainingFlights
from promopilot.envs.errors import MarketError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views import observation

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=7)
WORLD = synthetic_world(SIZE)
QUICK = PpoSettings(
    lessons=1,
    corrections=1,
    steps=600,
    num_envs=8,
    training_flights=16,
    evaluate_every=112,
    hidden=8,
    epochs=2,
    learning_rate=3e-3,
    exploration_sd=0.15,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class Kept:
    """Keeps the state of a course in memory, and is killed when it has been saved so often."""

    def __init__(self, die_at: int = 10**9) -> None:
        self.state: tuple[dict[str, torch.Tensor], dict[str, Any]] | None = None
        self.saved, self.die_at = 0, die_at

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        self.state = {k: v.clone() for k, v in tensors.items()}, state
        self.saved += 1
        if self.saved == self.die_at:
            raise KeyboardInterrupt

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        return self.state


def train(settings: PpoSettings = QUICK, keep: Kept | None = None, **others: Any):
    return train_ppo(WORLD, settings, 0, 99, np.arange(8), keep=keep, **others)


@pytest.mark.parametrize("die_at", [1, 3])
def test_a_killed_course_goes_on_to_the_same_weights(die_at: int) -> None:
    whole, course = train()
    kept = Kept(die_at)
    with pytest.raises(KeyboardInterrupt):
        train(keep=kept)
    torch.manual_seed(123)  # what happens elsewhere in between does not matter
    np.random.seed(123)
    resumed, again = train(keep=kept)
    assert again.history == course.history
    weights = whole.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in resumed.network.state_dict().items())
    np.testing.assert_array_equal(whole.statistics.high, resumed.statistics.high)


def test_nothing_better_for_long_enough_ends_the_course() -> None:
    settings = QUICK.model_copy(update={"patience": 2, "learning_rate": 1e-12, "lessons": 0})
    _, course = train(settings)
    assert course.stopped == "early"
    assert len(course.history) < 600 / 56


def test_weights_that_are_no_numbers_end_the_course_and_the_best_is_kept(monkeypatch) -> None:
    measured: list[Any] = []
    real = coach.Coach.measure

    def poisoned(self: coach.Coach) -> None:
        real(self)
        measured.append(self)
        if len(measured) == 3:
            for parameter in self._network.parameters():
                parameter.data.fill_(float("nan"))

    monkeypatch.setattr(coach.Coach, "measure", poisoned)
    policy, course = train()
    assert course.stopped == "diverged"
    assert all(torch.isfinite(p).all() for p in policy.network.parameters())


def test_figures_are_written_by_step() -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            written.append((tag, scalar_value, global_step))

    _, course = train(writer=Writer())
    gains = [value for tag, value, _ in written if tag == "validation/gain_pct"]
    assert gains == [h["gain_pct"] for h in course.history]
    assert any(tag == "train/value_loss" for tag, _, _ in written)


def test_progress_tells_the_gain_and_the_share_done() -> None:
    told: list[tuple[str, float]] = []
    train(progress=lambda what, share: told.append((what, share)))
    assert told[-1][1] == 1.0
    assert "% against the re-planner" in told[-1][0]
    assert any("lessons" in what for what, _ in told)


def test_training_flights_pay_the_gain_over_the_replanner() -> None:
    env = TrainingFlights([WORLD], seed=0, num_envs=4, num_flights=8)
    assert isinstance(env, VecEnv)
    env.reset()
    for day in range(14):
        _, reward, done, infos = env.step(np.zeros((4, 7)))
        np.testing.assert_allclose(reward, 0.0, atol=1e-9)
        assert done.all() == (day % 7 == 6)
        assert ("terminal_observation" in infos[0]) == (day % 7 == 6)


def test_every_training_flight_is_played_once_a_pass_in_another_order_each_time() -> None:
    env = TrainingFlights([WORLD], seed=0, num_envs=4, num_flights=12)
    passes = []
    for _ in range(2):
        played = []
        for _ in range(3):
            env.reset()
            played += env._flights.tolist()
        assert sorted(played) == list(range(12))
        passes.append(played)
    assert passes[0] != passes[1]


def test_catalogs_of_several_sizes_train_one_policy() -> None:
    worlds = [synthetic_world(replace(SIZE, promotions=p), seed=p) for p in (2, 4, 4)]
    env = TrainingFlights(worlds, seed=0, num_envs=4, num_flights=4)
    seen = {}
    for _ in range(12):
        observed = env.reset()
        seen[env.world_index] = observed
    assert set(seen) == {0, 1, 2}
    width = observation.size(worlds[1])
    assert seen[0].shape == seen[1].shape == (4, width)
    missing = len(observation.PROMOTION_NAMES) * 2
    assert (seen[0][:, -missing:] == 0).all()
    policy, course = train_ppo(worlds, QUICK, 0, 99, np.arange(4))
    assert len(course.history) > 2
    assert policy.replan.world is worlds[0]
    other = synthetic_world(replace(SIZE, days=5))
    with pytest.raises(MarketError, match="differ in their number of days"):
        TrainingFlights([WORLD, other], 0, 4, 4)


def test_risk_aversion_pays_the_mean_of_the_worst_flights() -> None:
    """Rockafellar and Uryasev: at the right quantile the corrected returns average to the CVaR."""
    returns = np.random.default_rng(0).normal(10, 5, 1000)
    aim = Aim(AimSettings(cvar=0.2))
    aim.quantile = float(np.quantile(returns, 0.2))
    corrected = returns + aim.beyond_mean(returns)
    assert corrected.mean() == pytest.approx(np.sort(returns)[:200].mean(), rel=1e-3)
    assert aim.figure(returns) == pytest.approx(np.sort(returns)[:200].mean())
    assert (Aim(AimSettings()).beyond_mean(returns) == 0).all()


def test_a_missed_target_gets_dearer_and_a_kept_one_cheaper() -> None:
    aim = Aim(AimSettings(target_roas=2.0))
    for surplus, rises in ((-1.0, True), (-1.0, True), (5.0, False)):
        before = aim.price
        aim.start(3)
        aim.day(np.full(3, 10.0), np.full(3, surplus))
        aim.end()
        assert (aim.price > before) == rises
    assert aim.price >= 0


@pytest.mark.parametrize("name", ["target_roas", "target_cpa"])
def test_a_target_that_the_replanner_misses_is_kept_after_training(name: str) -> None:
    """Beside the re-planner on the same flights, since luck moves both."""
    flights, better = np.arange(256), 1.15

    def figure(policy: Policy, seed: int) -> float:
        books = roll_out(policy, WORLD, seed, flights).by_day
        spend = books.spend.sum()
        roas, cpa = books.conversion_value.sum() / spend, spend / books.conversions.sum()
        return float(roas if name == "target_roas" else 1 / cpa)

    asked = better * figure(Replanner(WORLD), 99)
    aim = AimSettings(**{name: asked if name == "target_roas" else 1 / asked})
    settings = QUICK.model_copy(
        update={
            "aim": aim,
            "lessons": 0,
            "steps": 12_000,
            "evaluate_every": 1_000,
            "num_envs": 32,
            "training_flights": 64,
            "hidden": 16,
            "patience": 100,
        }
    )
    policy, _ = train_ppo(WORLD, settings, 0, 99, flights)
    assert figure(policy, 5) > 0.97 * better * figure(Replanner(WORLD), 5)


def test_a_target_out_of_reach_is_named() -> None:
    aim = AimSettings(target_roas=1e6)
    with pytest.raises(PolicyError, match=r"a ROAS of 1000000.0, and no spend reaches it"):
        train(QUICK.model_copy(update={"aim": aim}))


def test_a_learner_of_other_actions_is_refused() -> None:
    by_presets = TrainingFlights([WORLD], 0, 4, 4, actions="presets")
    with pytest.raises(PolicyError, match=r"PPO decides by prices, .* by presets \(Discrete"):
        make_ppo(by_presets, QUICK, 0)
    with pytest.raises(PolicyError, match=r"DQN decides by presets, .* by prices \(Box"):
        make_dqn(TrainingFlights([WORLD], 0, 4, 4), DqnSettings(), 0)


def test_two_targets_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match="are two targets: set one of them"):
        AimSettings(target_roas=2.0, target_cpa=3.0)


def test_lessons_do_not_lead_away_from_a_target() -> None:
    """Taught or not: the look-ahead knows of no target, so that nobody asks it."""
    aim = AimSettings(target_roas=1.0)
    untaught, taught = (
        train(QUICK.model_copy(update={"aim": aim, "lessons": lessons}))[1].history
        for lessons in (0, 1)
    )
    assert taught == untaught


def test_risk_aversion_takes_lessons_and_is_measured_on_the_worst_flights() -> None:
    aim = AimSettings(cvar=0.25)
    _, course = train(QUICK.model_copy(update={"aim": aim}))
    assert course.history[0]["gain_pct"] == 0.0
    assert all(np.isfinite(h["gain_pct"]) for h in course.history)
