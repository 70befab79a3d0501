"""The policy that shows every ordered list of the log's items equally often, by length."""

import numpy as np

from promopilot.experiments.ope.arrays import BoolArray, FloatArray
from promopilot.experiments.ope.slate.log import SlateLog
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities


def uniform_probabilities(log: SlateLog) -> SlateProbabilities:
    """Its probabilities of the logged slates.

    Where no logged slate shows an item twice, neither does the policy: of A items, a slate of
    length l has probability (A - l)! / A!, and its first k ones (A - k)! / A!.
    """
    actions = len(log.actions)
    left = actions - np.arange(int(log.position.max()) + 1) * (not _repeats(log))
    cascade = np.asarray(np.cumprod(1.0 / left), dtype=np.float64)
    return SlateProbabilities(
        joint=cascade[log.length[log.slate] - 1],
        position=np.full(len(log.slate), 1.0 / actions),
        cascade=cascade[log.position],
    )


def uniform_choices(log: SlateLog) -> FloatArray:
    """Its probability of each item at each row's position, after the logged ones before, [m, A]."""
    free = np.ones((len(log.slate), len(log.actions)), dtype=bool)
    if not _repeats(log):
        free &= ~_shown_before(log)
    return np.asarray(free / free.sum(axis=1, keepdims=True))


def _repeats(log: SlateLog) -> bool:
    """Whether any logged slate shows an item twice."""
    pairs = log.slate * len(log.actions) + log.action
    return len(np.unique(pairs)) < len(pairs)


def _shown_before(log: SlateLog) -> BoolArray:
    """Which items stand at an earlier position of the row's slate, [m, A]."""
    first = np.full((log.count, len(log.actions)), np.iinfo(np.int64).max)
    np.minimum.at(first, (log.slate, log.action), log.position)
    return np.asarray(first[log.slate] < log.position[:, None])
