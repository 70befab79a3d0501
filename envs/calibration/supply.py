"""Prices, reach, season and noise of supply, fitted together.

Gauss-Newton on the logs of reach by pool and day: expand the rows' likelihood (`price_and_reach`),
solve for levels and season (`season`), update reach, and re-estimate the noise of pools (restricted
likelihood, pools pooled) and of rows, until nothing moves. Placements without spend enter with the
log of their pools' impressions of the day as it is: then supply is what was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.flat_prices import flat_evidence, may_bend
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.pooling import moments, pooled_weights
from promopilot.envs.calibration.price_and_reach import (
    Linearised,
    PricedRows,
    first_prices,
    linearise,
    priced_rows,
)
from promopilot.envs.calibration.reach_moments import reach_moments
from promopilot.envs.calibration.season import Evidence, Levels, Season, solve_season
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import FAMILIES, Saturation

# Rows' own noise: no less than money is rounded by, and a belief for where no row is left over.
_LEAST_ROW_SD, _BELIEVED_ROW_SD, _BELIEVED_ROWS = 1e-3, 0.05, 0.2
# Log of reach over the most that was ever bought of it: beyond, no bend could be seen.
_MOST_ROOM = np.log(100.0)
_FIRST_ROW_SD = 0.3
_LEAST_KNOWN = 1e-6  # of a pool's noise that a day is taken to tell
_FIRST_ROOM = 0.05  # log of reach over the most that was bought of it
_MOST_STEP, _MOST_NOISE_STEP = 0.5, 0.3  # of a log of reach and of noise in one iteration
# Rounds with the linearised likelihood, then with the exact one; settled when nothing moves by more
# than this share of its sd.
_LINEAR_ROUNDS, _EXACT_ROUNDS, _SETTLED = 20, 40, 0.02
_PATH_ROUNDS = (4, 9)  # when the shared path's sizes are estimated anew, and at the end
# Shares of a step of the noise that is taken, and of the last expectation that is kept: both answer
# to their own last steps.
_DAMPED, _KEPT = 0.6, 0.5
# Log reach where the user gave no supply: within a factor of e of the pool's impressions, its
# placement's pools more alike. Without prices: free, since impressions tell it.
UNGUIDED_SD, _POOLS_APART, _UNPRICED_SD = 1.0, 0.3, 3.0
_LOG_NOISE = centre(PRIORS["supply_sd"]) + np.linspace(-3.5, 3.5, 141)[:, None]
# Another family than the prior's needs evidence this clear: twice the log-likelihood, as in BIC.
# Integrated over hundreds of days, it is good to a few units itself.
CLEAR = 20.0


@dataclass(frozen=True)
class SupplyFit:
    """What was fitted (B placement-days with prices)."""

    saturation: Saturation
    season: Season
    levels: Levels
    rows: PricedRows
    at_end: Linearised
    priced: Bools  # [K] placements whose reach came from prices
    log_noise: Floats  # [K, S] of each pool's own noise
    log_noise_sd: Floats  # [K, S]
    row_sd: Floats  # [K] of the log of a row's price
    log_likelihood: Floats  # [B] of the prices of a placement-day, given season and noise
    log_evidence: float  # of all prices, everything but the sizes of noise integrated
    settled: bool  # whether the fit came to rest: a curve that cannot be right makes it swing
    rounds: int


def fit_supply(history: History) -> SupplyFit:
    """Fit with the prior's family, and with another where the evidence for that is clear.

    Placements whose prices do not rise with impressions, or have too few rows to tell, count as
    those without prices.
    """
    size = history.num_placements
    bent = may_bend(priced_rows(history), size)
    best = _best(history, bent)
    if not best.settled:
        return _best(history, np.zeros_like(bent))
    if best.priced.any():
        pools = np.bincount(best.rows.placement, (best.rows.least > -np.inf).sum(axis=1), size)
        days = np.maximum(np.bincount(best.rows.placement, minlength=size), 1)
        penalty = 0.5 * pools / days * np.log(days)  # a level for each pool
        by_placement = np.bincount(best.rows.placement, best.log_likelihood, size) - penalty
        flat = best.priced & (by_placement < flat_evidence(best.rows, size))
        if flat.any():
            best = _best(history, bent & ~flat)
    return best


def _best(history: History, bent: Bools) -> SupplyFit:
    rows = priced_rows(history, bent)
    families = FAMILIES if rows.day.size else FAMILIES[:1]
    fits = [_fit(history, rows, Saturation(family)) for family in families]
    settled = [fit for fit in fits if fit.settled]
    if not settled:
        return fits[0]
    best = max(settled, key=lambda fit: fit.log_evidence)
    usual = settled[0]
    return best if 2 * (best.log_evidence - usual.log_evidence) > CLEAR else usual


def _fit(history: History, rows: PricedRows, saturation: Saturation) -> SupplyFit:
    fit = _Fitting(history, rows, saturation)
    fit.settle(exact=False)
    fit.settle(exact=True)
    return fit.result()


class _Fitting:
    """A fit under way."""

    def __init__(self, history: History, rows: PricedRows, saturation: Saturation) -> None:
        self.history, self.rows, self.saturation = history, rows, saturation
        self.priced = np.zeros(history.num_placements, dtype=bool)
        self.priced[rows.placements] = True
        self.shown = _shown(history, self.priced)
        self.levels = _levels(history, self.priced, saturation)
        self.log_noise = np.full(history.pools_shape, centre(PRIORS["supply_sd"]))
        self.log_noise_sd = np.full(history.pools_shape, PRIORS["supply_sd"].sd)
        self.path = (centre(PRIORS["supply_walk_sd"]), centre(PRIORS["shared_day_sd"]))
        # Log of reach by placement-day with prices [B, S], and its sd.
        self.reach = np.maximum(self.levels.mean[rows.placement], rows.least + _FIRST_ROOM)
        most = np.full(history.pools_shape, -np.inf)
        np.maximum.at(most, rows.placement, rows.least)
        self.most = np.maximum(most[rows.placement], self.levels.mean[rows.placement]) + _MOST_ROOM
        self.price = first_prices(rows, self.reach, saturation)
        self.reach_sd = np.ones(self.reach.shape)
        self.row_sd = np.full(history.num_placements, _FIRST_ROW_SD)
        self.rounds = 0
        self.log_ratio = self.log_likelihood = np.zeros(len(rows.day))
        # [T, K, S] what is expected of log reach, as the next round takes it.
        self.expected = np.zeros((history.num_days, *history.pools_shape))
        self.unsettled = self.expected
        self.season: Season | None = None

    def settle(self, exact: bool) -> None:
        """Iterate until nothing moves, linearised or by quadrature."""
        for done in range(_EXACT_ROUNDS if exact else _LINEAR_ROUNDS):
            at = None if done in _PATH_ROUNDS else self.path
            if self.step(exact, at) < _SETTLED and done > _PATH_ROUNDS[-1]:
                break
        self.step(exact, None)

    def step(self, exact: bool, at: tuple[float, float] | None) -> float:
        """One iteration; returns the largest step, as a share of its number's sd."""
        rows, placement = self.rows, self.rows.placement
        noise = np.exp(self.log_noise)
        row_sd = self.row_sd[placement]
        line = linearise(rows, self.reach, self.price, self.saturation, row_sd)
        priced, exact_sd = line.evidence, None
        if exact and self.season is not None and len(placement):
            moments = reach_moments(
                rows,
                line,
                self.expected[rows.day, placement],
                1 / noise[placement] ** 2,
                (self.reach, self.reach_sd),
                self.saturation,
            )
            priced, exact_sd = moments.evidence, moments.sd
            self.log_ratio, self.log_likelihood = moments.log_ratio, moments.log_likelihood
        self.price = line.log_price
        self.line, evidence = line, _joined(priced, self.shown)
        self.season = solve_season(evidence, noise, self.levels, self.history.weekdays, at)
        self.path = (self.season.path.log_walk[0], self.season.path.log_noise[0])
        self.unsettled = self.season.expected - self.expected
        if exact:
            taken = np.clip((1 - _KEPT) * self.unsettled, -_MOST_STEP, _MOST_STEP)
            self.expected = self.expected + taken
        else:
            self.expected = self.season.expected
        linear = np.diagonal(self.season.gain[: len(placement)], axis1=1, axis2=2)
        self.reach_sd = np.sqrt(linear) if exact_sd is None else exact_sd
        log_reach = _reach(evidence, self.season, noise)
        step = np.clip(log_reach[: len(placement)] - self.reach, -_MOST_STEP, _MOST_STEP)
        reach = np.clip(self.reach + step, rows.least, self.most)
        moved = (np.abs(reach - self.reach) / np.sqrt(linear)).max(initial=0.0)
        self.reach = log_reach[: len(placement)] = reach
        log_noise, self.log_noise_sd = _noise(
            evidence, self.season, log_reach, noise, self.reach_sd
        )
        step = np.clip(log_noise - self.log_noise, -_MOST_NOISE_STEP, _MOST_NOISE_STEP)
        self.log_noise = self.log_noise + (_DAMPED * step if exact else step)
        moved = max(moved, np.abs(step / np.maximum(self.log_noise_sd, 1e-3)).max())
        row_sd = _row_sd(line, priced, self.season, self.row_sd, rows)
        moved = max(moved, np.abs(np.log(row_sd / self.row_sd)).max() * np.sqrt(len(rows.block)))
        self.row_sd = row_sd
        if self.saturation.family == "hill":
            slope = float(np.clip(self.season.slope_step, -_MOST_STEP, _MOST_STEP))
            self.saturation = replace(
                self.saturation, slope=self.saturation.slope * float(np.exp(slope))
            )
            self.levels = replace(self.levels, slope=self.levels.slope - slope)
            moved = max(moved, abs(slope) / self.season.deviation()[2])
        self.rounds += 1
        return float(moved)

    def result(self) -> SupplyFit:
        """What was found."""
        assert self.season is not None
        return SupplyFit(
            saturation=self.saturation,
            season=self.season,
            levels=self.levels,
            rows=self.rows,
            at_end=self.line,
            priced=self.priced,
            log_noise=self.log_noise,
            log_noise_sd=self.log_noise_sd,
            row_sd=self.row_sd,
            log_likelihood=self.log_likelihood,
            log_evidence=self.season.log_evidence + float(self.log_ratio.sum()),
            settled=bool(np.abs(self.unsettled).max() < _MOST_STEP),
            rounds=self.rounds,
        )


def _shown(history: History, priced: Bools) -> Evidence:
    """Impressions by pool and day of placements without prices; days without any are left out."""
    shape = (history.num_days, *history.pools_shape)
    total = np.zeros(shape)
    np.add.at(total, (history.day, history.placement, history.segment), history.impressions)
    total[:, priced] = 0.0
    day, placement = np.nonzero(total.any(axis=2))
    shown = total[day, placement]
    log = np.log(np.maximum(shown, 1.0)) - history.log_events[day][:, None]
    flat = np.zeros(len(day))
    return Evidence(
        day=day,
        placement=placement,
        information=shown[:, :, None] * np.eye(shape[2]),  # counts: variance of the log 1 / count
        vector=shown * log,
        cross=np.zeros_like(shown),
        slope_information=flat,
        slope_vector=flat,
    )


def _joined(first: Evidence, second: Evidence) -> Evidence:
    return Evidence(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in Evidence.__dataclass_fields__
        )
    )


def usual_impressions(history: History) -> Floats:
    """[K, S] log of a pool's impressions on an average day."""
    total = np.zeros(history.pools_shape)
    np.add.at(total, (history.placement, history.segment), history.impressions)
    return np.asarray(np.log(np.maximum(total / max(history.shown_days, 1), 1.0)))


def _levels(history: History, priced: Bools, saturation: Saturation) -> Levels:
    """Prior of each pool's log reach (priced) or log impressions a day (not priced)."""
    mean = usual_impressions(history)
    sd = np.full(mean.shape, _UNPRICED_SD)
    sd[priced] = _POOLS_APART
    shared = np.where(priced, UNGUIDED_SD, 0.0)
    if history.daily_supply is not None:
        given = priced[:, None] & ~np.isnan(history.daily_supply)
        mean[given] = np.log(history.daily_supply[given] * history.reach_share)
        sd[given] = PRIORS["supply_level_sd"].mean
        shared[given.all(axis=1)] = PRIORS["reach_share"].sd
    slope = PRIORS["hill_slope"]
    hill = saturation.family == "hill"
    return Levels(mean, sd, shared, centre(slope) if hill else 0.0, slope.sd if hill else 0.0)


def _reach(evidence: Evidence, season: Season, noise: Floats) -> Floats:
    """[B, S] mean of log reach given everything."""
    pull = evidence.vector - evidence.cross * season.slope_step
    expected = season.expected[evidence.day, evidence.placement]
    pull = pull + expected / noise[evidence.placement] ** 2
    return np.asarray(np.einsum("bij,bj->bi", season.gain, pull))


def _noise(
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


def _row_sd(
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
