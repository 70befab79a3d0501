"""Made-up shops whose offers are logged: what each offer truly brings is known.

4,000 customers with five features; eight offers, bought at rates of 5 to 20 %, or clicked on at 1 %
or so. Either that counts 1, or it is worth a basket of skewed size and a customer's decisions share
their luck. Offers
were shown by a softmax of yesterday's scores, with a share at random. Values are sums over all
customers, so they are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.bench.ope_study.policies import (
    Aim,
    Tilt,
    aimed,
    drawn,
    softmax,
    standardised,
    tilted_logits,
)
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.log import BanditLog

CUSTOMERS, FEATURES, OFFERS = 4_000, 5, 8
_BASKET_SD = 0.7  # of a basket's logarithm: the mean is 1.28 times the median
_LUCK = (0.5, 1.5)  # a customer's purchase rates, all of them, are multiplied by one of these
_MOST_VISITS = 3  # of a customer whose decisions are clustered: 1, 2 or 3, equally likely


@dataclass(frozen=True)
class Shop:
    """Customers [C], offers [A]; all that the log is drawn from."""

    features: FloatArray  # [C, d]
    rate: FloatArray  # [C, A] chance of a purchase
    basket: FloatArray  # [C] mean value of a purchase; 1 where purchases are counted
    skewed: bool  # whether baskets differ and customers come back
    logging: FloatArray  # [C, A] probability of each offer
    policies: Mapping[str, FloatArray]  # each [C, A]

    @property
    def worth(self) -> FloatArray:
        """[C, A] mean reward."""
        return np.asarray(self.rate * self.basket[:, None])

    def value(self, policy: FloatArray) -> float:
        """Mean reward per decision."""
        return float((policy * self.worth).sum(axis=1).mean())

    @property
    def logged_value(self) -> float:
        """Of the logging policy."""
        return self.value(self.logging)

    def draw(self, decisions: int, rng: np.random.Generator) -> tuple[BanditLog, IntArray]:
        """About so many decisions of customers drawn at random, and whose they are."""
        if self.skewed:
            visits = rng.integers(1, _MOST_VISITS + 1, size=2 * decisions // (1 + _MOST_VISITS))
        else:
            visits = np.ones(decisions, dtype=np.int64)
        cluster = np.repeat(np.arange(len(visits)), visits)
        customer = rng.integers(CUSTOMERS, size=len(visits))[cluster]
        action = drawn(self.logging[customer], rng)
        chance = self.rate[customer, action]
        reward = np.ones(len(cluster))
        if self.skewed:
            chance = chance * rng.choice(_LUCK, size=len(visits))[cluster]
            spread = rng.normal(-(_BASKET_SD**2) / 2, _BASKET_SD, size=len(cluster))
            reward = self.basket[customer] * np.exp(spread)
        log = BanditLog(
            action=action,
            reward=np.where(rng.random(len(cluster)) < chance, reward, 0.0),
            propensity=self.logging[customer, action],
            cluster=cluster,
            evidence="logged",
            actions=tuple(f"offer-{offer}" for offer in range(OFFERS)),
        )
        return log, customer


def shop(
    seed: int,
    sharpness: float,
    at_random: float,
    skewed: bool,
    aims: Mapping[str, Aim],
    rare: bool = False,
) -> Shop:
    """A shop with policies as asked.

    Args:
        seed: of customers and offers.
        sharpness: log-odds of the logging policy per standard deviation of its scores.
        at_random: share of offers that it draws evenly.
        skewed: whether purchases have baskets and customers come back.
        aims: policies by name.
        rare: whether rates are those of clicks and not of purchases.
    """
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(CUSTOMERS, FEATURES))
    features[:, -1] = rng.random(CUSTOMERS) < 0.3  # a member or not
    score = rng.normal(scale=0.25, size=OFFERS) + features @ rng.normal(
        scale=0.2, size=(FEATURES, OFFERS)
    )
    centre, least = (4.6, 0.002) if rare else (2.2, 0.02)  # 1 % or 10 %
    rate = np.clip(1.0 / (1.0 + np.exp(centre - score)), least, 0.5)
    basket = 30.0 * np.exp(0.3 * features[:, 0]) if skewed else np.ones(CUSTOMERS)
    taste = standardised(features @ rng.normal(size=(FEATURES, OFFERS)) + rng.normal(size=OFFERS))
    advantage = standardised(rate * basket[:, None])
    noise = standardised(features @ rng.normal(size=(FEATURES, OFFERS)) + rng.normal(size=OFFERS))
    even = np.full((CUSTOMERS, OFFERS), 1.0 / OFFERS)
    logging = (1.0 - at_random) * softmax(
        sharpness * standardised(0.5 * advantage + noise)
    ) + at_random * even
    bare = Shop(features, rate, basket, skewed, logging, {})

    def tilted(tilt: Tilt) -> FloatArray:
        return softmax(tilted_logits(np.log(logging), advantage, taste, tilt))

    def measured(tilt: Tilt) -> tuple[float, float]:
        policy = tilted(tilt)
        squares = (np.square(policy) / logging).sum(axis=1).mean()
        return bare.value(policy) / bare.logged_value - 1.0, 1.0 / float(squares)

    policies = {name: tilted(aimed(measured, aim)) for name, aim in aims.items()}
    return Shop(features, rate, basket, skewed, logging, policies)
