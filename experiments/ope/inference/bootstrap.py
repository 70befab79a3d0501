"""The studentised cluster bootstrap, on sums over groups.

A replicate is one product of counts and sums. All estimators share the replicates, so differences
are paired: both sides are computed on the same resampled units. Davison and Hinkley (1997),
sections 3.8 and 5.2; Cameron, Gelbach and Miller (2008).
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.inference.sums import GroupSums

# Replicates whose counts are held at once: 32 x 20,000 doubles are 5 MB.
_CHUNK = 32
# Share of an estimate's standard error below which that of a replicate counts as none.
_NONE = 1e-9


def _one_thread() -> threadpool_limits:
    """For many small products, two threads beside another process are slower than one."""
    return threadpool_limits(limits=1, user_api="blas")


@dataclass(frozen=True)
class Replicates:
    """B bootstrap replicates of E estimates and their gains over what was logged, all [B, E]."""

    value: FloatArray
    value_error: FloatArray  # standard error, of the replicate's own groups
    gain: FloatArray
    gain_error: FloatArray


def replicate(sums: GroupSums, replicates: int, rng: np.random.Generator) -> Replicates:
    """Estimates and standard errors of replicates, the G groups drawn with replacement.

    Args:
        sums: sums over independent groups.
        replicates: how many, B.
        rng: draws the groups.
    """
    estimators = range(len(sums.columns))
    parts = [sums.parts(at) for at in estimators]
    found = Replicates(*(np.empty((replicates, len(parts))) for _ in range(4)))
    with _one_thread():
        for start in range(0, replicates, _CHUNK):
            counts = _counts(len(sums.matrix), min(_CHUNK, replicates - start), rng)
            totals = counts @ sums.matrix
            rows = slice(start, start + len(counts))
            logged, by_logged = sums.logged(totals), sums.gradient_of_logged(totals)
            for at in estimators:
                found.value[rows, at] = value = sums.values(at, totals)
                found.gain[rows, at] = value - logged
                gradient = sums.gradient(at, totals)
                found.value_error[rows, at] = _errors(counts, parts[at], gradient)
                gradient[:, :2] -= by_logged
                found.gain_error[rows, at] = _errors(counts, parts[at], gradient)
    return found


def resample(sums: FloatArray, replicates: int, rng: np.random.Generator) -> FloatArray:
    """Sums over bootstrap replicates, the G groups drawn with replacement: [B, K] from [G, K]."""
    drawn = np.empty((replicates, sums.shape[1]))
    with _one_thread():
        for start in range(0, replicates, _CHUNK):
            counts = _counts(len(sums), min(_CHUNK, replicates - start), rng)
            drawn[start : start + len(counts)] = counts @ sums
    return drawn


def studentized_interval(
    estimate: float,
    error: float,
    replicates: FloatArray,
    errors: FloatArray,
    confidence: float,
) -> tuple[float, float]:
    r"""An interval from how far replicates lie from the estimate, in their own standard errors.

    With t = (replicate - estimate) / error and q its quantiles, the equal-tailed interval is
    [estimate - q_high error, estimate - q_low error], correct to second order where terms are
    skewed (Hall 1988), and the symmetric one is estimate -+ q_|t| error. Each end is that of the
    wider of the two, as rewards that are rare under large weights are skewed by more than a log
    shows.

    Args:
        estimate: of the whole log.
        error: its standard error.
        replicates: [B] estimates of replicates.
        errors: [B] their standard errors.
        confidence: level of the interval.

    Returns:
        Both ends. Replicates in which an estimate is not defined are left out. One without spread,
        as where it drew none of the few rewards there are, lies endlessly far on its side.
        (NaN, NaN) where most are undefined or an end is endlessly far: nothing can be told.
    """
    nothing = float("nan"), float("nan")
    defined = np.isfinite(replicates)
    if not np.isfinite(error) or 2 * int(defined.sum()) < len(replicates):
        return nothing
    off, spread = replicates[defined] - estimate, errors[defined]
    flat = spread <= _NONE * error
    distance = np.where(flat, np.copysign(np.inf, off), off / np.where(flat, 1.0, spread))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(distance, [tail, 1.0 - tail], method="nearest")
    either = np.quantile(np.abs(distance), confidence, method="nearest")
    if not np.isfinite([low, high, either]).all():
        return nothing
    return estimate - max(high, either) * error, estimate - min(low, -either) * error


def _counts(groups: int, replicates: int, rng: np.random.Generator) -> FloatArray:
    """How often each group is drawn [replicates, groups]."""
    picks = (
        rng.integers(groups, size=(replicates, groups)) + groups * np.arange(replicates)[:, None]
    )
    counts = np.bincount(picks.ravel(), minlength=replicates * groups)
    return counts.reshape(replicates, groups).astype(np.float64)


def _errors(counts: FloatArray, parts: FloatArray, gradient: FloatArray) -> FloatArray:
    """Standard errors [B] of replicates that draw groups so often [B, G] from parts [G, k].

    The influence of each group is its parts times the replicate's gradient [B, k].
    """
    groups = counts.shape[1]
    moved = gradient @ parts.T
    np.square(moved, out=moved)
    moved *= counts
    return np.asarray(np.sqrt(moved.sum(axis=1) * groups / max(groups - 1, 1)))
