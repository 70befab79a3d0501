"""Made-up customers over five weeks: what each policy brings is known.

A customer is interested (0 to 4) and tired (0 to 2); each week brings nothing, a reminder, a coupon
or a push. A purchase comes at 3 to 22 % and is worth a basket of skewed size; a purchase wakes
interest, offers tire. Values are sums over all states and steps, so they are exact.
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
from promopilot.experiments.ope.sequential.log import SequentialLog

INTEREST, TIRED, STEPS = 5, 3, 5
STATES = np.array([(i, t) for i in range(INTEREST) for t in range(TIRED)])  # [S, 2]
ACTIONS = ("nothing", "reminder", "coupon", "push")
_LIFT = np.array([0.0, 0.04, 0.10, 0.15])  # [A] added to the purchase rate of someone not tired
_COST = np.array([0.0, 0.1, 0.5, 0.3])  # [A] of the offer, in the basket's currency
_TIRES = np.array([0.0, 0.2, 0.4, 0.8])  # [A] chance of getting one step more tired
_BASKET, _BASKET_SD = 30.0, 0.5  # mean, and standard deviation of the logarithm


@dataclass(frozen=True)
class Weeks:
    """States [S], actions [A]; all that the log is drawn from. Policies are [S, A]."""

    purchase: FloatArray  # [S, A] chance
    after: FloatArray  # [2, S, A, S] next state without and with a purchase
    start: FloatArray  # [S]
    logging: FloatArray  # [S, A]
    policies: Mapping[str, FloatArray]

    @property
    def worth(self) -> FloatArray:
        """[S, A] mean reward of a step."""
        return np.asarray(self.purchase * _BASKET - _COST)

    @property
    def moves(self) -> FloatArray:
        """[S, A, S] chances of the next state."""
        chance = self.purchase[..., None]
        return np.asarray((1.0 - chance) * self.after[0] + chance * self.after[1])

    def value(self, policy: FloatArray) -> float:
        """Mean reward of an episode."""
        return float(self.start @ (policy * self.ahead(policy)).sum(axis=1))

    def ahead(self, policy: FloatArray) -> FloatArray:
        """[S, A] what an episode brings from its first step on."""
        found = np.zeros_like(self.worth)
        for _ in range(STEPS):
            found = self.worth + self.moves @ (policy * found).sum(axis=1)
        return found

    def ess_share(self, policy: FloatArray) -> float:
        """1 / E[w^2] of whole episodes."""
        squares = np.ones(len(STATES))
        for _ in range(STEPS):
            squares = (np.square(policy) / self.logging * (self.moves @ squares)).sum(axis=1)
        return 1.0 / float(self.start @ squares)

    @property
    def logged_value(self) -> float:
        """Of the logging policy."""
        return self.value(self.logging)

    def draw(self, episodes: int, rng: np.random.Generator) -> tuple[SequentialLog, IntArray]:
        """Episodes, and the state of each decision [m]."""
        state = drawn(np.tile(self.start, (episodes, 1)), rng)
        states, actions, rewards = [], [], []
        for _ in range(STEPS):
            action = drawn(self.logging[state], rng)
            bought = rng.random(episodes) < self.purchase[state, action]
            basket = _BASKET * np.exp(rng.normal(-(_BASKET_SD**2) / 2, _BASKET_SD, size=episodes))
            states.append(state)
            actions.append(action)
            rewards.append(bought * basket - _COST[action])
            state = drawn(self.after[bought.astype(np.int64), state, action], rng)
        at, action = np.stack(states, axis=1).ravel(), np.stack(actions, axis=1).ravel()
        log = SequentialLog(
            action=action,
            reward=np.stack(rewards, axis=1).ravel(),
            propensity=self.logging[at, action],
            state=STATES[at].astype(np.float64),
            length=np.full(episodes, STEPS),
            cluster=np.arange(episodes),
            evidence="logged",
            actions=ACTIONS,
        )
        return log, at


def weeks(seed: int, sharpness: float, aims: Mapping[str, Aim]) -> Weeks:
    """Customers with policies as asked.

    Args:
        seed: of the logging policy's and the others' preferences.
        sharpness: log-odds of the logging policy per standard deviation of its scores.
        aims: policies by name.
    """
    rng = np.random.default_rng(seed)
    interest, tired = STATES[:, 0], STATES[:, 1]
    purchase = 0.03 + 0.01 * interest[:, None] + _LIFT * (1.0 - 0.45 * tired[:, None])
    start = np.exp(-0.5 * (interest + 2 * tired))
    after = np.stack([_after(woken) for woken in (0.15, 0.8)])
    noise = standardised(rng.normal(size=(len(STATES), len(ACTIONS))))
    taste = standardised(rng.normal(size=(len(STATES), len(ACTIONS))))
    logging = softmax(sharpness * noise)
    bare = Weeks(purchase, after, start / start.sum(), logging, {})
    advantage = standardised(bare.ahead(logging))

    def tilted(tilt: Tilt) -> FloatArray:
        return softmax(tilted_logits(np.log(logging), advantage, taste, tilt))

    def measured(tilt: Tilt) -> tuple[float, float]:
        policy = tilted(tilt)
        return bare.value(policy) / bare.logged_value - 1.0, bare.ess_share(policy)

    policies = {name: tilted(aimed(measured, aim)) for name, aim in aims.items()}
    return Weeks(purchase, after, bare.start, logging, policies)


def _after(woken: float) -> FloatArray:
    """[S, A, S] next state: interest rises with chance `woken`, else falls with 0.3."""
    found = np.zeros((len(STATES), len(ACTIONS), len(STATES)))
    falls = 0.3 * (1.0 - woken)
    for here, (interest, tired) in enumerate(STATES):
        for action, tires in enumerate(_TIRES):
            # Who is not tired further rests, but only when left alone.
            rests = (1.0 - tires) * (0.5 if action == 0 else 0.1)
            for step, chance in ((1, woken), (-1, falls), (0, 1.0 - woken - falls)):
                for more, likely in ((1, tires), (-1, rests), (0, 1.0 - tires - rests)):
                    there = min(max(interest + step, 0), INTEREST - 1) * TIRED + min(
                        max(tired + more, 0), TIRED - 1
                    )
                    found[here, action, there] += chance * likely
    return found
