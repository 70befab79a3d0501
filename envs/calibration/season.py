"""How the reach of pools moves together: weekdays, growth, a walk, and each pool's own noise.

z = log reach of pool q on day t (known events taken off)
  = level_q + weekday + trend (t - last day) + path_t + noise_qt,   noise_qt ~ N(0, noise_q^2).

What is known of z comes as a Gaussian likelihood by placement-day (`Evidence`): from the bend of
the cost curve where spend is recorded, from total impressions where not. Given the noise, all else
is linear: one solve, the shared path integrated over its two sizes (`walk`).
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.history import WEEK
from promopilot.envs.calibration.walk import Path, fit_path
from promopilot.envs.priors import PRIORS


@dataclass(frozen=True)
class Evidence:
    """Likelihood exp(-z'Iz/2 + v'z - (c'z) s - q s^2 / 2 + r s) of each of B placement-days.

    z are the logs of reach of the placement's S pools, s is how much the log of the curve's slope
    differs from where the curve was linearised.
    """

    day: Ints  # [B]
    placement: Ints  # [B]
    information: Floats  # [B, S, S] I
    vector: Floats  # [B, S] v
    cross: Floats  # [B, S] c
    slope_information: Floats  # [B] q
    slope_vector: Floats  # [B] r


@dataclass(frozen=True)
class Levels:
    """What is believed of each pool's log reach before the data, and of the slope."""

    mean: Floats  # [K, S]
    sd: Floats  # [K, S] of each pool's own part
    shared_sd: Floats  # [K] of the part that a placement's pools share
    slope: float  # of the log of the slope's distance from where the curve was linearised
    slope_sd: float  # 0: the family has no slope


@dataclass(frozen=True)
class Season:
    """Posterior of everything but the noise's size (Q = K S pools)."""

    level: Floats  # [K, S] of the last day, on a weekday of mean log effect
    weekday: Floats  # [7] log effects, adding up to 0
    trend: float  # growth of the log a day
    slope_step: float
    covariance: Floats  # of level [Q], six contrasts of weekdays, trend, slope
    path: Path
    expected: Floats  # [T, K, S] of z
    variance: Floats  # [T, K, S] of that expectation
    gain: Floats  # [B, S, S] (I + 1 / noise^2)^-1: covariance of z given its expectation
    log_evidence: float  # log of the likelihood with everything integrated out

    @property
    def pools(self) -> int:
        """Q."""
        return self.level.size

    def deviation(self) -> tuple[Floats, float, float]:
        """Sd of each weekday's log effect [7], of the trend, and of the slope's log."""
        q = self.pools
        contrasts = weekday_contrasts()
        week = contrasts @ self.covariance[q : q + 6, q : q + 6] @ contrasts.T
        rest = np.sqrt(np.diag(self.covariance)[q + 6 :])
        return np.sqrt(np.diag(week)), float(rest[0]), float(rest[1])


def weekday_contrasts() -> Floats:
    """[7, 6] orthonormal columns that add up to zero."""
    full = np.eye(WEEK) - 1 / WEEK
    return np.asarray(np.linalg.svd(full)[0][:, : WEEK - 1])


def solve_season(
    evidence: Evidence,
    noise: Floats,
    levels: Levels,
    weekdays: Ints,
    at: tuple[float, float] | None = None,
) -> Season:
    """Posterior given the noise.

    Args:
        evidence: Of B placement-days.
        noise: [K, S] sd of each pool's own noise.
        levels: What is believed of each pool beforehand.
        weekdays: [T] weekday of each day, Monday 0.
        at: Logs of the path's two sds where they are held (see `fit_path`).
    """
    days, pools = len(weekdays), noise.size
    shape = (days, *noise.shape)
    precision = 1 / noise[evidence.placement] ** 2  # [B, S]
    diagonal = precision[:, :, None] * np.eye(noise.shape[1])
    gain = np.asarray(np.linalg.inv(evidence.information + diagonal), dtype=np.float64)
    scaled = precision[:, :, None] * gain
    known = diagonal - scaled * precision[:, None, :]  # [B, S, S] about z's expectation

    def placed(values: Floats) -> Floats:
        """[T, Q] from [B, S]."""
        out = np.zeros(shape)
        np.add.at(out, (evidence.day, evidence.placement), values)
        return out.reshape(days, pools)

    def times(values: Floats) -> Floats:
        return np.asarray(np.einsum("bij,bj->bi", scaled, values))

    by_pool = placed(known.sum(axis=2))
    vector = placed(times(evidence.vector))
    cross = placed(times(evidence.cross))
    own = np.einsum("bi,bij,bj->b", evidence.cross, gain, evidence.cross)
    pull = np.einsum("bi,bij,bj->b", evidence.cross, gain, evidence.vector)
    # Fixed effects: levels [Q], contrasts of weekdays [6], trend, slope.
    shared = np.column_stack(
        [weekday_contrasts()[weekdays], np.arange(days) - (days - 1.0)]
    )  # [T, 7]
    blocks = np.zeros((noise.shape[0], *known.shape[1:]))
    np.add.at(blocks, evidence.placement, known)
    fixed = np.zeros((pools + 8, pools + 8))
    for k, block in enumerate(blocks):
        at_k = slice(k * len(block), (k + 1) * len(block))
        fixed[at_k, at_k] = block
    daily = by_pool.sum(axis=1)
    fixed[:pools, pools:-1] = by_pool.T @ shared
    fixed[pools:-1, pools:-1] = shared.T @ (daily[:, None] * shared)
    fixed[:pools, -1] = cross.sum(axis=0)
    fixed[pools:-1, -1] = shared.T @ cross.sum(axis=1)
    fixed = np.triu(fixed) + np.triu(fixed, 1).T
    fixed[-1, -1] = (evidence.slope_information - own).sum()
    aims = np.concatenate(
        [
            vector.sum(axis=0),
            shared.T @ vector.sum(axis=1),
            [(evidence.slope_vector - pull).sum()],
        ]
    )
    mean, prior = _prior(levels)
    fixed += prior
    aims += prior @ mean
    to_path = np.vstack([by_pool.T, shared.T * daily, cross.sum(axis=1)])  # [Q + 8, T]

    inverse = np.linalg.inv(fixed)
    projected = inverse @ to_path
    path = fit_path(
        np.diag(daily) - to_path.T @ projected,
        vector.sum(axis=1) - projected.T @ aims,
        PRIORS["supply_walk_sd"],
        PRIORS["shared_day_sd"],
        at,
    )
    effects = inverse @ aims - projected @ path.mean
    covariance = inverse + projected @ path.covariance @ projected.T
    # Level and shared movement of each day, from effects and path together.
    moved = shared @ effects[pools:-1] + path.mean
    both = -projected @ path.covariance  # [Q + 8, T] of effects with the path
    week = covariance[pools:-1, pools:-1]
    moved_var = (
        np.einsum("ti,ij,tj->t", shared, week, shared)
        + np.diag(path.covariance)
        + 2 * np.einsum("ti,it->t", shared, both[pools:-1])
    )
    level_moved = covariance[:pools, pools:-1] @ shared.T + both[:pools]  # [Q, T]
    variance = np.diag(covariance)[:pools, None] + moved_var + 2 * level_moved
    return Season(
        level=effects[:pools].reshape(noise.shape),
        weekday=weekday_contrasts() @ effects[pools : pools + 6],
        trend=float(effects[pools + 6]),
        slope_step=float(effects[-1]),
        covariance=covariance,
        path=path,
        expected=(effects[:pools] + moved[:, None]).reshape(shape),
        variance=variance.T.reshape(shape),
        gain=gain,
        log_evidence=path.log_evidence
        + 0.5 * float(np.linalg.slogdet(scaled)[1].sum())
        + 0.5 * float(np.einsum("bi,bij,bj->", evidence.vector, gain, evidence.vector))
        + 0.5 * float(aims @ inverse @ aims - mean @ prior @ mean)
        + 0.5 * float(np.linalg.slogdet(prior)[1] - np.linalg.slogdet(fixed)[1]),
    )


def _prior(levels: Levels) -> tuple[Floats, Floats]:
    """Mean and precision of the fixed effects."""
    week, trend = PRIORS["weekday_effect"], PRIORS["trend"]
    mean = np.concatenate(
        [levels.mean.ravel(), np.full(6, centre(week)), [centre(trend), levels.slope]]
    )
    sd = np.concatenate([levels.sd.ravel(), np.full(6, week.sd), [trend.sd, levels.slope_sd]])
    covariance = np.diag(np.maximum(sd, 1e-6) ** 2)
    pools = levels.sd.shape[1]
    for k, shared in enumerate(levels.shared_sd):
        at = slice(k * pools, (k + 1) * pools)
        covariance[at, at] += shared**2
    return mean, np.linalg.inv(covariance)
