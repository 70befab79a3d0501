"""Policies of the study's worlds: so much better, and so much like what was logged.

A policy tilts the logging policy's log-odds by `skill` times what is truly better and `taste` times
something that has nothing to do with rewards. Two numbers are asked for, the gain and the overlap,
and two are found; both are exact, as the worlds are small enough to be summed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from promopilot.experiments.ope.arrays import FloatArray, IntArray

_MOST = 40.0  # log-odds; more is a policy without any chance left


class Tilt(NamedTuple):
    """How far a policy is from the logging one."""

    skill: float  # log-odds per standard deviation of the true advantage
    taste: float  # log-odds per standard deviation of something irrelevant


class Aim(NamedTuple):
    """What a policy is to be like."""

    gain: float  # as a share of the logged value
    ess_share: float  # usable evidence as a share of the log, in a log without end


def aimed(measured: Callable[[Tilt], tuple[float, float]], aim: Aim) -> Tilt:
    """The tilt whose gain and overlap are as asked.

    Args:
        measured: gain and overlap of a tilt, as in `Aim`; more skill gains more, more taste has
            less overlap.
        aim: what to reach.

    Raises:
        ValueError: no tilt does.
    """

    def skill(taste: float) -> float:
        return _root(lambda skill: measured(Tilt(skill, taste))[0] - aim.gain, -_MOST, _MOST)

    def excess(taste: float) -> float:
        return float(np.log(measured(Tilt(skill(taste), taste))[1] / aim.ess_share))

    taste = _root(excess, 0.0, _MOST / 4)
    return Tilt(skill(taste), taste)


def tilted_logits(
    logits: FloatArray, advantage: FloatArray, taste: FloatArray, tilt: Tilt
) -> FloatArray:
    """Logits of a tilted policy; the more its own taste, the less the logging policy's is left."""
    own = tilt.skill * advantage + tilt.taste * taste
    return np.asarray(logits / (1.0 + tilt.taste) + own)


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def standardised(scores: FloatArray) -> FloatArray:
    """Scores with mean 0 along the last axis and standard deviation 1 overall."""
    centred = scores - scores.mean(axis=-1, keepdims=True)
    return np.asarray(centred / centred.std())


def drawn(probability: FloatArray, rng: np.random.Generator) -> IntArray:
    """One index a row, with the row's probabilities [n, K]."""
    above = rng.random(len(probability))[:, None] > probability.cumsum(axis=1)
    return np.asarray(np.minimum(above.sum(axis=1), probability.shape[1] - 1), dtype=np.int64)


def _root(of: Callable[[float], float], low: float, high: float) -> float:
    if of(low) * of(high) > 0.0:
        raise ValueError(f"no tilt from {low} to {high} reaches the aim")
    return float(brentq(of, low, high, xtol=1e-9))
