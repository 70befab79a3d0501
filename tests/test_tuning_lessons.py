"""Trials in one process ask the look-ahead once about the flights that they all begin with."""

import numpy as np
import pytest
import torch

from promopilot.agents.ppo import train_ppo
from promopilot.agents.settings import PpoSettings
from promopilot.agents.spread import Spread, here
from promopilot.agents.training.teacher import Asked, Teaching
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.tuning.lessons import KnownLessons, known_lessons

WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=7))
SETTINGS = PpoSettings(steps=0, lessons=2, corrections=1, num_envs=8, training_flights=16, hidden=4)


def weights(spread: Spread, **changes: float) -> dict[str, torch.Tensor]:
    settings = SETTINGS.model_copy(update=changes)
    policy, _ = train_ppo(WORLD, settings, 0, 1, np.arange(4), spread=spread)
    return dict(policy.network.state_dict())


def test_weights_are_those_of_one_who_asks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    led, followed = [], []
    answered = Teaching.__call__

    def noted(self: Teaching, asked: Asked) -> object:
        (led if asked.done is None else followed).append(len(asked.flights))
        return answered(self, asked)

    one, other = weights(here), weights(here, learning_rate=1e-5)
    monkeypatch.setattr(Teaching, "__call__", noted)
    lessons = KnownLessons()
    again, other_again = weights(lessons), weights(lessons, learning_rate=1e-5)
    assert (led, followed) == ([8, 8], [8, 8])  # two lessons once, a correction for each
    for name, value in one.items():
        assert torch.equal(value, again[name])
        assert torch.equal(other[name], other_again[name])


def test_another_search_has_its_own() -> None:
    first = known_lessons("a")
    assert known_lessons("a") is first
    assert known_lessons("b") is not first
    assert known_lessons("a") is not first
