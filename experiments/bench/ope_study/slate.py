"""Made-up mailers whose three places are logged: what each list of offers brings is known.

60 kinds of visitor with two features; six offers, three of them shown in an order drawn place by
place from a softmax of scores (Plackett and Luce), each shown once at most. A place is clicked on
at 5 to 20 %, less further down, and in the world with interaction less often below an offer of the
same sort, which is what a reader does who goes from the top. Values are sums over all visitors and
lists, so they are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np

from promopilot.experiments.bench.ope_study.policies import (
    Aim,
    Tilt,
    aimed,
    drawn,
    standardised,
    tilted_logits,
)
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.slate.log import SlateLog
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities

VISITORS, OFFERS, PLACES = 60, 6, 3
LISTS = np.array(list(permutations(range(OFFERS), PLACES)))  # [S, L]
_ATTENTION = np.array([1.0, 0.7, 0.5])  # [L] of the click rate at the top
_SAME_SORT = 0.6  # of the click rate, below an offer of the same sort


@dataclass(frozen=True)
class Ranking:
    """A policy over lists: for each visitor a score of each offer, in log-odds."""

    scores: FloatArray  # [V, A]

    @cached_property
    def cascade(self) -> FloatArray:
        """[V, S, L] probability of each list down to each place."""
        return np.asarray(np.cumprod(self.steps, axis=2), dtype=np.float64)

    @cached_property
    def lists(self) -> FloatArray:
        """[V, S] probability of each list."""
        return np.asarray(self.cascade[:, :, -1])

    @cached_property
    def steps(self) -> FloatArray:
        """[V, S, L] probability of the offer at each place after those before it."""
        return np.stack(
            [
                np.take_along_axis(self.after(LISTS[:, :k]), LISTS[None, :, k, None], axis=2)[
                    ..., 0
                ]
                for k in range(PLACES)
            ],
            axis=2,
        )

    def after(self, before: IntArray) -> FloatArray:
        """[V, S, A] probabilities of the next offer after the offers `before` [S, k]."""
        odds = np.exp(self.scores - self.scores.max(axis=1, keepdims=True))
        left = np.repeat(odds[:, None, :], len(before), axis=1)
        for k in range(before.shape[1]):
            left[:, np.arange(len(before)), before[:, k]] = 0.0
        return np.asarray(left / left.sum(axis=2, keepdims=True))

    @cached_property
    def at_place(self) -> FloatArray:
        """[V, A, L] probability of each offer at each place, whatever else is shown."""
        found = np.zeros((VISITORS, OFFERS, PLACES))
        for k in range(PLACES):
            np.add.at(found[:, :, k].T, LISTS[:, k], self.lists.T)
        return found


@dataclass(frozen=True)
class Mailer:
    """Visitors [V] and lists [S]; all that the log is drawn from."""

    features: FloatArray  # [V, d]
    click: FloatArray  # [V, S, L] chance of a click at each place
    logging: Ranking
    policies: Mapping[str, Ranking]

    def value(self, policy: Ranking) -> float:
        """Mean clicks per slate."""
        return float((policy.lists * self.click.sum(axis=2)).sum(axis=1).mean())

    @property
    def logged_value(self) -> float:
        """Of the logging policy."""
        return self.value(self.logging)

    def draw(self, slates: int, rng: np.random.Generator) -> Sent:
        """Slates of visitors drawn at random."""
        visitor = rng.integers(VISITORS, size=slates)
        shown = drawn(self.logging.lists[visitor], rng)
        clicks = rng.random((slates, PLACES)) < self.click[visitor, shown]
        log = SlateLog(
            slate=np.repeat(np.arange(slates), PLACES),
            position=np.tile(np.arange(PLACES), slates),
            action=LISTS[shown].ravel(),
            reward=clicks.astype(np.float64).ravel(),
            propensity=probabilities(self.logging, visitor, shown),
            cluster=np.arange(slates),
            evidence="logged",
            actions=tuple(f"offer-{offer}" for offer in range(OFFERS)),
        )
        return Sent(log, visitor, shown)


@dataclass(frozen=True)
class Sent:
    """A log, whom its slates were sent to and which lists they were: [n]."""

    log: SlateLog
    visitor: IntArray
    shown: IntArray

    def items(self, policy: Ranking) -> FloatArray:
        """[m, A] what the policy shows at each row's place after the offers before it."""
        found = [policy.after(LISTS[:, :k])[self.visitor, self.shown] for k in range(PLACES)]
        return np.stack(found, axis=1).reshape(-1, OFFERS)


def probabilities(policy: Ranking, visitor: IntArray, shown: IntArray) -> SlateProbabilities:
    """Probabilities [m] of the lists shown to visitors [n]."""
    lists, places = policy.lists[visitor, shown], policy.at_place[visitor]
    at_place = np.take_along_axis(places, LISTS[shown][:, None, :], axis=1)[:, 0, :]
    return SlateProbabilities(
        joint=np.repeat(lists, PLACES),
        position=at_place.ravel(),
        cascade=policy.cascade[visitor, shown].ravel(),
    )


def mailer(seed: int, sharpness: float, interacting: bool, aims: Mapping[str, Aim]) -> Mailer:
    """A mailer with policies as asked.

    Args:
        seed: of visitors and offers.
        sharpness: log-odds of the logging policy per standard deviation of its scores.
        interacting: whether offers of one sort take clicks from each other.
        aims: policies by name.
    """
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(VISITORS, 2))
    score = rng.normal(scale=0.25, size=OFFERS) + features @ rng.normal(scale=0.2, size=(2, OFFERS))
    rate = np.clip(0.13 * np.exp(score), 0.02, 0.5)  # 13 % at the top for a middling offer
    click = rate[:, LISTS] * _ATTENTION
    if interacting:
        sort = LISTS % 2
        below = np.array([(sort[:, :k] == sort[:, k, None]).any(axis=1) for k in range(PLACES)]).T
        click = click * np.where(below, _SAME_SORT, 1.0)
    taste = standardised(features @ rng.normal(size=(2, OFFERS)) + rng.normal(size=OFFERS))
    noise = standardised(features @ rng.normal(size=(2, OFFERS)) + rng.normal(size=OFFERS))
    advantage = standardised(np.log(rate))
    scores = sharpness * standardised(0.5 * advantage + noise)
    logging = Ranking(scores)
    bare = Mailer(features, click, logging, {})

    def tilted(tilt: Tilt) -> Ranking:
        return Ranking(tilted_logits(scores, advantage, taste, tilt))

    def measured(tilt: Tilt) -> tuple[float, float]:
        policy = tilted(tilt)
        squares = (np.square(policy.lists) / logging.lists).sum(axis=1).mean()
        return bare.value(policy) / bare.logged_value - 1.0, 1.0 / float(squares)

    policies = {name: tilted(aimed(measured, aim)) for name, aim in aims.items()}
    return Mailer(features, click, logging, policies)
