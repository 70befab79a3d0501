r"""How much more often the policy would be in a state, however it got there.

    u_it = rho_it m_t(s_it),   m_t(s) = E[w_i,t-1 | s_it = s],   m_0 = 1

Where the state holds all of the past that matters, m_t(s) is also E[m_t-1(s_i,t-1) rho_i,t-1 |
s_it = s]: each step's regression starts from the step before, and no target is a product of many
weights. With one level per state it is the marginalised estimator of Xie, Ma and Wang (2019); as a
regression on the state, conditional importance sampling (Rowland et al. 2020).
"""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.sequential.log import SequentialLog
from promopilot.experiments.ope.sequential.q_model import LinearModel


def marginal_weights(log: SequentialLog, ratio: FloatArray, fold: IntArray) -> FloatArray:
    """Weights u [n, T], each episode's by regressions that did not see it.

    In every step they average to 1 over the episodes fitted on, and none exceeds the largest target
    there. An episode that ended carries its weight on.

    Args:
        log: n episodes of at most T steps.
        ratio: [n, T] rho, 1 after an episode's end.
        fold: [n] fold of each episode.
    """
    found = np.empty_like(ratio)
    start = np.cumsum(log.length) - log.length
    for held_out in np.unique(fold):
        inside = fold == held_out
        train = ~inside if not inside.all() else inside
        weight = np.ones(len(ratio))
        found[inside, 0] = ratio[inside, 0]
        for step in range(1, ratio.shape[1]):
            carried = weight * ratio[:, step - 1]
            carried /= max(carried[train].mean(), 1e-300)
            alive = log.length > step
            weight = carried
            if (fitted := alive & train).any():
                state = log.state[start[alive] + step]
                model = LinearModel().fit(state[train[alive]], carried[fitted])
                weight = carried.copy()
                weight[alive] = np.clip(model.predict(state), 0.0, carried[fitted].max())
            found[inside, step] = (weight * ratio[:, step])[inside]
    return found
