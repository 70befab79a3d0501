"""Binomial draws from a stream, exact: inversion where few events are expected, else rejection."""

import math

import numpy as np
from numba import njit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.engine.streams import CURSOR, point, uniform, wrapped

# Below this many expected events inversion is quicker, above it rejection is valid.
_FEW = 10.0
# A chance below this is nothing: a number at the end of the unit interval must not count on.
_NOTHING = 1e-18
# Below this many trials multiplying is quicker than a power.
_FEW_TRIALS = 16


@njit(cache=True, error_model="numpy")
def binomial(cursor, trials, probability):  # type: ignore[no-untyped-def]
    """Events among `trials` (a whole number, as a float)."""
    if trials < 1 or not probability > 0:
        return 0.0
    if probability >= 1:
        return trials
    rare = min(probability, 1 - probability)
    if trials * rare < _FEW:
        events = _inverted(cursor, trials, rare)
    else:
        events = _rejected(cursor, trials, rare)
    return events if probability <= 0.5 else trials - events


@njit(cache=True, error_model="numpy")
def _inverted(cursor, trials, rare):  # type: ignore[no-untyped-def]
    """Walks up the distribution function (Kachitvichyanukul and Schmeiser, CACM 1988, BINV)."""
    odds = rare / (1 - rare)
    if trials <= _FEW_TRIALS:
        term = 1.0
        for _ in range(int(trials)):
            term *= 1 - rare
    else:
        term = math.exp(trials * math.log1p(-rare))
    left, events = uniform(cursor), 0.0
    while left > term > _NOTHING and events < trials:
        left -= term
        events += 1
        term *= odds * (trials - events + 1) / events
    return events


@njit(cache=True, error_model="numpy")
def _rejected(cursor, trials, rare):  # type: ignore[no-untyped-def]
    """Transformed rejection (Hoermann, J. Stat. Comput. Simul. 46, 1993, BTRS)."""
    sd = math.sqrt(trials * rare * (1 - rare))
    b = 1.15 + 2.53 * sd
    a = -0.0873 + 0.0248 * b + 0.01 * rare
    centre, accept = trials * rare + 0.5, 0.92 - 4.2 / b
    while True:
        u = uniform(cursor) - 0.5
        v = uniform(cursor)
        edge = 0.5 - abs(u)
        events = math.floor((2 * a / edge + b) * u + centre)
        if edge >= 0.07 and v <= accept:
            return float(events)
        if events < 0 or events > trials:
            continue
        odds, alpha = rare / (1 - rare), (2.83 + 5.1 / b) * sd
        mode = math.floor((trials + 1) * rare)
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (trials - mode + 1)))
            + (trials + 1) * math.log((trials - mode + 1) / (trials - events + 1))
            + (events + 0.5) * math.log(odds * (trials - events + 1) / (events + 1))
            + _stirling(mode)
            + _stirling(trials - mode)
            - _stirling(events)
            - _stirling(trials - events)
        )
        if math.log(v * alpha / (a / (edge * edge) + b)) <= bound:
            return float(events)


@njit(cache=True, error_model="numpy")
def _stirling(k):  # type: ignore[no-untyped-def]
    """Log k! - [(k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2]: what Stirling's formula leaves."""
    if k < 10:
        whole = k + 1.0
        return math.lgamma(whole) - ((k + 0.5) * math.log(whole) - whole + 0.9189385332046727)
    inverse = 1.0 / (k + 1)
    square = inverse * inverse
    return (1.0 / 12 - (1.0 / 360 - square / 1260) * square) * inverse


@njit(cache=True, error_model="numpy")
def _sample(out, seed, flights, purpose, step, trials, probability):  # type: ignore[no-untyped-def]
    cursor = np.empty(CURSOR, dtype=np.uint64)
    for n in range(out.shape[0]):
        point(cursor, seed, flights[n], purpose, step)
        for i in range(out.shape[1]):
            out[n, i] = binomial(cursor, trials[n, i], probability[n, i])


def sample(
    seed: int, flights: Ints, purpose: int, step: int, trials: Floats, probability: Floats
) -> Floats:
    """Events `[N, L]` among whole `trials` `[N, L]`, each flight from its own stream."""
    out = np.empty(trials.shape)
    chance = np.ascontiguousarray(np.broadcast_to(probability, trials.shape))
    _sample(out, wrapped(seed), np.asarray(flights, dtype=np.int64), purpose, step, trials, chance)
    return out
