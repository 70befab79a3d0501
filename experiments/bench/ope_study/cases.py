"""A log of a made-up world, drawn and made into cases: one per policy, its truth beside it.

Models are those that a user gets who gives none: cross-fitted, with the default settings but for
slates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from promopilot.experiments.bench.ope_study.bandit import Shop
from promopilot.experiments.bench.ope_study.sequential import Weeks
from promopilot.experiments.bench.ope_study.slate import Mailer, probabilities
from promopilot.experiments.ope.arrays import IntArray, TextArray
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.nuisance import reward_model
from promopilot.experiments.ope.nuisance.folds import fold_of
from promopilot.experiments.ope.sequential.case import sequential_case
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate import reward_model as slate_reward_model
from promopilot.experiments.ope.slate.case import slate_case
from promopilot.experiments.ope.slate.rows import ItemValues

World = Shop | Mailer | Weeks
SETTINGS = OpeSettings()
# A slate has a model for each place, policy and fold: with the default's trees, which at such sizes
# add nothing to a linear model, they would take half of the study's time.
_SLATE_SETTINGS = SETTINGS.model_copy(update={"reward_model": "linear"})


@dataclass(frozen=True)
class Judged:
    """A policy on a log, and what is true of it."""

    policy: str
    value: float  # per unit
    gain: float  # over the logging policy
    case: Case[Any]


def judged(world: World, units: int, seed: int) -> Iterator[Judged]:
    """One log of a world and all its policies.

    Args:
        world: what the log is drawn from.
        units: its decisions, slates or episodes.
        seed: of the log and its models.
    """
    rng = np.random.default_rng([seed, units])
    for policy, value, case in _cases(world, units, rng, seed):
        yield Judged(policy, value, value - world.logged_value, case)


def _cases(
    world: World, units: int, rng: np.random.Generator, seed: int
) -> Iterator[tuple[str, float, Case[Any]]]:
    if isinstance(world, Shop):
        return _of_shop(world, units, rng, seed)
    if isinstance(world, Mailer):
        return _of_mailer(world, units, rng, seed)
    return _of_weeks(world, units, rng, seed)


def _of_shop(
    shop: Shop, units: int, rng: np.random.Generator, seed: int
) -> Iterator[tuple[str, float, Case[Any]]]:
    log, customer = shop.draw(units, rng)
    fold = fold_of(_keys(log.cluster), SETTINGS.folds)
    qhat = reward_model.cross_fitted(log, shop.features[customer], fold, SETTINGS, seed)
    for name, policy in shop.policies.items():
        case = bandit_case(log, policy[customer], qhat, reward_model="cross-fitted")
        yield name, shop.value(policy), case


def _of_mailer(
    mailer: Mailer, units: int, rng: np.random.Generator, seed: int
) -> Iterator[tuple[str, float, Case[Any]]]:
    sent = mailer.draw(units, rng)
    fold = fold_of(_keys(sent.log.cluster), SETTINGS.folds)
    features = mailer.features[sent.visitor][sent.log.slate]
    for name, policy in mailer.policies.items():
        items = sent.items(policy)
        q = slate_reward_model.cross_fitted(sent.log, items, features, fold, _SLATE_SETTINGS, seed)
        given = probabilities(policy, sent.visitor, sent.shown)
        case = slate_case(sent.log, given, ItemValues(items, q), reward_model="cross-fitted")
        yield name, mailer.value(policy), case


def _of_weeks(
    weeks: Weeks, units: int, rng: np.random.Generator, seed: int
) -> Iterator[tuple[str, float, Case[Any]]]:
    log, state = weeks.draw(units, rng)
    for name, policy in weeks.policies.items():
        case = sequential_case(log, policy[state], settings=SETTINGS, seed=seed)
        yield name, weeks.value(policy), case


def _keys(cluster: IntArray) -> TextArray:
    return np.asarray(cluster.astype(str).astype(object))
