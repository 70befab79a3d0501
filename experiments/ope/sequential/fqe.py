r"""Fitted Q evaluation: what the rest of an episode brings, learnt backward from its last step.

For t = T - 1 down to 0, a regression of

    y_it = r_it + g \sum_a pi(a|s_i,t+1) q_t+1(s_i,t+1, a)

on (s_it, a_it) gives q_t; at an episode's last step y_it is r_it alone. With one model a step the
pass is complete after T of them: there is no fixed point to iterate towards. Le, Voloshin and Yue
(2019), "Batch policy learning under constraints", for a finite horizon; each episode is estimated
by models that did not see it, as in Kallus and Uehara (2020), "Double reinforcement learning".
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.nuisance.cross_fit import Regressor
from promopilot.experiments.ope.sequential.log import SequentialLog
from promopilot.experiments.ope.sequential.q_model import LINEAR, LinearModel, QModel


@dataclass(frozen=True)
class FittedQ:
    """Estimates of n episodes' m decisions, each by models that did not see its episode."""

    qhat: FloatArray  # [m, A]
    # What followed each decision, r + g v, in the eyes of those models, and what was said of it
    target: FloatArray  # [m]
    model: FloatArray  # [m] by the model: its estimate for the action taken
    constant: FloatArray  # [m] by the mean of the step's targets in training
    line: FloatArray  # [m] by `LinearModel` fitted to the same targets
    fits: int  # models fitted
    steps: int  # of the backward pass

    def start_value(self, log: SequentialLog, choice: FloatArray) -> FloatArray:
        """[n] what the policy's choices [m, A] are expected to bring from the start."""
        value = np.einsum("ma,ma->m", choice, self.qhat)
        return np.asarray(value[log.step == 0])


def fit_q(
    log: SequentialLog, choice: FloatArray, discount: float, fold: IntArray, how: QModel
) -> FittedQ:
    """Fits one model per fold and step, each on the episodes of the other folds.

    Estimates stay within the targets seen in training, so that a line drawn too far cannot grow
    from step to step. They are 0 where the other folds have no episode so long, and NaN
    where there are no other folds.

    Args:
        log: n episodes, m decisions, A actions.
        choice: [m, A] probabilities of the policy.
        discount: factor per step.
        fold: [n] fold of each episode.
        how: the model.
    """
    count, actions = choice.shape
    taken = np.eye(actions)[log.action]
    fold, step = fold[log.episode], log.step
    last = step == np.repeat(log.length, log.length) - 1
    steps = int(log.length.max())
    qhat, fits = np.zeros((count, actions)), 0
    target, constant, line = np.zeros(count), np.zeros(count), np.zeros(count)
    for held_out in np.unique(fold):
        value = np.zeros(count + 1)  # of every decision, in the eyes of this fold's models
        for at in range(steps - 1, -1, -1):
            rows = np.flatnonzero(step == at)
            inside = fold[rows] == held_out
            if inside.all():
                continue
            y = log.reward[rows] + discount * np.where(last[rows], 0.0, value[rows + 1])
            table = np.hstack([log.state[rows], taken[rows]])
            train = y[~inside]
            model = how.make()
            model.fit(table[~inside], train)
            fits += 1
            q = _of_all_actions(model, log.state[rows], actions).clip(train.min(), train.max())
            value[rows] = np.einsum("ra,ra->r", choice[rows], q)
            score = rows[inside]
            qhat[score], target[score], constant[score] = q[inside], y[inside], train.mean()
            if how.name == LINEAR:
                line[score] = qhat[score, log.action[score]]
            elif inside.any():
                straight = LinearModel(actions).fit(table[~inside], train)
                line[score] = straight.predict(table[inside])
    if not fits:
        qhat[:] = np.nan  # all episodes belong together: nothing is known of any
    model_says = qhat[np.arange(count), log.action]
    return FittedQ(qhat, target, model_says, constant, line, fits, steps)


def _of_all_actions(model: Regressor, state: FloatArray, actions: int) -> FloatArray:
    """Predictions [k, A] for states [k, d]."""
    count = len(state)
    table = np.hstack([np.tile(state, (actions, 1)), np.repeat(np.eye(actions), count, axis=0)])
    return np.asarray(model.predict(table).reshape(actions, count).T)
