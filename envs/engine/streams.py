"""Random numbers that are a function of what they are for, not of when they are asked for.

Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011) turns a counter
into random bits. The key is the seed; the counter is the flight, the purpose, the step and a
running index. So a flight is the same alone and in a batch, every policy on one seed meets the same
world, and nothing has to be remembered for a flight to go on after pickling.
"""

import math

import numpy as np
from numba import njit
from scipy.special import ndtri

from promopilot.envs.arrays import Floats, Ints

# Purposes, each a stream of its own.
SUPPLY, PRICE, SHIFTS, LEVELS, DRIFT, OUTCOMES, BLOCKS, CHOICES, STRESS = range(9)

_LOW = np.uint64(0xFFFFFFFF)
_THIRTY_TWO, _TWELVE = np.uint64(32), np.uint64(12)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_PURPOSE_SHIFT = 24
LAST_STEP = 2**_PURPOSE_SHIFT - 1  # a flight has fewer steps
_UNIT = 2.0**-52  # 52 bits and a half: never 0, never 1
# Fields of a cursor: counter (4 words), key (2 words), and a second number kept for the next call.
CURSOR = 8
_KEPT, _HAS_KEPT = 6, 7


@njit(cache=True, error_model="numpy")
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Four random 32-bit words of a counter (four words) and a key (two), all uint64 below 2^32."""
    for _ in range(10):
        first, second = _M0 * c0, _M1 * c2
        c0 = (second >> _THIRTY_TWO) ^ c1 ^ k0
        c1 = second & _LOW
        c2 = (first >> _THIRTY_TWO) ^ c3 ^ k1
        c3 = first & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@njit(cache=True, error_model="numpy")
def point(cursor, seed, flight, purpose, step):  # type: ignore[no-untyped-def]
    """Set a cursor to the start of a stream; the seed and flight are int64."""
    seed_bits, flight_bits = np.uint64(seed), np.uint64(flight)
    cursor[0] = np.uint64(0)
    cursor[1] = np.uint64((purpose << _PURPOSE_SHIFT) | step)
    cursor[2] = flight_bits & _LOW
    cursor[3] = flight_bits >> _THIRTY_TWO
    cursor[4] = seed_bits & _LOW
    cursor[5] = seed_bits >> _THIRTY_TWO
    cursor[_HAS_KEPT] = np.uint64(0)


@njit(cache=True, error_model="numpy")
def uniform(cursor):  # type: ignore[no-untyped-def]
    """The next number of a stream, strictly between 0 and 1."""
    if cursor[_HAS_KEPT]:
        cursor[_HAS_KEPT] = np.uint64(0)
        bits = cursor[_KEPT]
    else:
        a, b, c, d = philox(cursor[0], cursor[1], cursor[2], cursor[3], cursor[4], cursor[5])
        cursor[0] += np.uint64(1)
        bits = (a << _THIRTY_TWO) | b
        cursor[_KEPT] = (c << _THIRTY_TWO) | d
        cursor[_HAS_KEPT] = np.uint64(1)
    return (np.float64(bits >> _TWELVE) + 0.5) * _UNIT


@njit(cache=True, error_model="numpy")
def _fill(out, seed, flights, purpose, first_step):  # type: ignore[no-untyped-def]
    cursor = np.empty(CURSOR, dtype=np.uint64)
    for n in range(out.shape[0]):
        for step in range(out.shape[1]):
            point(cursor, seed, flights[n], purpose, first_step + step)
            for i in range(out.shape[2]):
                out[n, step, i] = uniform(cursor)


@njit(cache=True, error_model="numpy")
def wander(drift, seed, flights, day, step_sd, shock_probability, shock_size):  # type: ignore[no-untyped-def]
    """Add a day's step and shocks to `drift` `[N, P]`, in place (normals by Box and Muller)."""
    cursor = np.empty(CURSOR, dtype=np.uint64)
    promotions = drift.shape[1]
    for n in range(len(drift)):
        point(cursor, seed, flights[n], DRIFT, day)
        for p in range(promotions):
            if uniform(cursor) < shock_probability:
                drift[n, p] -= shock_size
        for p in range(0, promotions, 2):
            radius = step_sd * math.sqrt(-2 * math.log(uniform(cursor)))
            angle = 2 * math.pi * uniform(cursor)
            drift[n, p] += radius * math.cos(angle)
            if p + 1 < promotions:
                drift[n, p + 1] += radius * math.sin(angle)


def uniforms(
    seed: int, flights: Ints, purpose: int, steps: int, count: int, first_step: int = 0
) -> Floats:
    """Numbers `[N, steps, count]` between 0 and 1: `count` of each step's stream.

    Args:
        seed: Seed of the study.
        flights: Numbers of the flights `[N]`.
        purpose: One of this module's purposes.
        steps: Steps (days, or blocks) drawn for, from `first_step` on.
        count: Numbers a step.
        first_step: The first step.
    """
    out = np.empty((len(flights), steps, count))
    _fill(out, wrapped(seed), np.asarray(flights, dtype=np.int64), purpose, first_step)
    return out


def normals(
    seed: int, flights: Ints, purpose: int, steps: int, count: int, first_step: int = 0
) -> Floats:
    """Standard normal numbers `[N, steps, count]`, by inversion of `uniforms`."""
    drawn = uniforms(seed, flights, purpose, steps, count, first_step)
    return np.asarray(ndtri(drawn, out=drawn))


def wrapped(seed: int) -> int:
    """A seed of any size as a signed 64-bit number."""
    return (seed + 2**63) % 2**64 - 2**63
