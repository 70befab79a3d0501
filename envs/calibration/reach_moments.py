"""Mean and sd of log reach within each placement-day, by quadrature.

The linearised likelihood of `price_and_reach` is exact where rows tell reach well. Where they tell
little, the likelihood of log reach is skew (a small reach is ruled out, a large one is not) and a
placement has hundreds of such days, so that small errors add up. Here each day's log price c is
integrated on one grid and, given c, the log reach z of each pool on another. The linearised
evidence is shifted so that it has the same mean; its information stays, which is that expected of
such rows. A solution then sets the derivative of the exact likelihood to zero.

Exact: the density of a row's impressions given its spend is that of the noise in log(x / y), times
d noise / d log y = 1 + u h'.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.curve import premium
from promopilot.envs.calibration.price_and_reach import Linearised, PricedRows
from promopilot.envs.calibration.season import Evidence
from promopilot.envs.response import Saturation

_REACH_POINTS, _PRICE_POINTS = np.linspace(-5, 5, 21), np.linspace(-4, 4, 11)  # in sds
_CHUNK = 400  # placement-days at a time


@dataclass(frozen=True)
class Moments:
    """Of B placement-days."""

    mean: Floats  # [B, S] of log reach
    sd: Floats  # [B, S]
    # [B] log of the rows' likelihood, price and reach integrated; and that over the same of the
    # Gaussian evidence.
    log_likelihood: Floats
    log_ratio: Floats
    evidence: Evidence


def reach_moments(
    rows: PricedRows,
    line: Linearised,
    expected: Floats,
    precision: Floats,
    around: tuple[Floats, Floats],
    saturation: Saturation,
) -> Moments:
    """Integrate each placement-day.

    Args:
        rows: The priced rows.
        line: Them, linearised at `around`'s mean.
        expected: [B, S] what is expected of log reach before the day's rows.
        precision: [B, S] 1 / noise^2 of it around that.
        around: [B, S] mean and sd of log reach, about: where the grids lie.
        saturation: The curve.
    """
    centre, sd_before = around
    inverse = line.evidence.information + precision[:, :, None] * np.eye(precision.shape[1])
    # A grid that missed the posterior has found it too narrow: never trust it by more than half.
    expected_spread = np.linalg.inv(inverse)
    linear = np.sqrt(np.diagonal(expected_spread, axis1=1, axis2=2))
    sd = np.clip(sd_before, linear / 2, 2 * linear)
    sums = _by_node(rows, line, centre, sd, saturation)
    pull = np.einsum("bi,bij,bj->b", line.bend, expected_spread, line.bend)
    price_sd = np.sqrt(1 / line.weight + pull / line.weight**2)
    parts = []
    for start in range(0, len(sd), _CHUNK):
        part = slice(start, start + _CHUNK)
        parts.append(
            _integrate(
                [total[:, part] for total in sums],
                centre[part],
                sd[part],
                price_sd[part],
                expected[part],
                precision[part],
            )
        )
    mean, sd, log_whole = (np.concatenate([p[i] for p in parts]) for i in range(3))
    # The Gaussian evidence of the rows' own information and this mean.
    both = np.einsum("bij,bj->bi", inverse, mean)
    evidence = replace(line.evidence, vector=both - precision * expected)
    log_gaussian = 0.5 * (
        np.log(precision).sum(axis=1)
        - np.linalg.slogdet(inverse)[1]
        + (both * mean).sum(axis=1)
        - (precision * expected**2).sum(axis=1)
    )
    log_rows = 0.5 * np.bincount(rows.block, np.log(line.row_weight), len(mean))
    return Moments(mean, sd, log_whole + log_rows, log_whole + log_rows - log_gaussian, evidence)


def _by_node(
    rows: PricedRows, line: Linearised, centre: Floats, sd: Floats, saturation: Saturation
) -> list[Floats]:
    """Sums over each cell's rows of weight x residual^k, k = 2, 1, 0, at each point of reach.

    Residuals are taken from the linearised log price; the squares hold -2 log(1 + u h') too. Each
    of the three is [I, B, S]; points at which a row would have more than its reach have infinite
    squares.
    """
    size = centre.size
    shape = (len(_REACH_POINTS), *centre.shape)
    squares, sums = np.empty(shape), np.empty(shape)
    least = (rows.least + rows.event[:, None]).ravel()
    for i, point in enumerate(_REACH_POINTS):
        reach = (centre + point * sd + rows.event[:, None]).ravel()
        inside = np.maximum(reach, least)[rows.cell]
        height, stretch = premium(rows.log_impressions - inside, saturation)
        residual = rows.log_price - line.log_price[rows.block] - height
        pulled = line.row_weight * residual
        sums[i] = np.bincount(rows.cell, pulled, size).reshape(centre.shape)
        square = np.bincount(rows.cell, pulled * residual - 2 * stretch, size)
        squares[i] = np.where(reach < least, np.inf, square).reshape(centre.shape)
    count = np.bincount(rows.cell, line.row_weight, size).reshape(centre.shape)
    return [squares, sums, np.broadcast_to(count, shape)]


def _integrate(
    sums: list[Floats], centre: Floats, sd: Floats, price_sd: Floats, expected: Floats, own: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean, sd and log integral of some placement-days."""
    squares, first, count = (total[:, None] for total in sums)  # [I, 1, B, S]
    price = (_PRICE_POINTS[:, None] * price_sd)[None, :, :, None]  # [1, A, B, 1]
    reach = centre + _REACH_POINTS[:, None, None, None] * sd  # [I, 1, B, S]
    log = squares - 2 * price * first + price**2 * count + own * (reach - expected) ** 2
    log = -0.5 * log + 0.5 * np.log(own)
    step = np.log((_REACH_POINTS[1] - _REACH_POINTS[0]) * sd / np.sqrt(2 * np.pi))
    given_price = logsumexp(log, axis=0)  # [A, B, S]
    share = np.exp(log - given_price)
    mean_given = (share * reach).sum(axis=0)
    square_given = (share * (reach - mean_given) ** 2).sum(axis=0)
    whole = (given_price + step).sum(axis=2)  # [A, B]
    total = logsumexp(whole, axis=0)
    weight = np.exp(whole - total)[..., None]
    mean = (weight * mean_given).sum(axis=0)
    variance = (weight * (square_given + (mean_given - mean) ** 2)).sum(axis=0)
    width = np.log((_PRICE_POINTS[1] - _PRICE_POINTS[0]) * price_sd)
    return mean, np.sqrt(variance), total + width
