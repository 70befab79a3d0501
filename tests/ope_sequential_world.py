"""A small world of episodes whose values are known exactly."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.sequential.log import SequentialLog


@dataclass(frozen=True)
class Chain:
    """Three states, two actions; a reward of 1 by chance, and the action moves the state."""

    steps: int = 5
    end: float = 0.0  # chance that an episode ends after a step
    uniform: bool = False  # whether the log draws actions evenly
    states: int = 3
    actions: int = 2

    @property
    def reward(self):  # [S, A] chance of a reward
        return np.array([[0.1, 0.3], [0.5, 0.2], [0.7, 0.9]])

    @property
    def moves(self):  # [S, A, S]
        return np.array(
            [
                [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]],
                [[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]],
                [[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]],
            ]
        )

    @property
    def logging(self):  # [S, A]
        return np.full((3, 2), 0.5) if self.uniform else np.array([[0.6, 0.4]] * 2 + [[0.4, 0.6]])

    @property
    def policy(self):  # [S, A] to be judged
        return np.array([[0.4, 0.6], [0.3, 0.7], [0.3, 0.7]])

    def values(self, discount=1.0):
        """[T, S, A] what an action and then the policy bring, by dynamic programming."""
        found, after = np.zeros((self.steps, 3, 2)), np.zeros(3)
        for step in range(self.steps - 1, -1, -1):
            found[step] = self.reward + discount * (1.0 - self.end) * self.moves @ after
            after = (self.policy * found[step]).sum(axis=1)
        return found

    def value(self, discount=1.0):
        """What the policy brings per episode; the states are equally likely at the start."""
        return float((self.policy * self.values(discount)[0]).sum() / 3)

    def state_weights(self):
        """[T, S] how much more often the policy is in a state than the logging policy."""
        by = [[np.full(3, 1 / 3)], [np.full(3, 1 / 3)]]
        for shares, policy in zip(by, (self.policy, self.logging), strict=True):
            for _ in range(self.steps - 1):
                shares.append(np.einsum("s,sa,saz->z", shares[-1], policy, self.moves))
        return np.array(by[0]) / np.array(by[1])

    def log(self, episodes, seed):
        """A log and the policy's probabilities [m, A] of its decisions."""
        rng = np.random.default_rng(seed)
        shape = (episodes, self.steps)
        state, action = np.zeros(shape, dtype=int), np.zeros(shape, dtype=int)
        now = rng.integers(3, size=episodes)
        for step in range(self.steps):
            state[:, step] = now
            action[:, step] = rng.random(episodes) < self.logging[now, 1]
            chances = self.moves[now, action[:, step]].cumsum(axis=1)[:, :-1]
            now = (rng.random(episodes)[:, None] > chances).sum(axis=1)
        ends = rng.random(shape) < self.end
        ends[:, -1] = True
        length = ends.argmax(axis=1) + 1
        lived = np.arange(self.steps) < length[:, None]
        reward = rng.random(shape) < self.reward[state, action]
        state, action, reward = state[lived], action[lived], reward[lived]
        log = SequentialLog(
            action=action,
            reward=reward.astype(float),
            propensity=self.logging[state, action],
            state=state[:, None].astype(float),
            length=length,
            cluster=np.arange(episodes),
            evidence="logged",
            actions=("a", "b"),
        )
        return log, self.policy[state]
