"""Sizes of the noise of pools and of rows, given everything else."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.pooling import moments, pooled_weights
from promopilot.envs.calibration.price_and_reach import Linearised, PricedRows
from promopilot.envs.calibration.season import Evidence, Season
from promopilot.envs.priors import PRIORS

# Rows' own noise: no less than money is rounded by, and a belief for where no row is left over.
_LEAST_ROW_SD, _BELIEVED_ROW_SD, _BELIEVED_ROWS = 1e-3, 0.05, 0.2
_LEAST_KNOWN = 1e-6  # of a pool's noise that a day is taken to tell
_LOG_NOISE = centre(PRIORS["supply_sd"]) + np.linspace(-3.5, 3.5, 141)[:, None]


def noise_of_pools(
    evidence: Evidence, season: Season, log_reach: Floats, noise: Floats, reach_sd: Floats
) -> tuple[Floats, Floats]:
    """Log of each pool's noise and its sd.

    With e the noise of a day and k = 1 - Var(e) / noise^2 what the day tells of it, the day's rows
    amount to one reading E[e] / k of e with variance Var(e) / k. A reading varies by noise^2 and
    that; the likelihood of all of a pool's readings is taken on a grid. Its derivative is set to
    the exact one here, sum(E[e^2] / noise^2 - 1) over days.

    Args:
        evidence: Of all placement-days.
        season: Given that.
        log_reach: [B, S] mean given everything.
        noise: [K, S] at which that holds.
        reach_sd: [B', S] sd of log reach of the first placement-days, those with prices.
    """
    expected = season.expected[evidence.day, evidence.placement]
    variance = noise[evidence.placement] ** 2
    own = np.diagonal(season.gain, axis1=1, axis2=2)
    carried = (1 - own / variance) ** 2 * season.variance[evidence.day, evidence.placement]
    known = np.maximum(1 - (own + carried) / variance, _LEAST_KNOWN)
    mean = log_reach - expected
    error, reading = (own + carried) / known, mean / known
    exact = own.copy()
    exact[: len(reach_sd)] = reach_sd**2
    pool = evidence.placement[:, None] * noise.shape[1] + np.arange(noise.shape[1])

    def by_pool(values: Floats) -> Floats:
        return np.bincount(pool.ravel(), values.ravel(), noise.size).astype(np.float64)

    total = variance + error
    slope = by_pool((mean**2 + exact + carried) / variance - 1)
    slope -= by_pool(variance / total * (reading**2 / total - 1))
    likelihood = np.stack(
        [
            by_pool(-0.5 * (np.log(squared + error) + reading**2 / (squared + error)))
            for squared in np.exp(2 * _LOG_NOISE[:, 0])
        ]
    )
    likelihood += slope * (_LOG_NOISE - np.log(noise.ravel()))
    prior = PRIORS["supply_sd"]
    weights = pooled_weights(
        likelihood.T[:, :, None], (_LOG_NOISE[:, 0], np.zeros(1)), (prior, prior)
    )
    centred, sd = moments(weights, _LOG_NOISE)
    return centred.reshape(noise.shape), sd.reshape(noise.shape)


def noise_of_rows(
    line: Linearised, evidence: Evidence, season: Season, row_sd: Floats, rows: PricedRows
) -> Floats:
    """[K] rows' own noise: squared residuals as many as rows minus what was fitted to them."""
    size, placement = len(row_sd), rows.placement
    learnt = np.einsum("bij,bji->b", season.gain[: len(placement)], evidence.information)
    count = np.bincount(rows.block, minlength=len(placement)) - 1 - learnt
    left = np.maximum(np.bincount(placement, count, size), 0.0)
    misfit = row_sd**2 * np.bincount(placement, line.misfit, size)
    square = misfit + _BELIEVED_ROWS * _BELIEVED_ROW_SD**2
    return np.maximum(np.sqrt(square / (left + _BELIEVED_ROWS)), _LEAST_ROW_SD)
