"""Prices, reach, season and noise of supply, fitted together for one family of curves.

Gauss-Newton on the logs of reach by pool and day: expand the rows' likelihood (`price_and_reach`),
solve for levels and season (`season`), move reach, and re-estimate the noise of pools and rows
(`noise`), until nothing moves; then the same with the mean of log reach taken exactly
(`reach_moments`). Placements without prices enter with the log of their pools' impressions of the
day as it is: then supply is what was shown.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.calibration.beforehand import prior_levels, shown_evidence
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.noise import noise_of_pools, noise_of_rows
from promopilot.envs.calibration.price_and_reach import (
    Linearised,
    PricedRows,
    first_prices,
    linearise,
)
from promopilot.envs.calibration.reach_moments import reach_moments
from promopilot.envs.calibration.season import Evidence, Levels, Season, solve_season
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

_FIRST_ROW_SD = 0.3
# Log of reach over the most that was bought of it: at first, and where no bend could be seen.
_FIRST_ROOM, _MOST_ROOM = 0.05, float(np.log(100.0))
_MOST_STEP, _MOST_NOISE_STEP = 0.5, 0.3  # of a log of reach and of noise in one round
# Rounds with the linearised likelihood, then with the exact one; settled when nothing moves by more
# than this share of its sd.
_LINEAR_ROUNDS, _EXACT_ROUNDS, _SETTLED = 20, 40, 0.02
_PATH_ROUNDS = (4, 9)  # when the shared path's sizes are estimated anew, and at the end
# Shares of a step that is taken, of the noise and of what is expected of reach: both answer to
# their own last steps.
_NOISE_TAKEN, _EXPECTED_TAKEN = 0.6, 0.5


@dataclass(frozen=True)
class ReachFit:
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


def fit_reach(history: History, rows: PricedRows, saturation: Saturation) -> ReachFit:
    """Fit one family; rows may be none."""
    fit = _Fitting(history, rows, saturation)
    fit.settle(exact=False)
    if rows.day.size:
        fit.settle(exact=True)
    return fit.result()


class _Fitting:
    """A fit under way."""

    season: Season
    line: Linearised

    def __init__(self, history: History, rows: PricedRows, saturation: Saturation) -> None:
        self.history, self.rows, self.saturation = history, rows, saturation
        self.priced = np.zeros(history.num_placements, dtype=bool)
        self.priced[rows.placements] = True
        self.shown = shown_evidence(history, self.priced)
        self.levels = prior_levels(history, self.priced, saturation)
        self.log_noise = np.full(history.pools_shape, centre(PRIORS["supply_sd"]))
        self.log_noise_sd = np.full(history.pools_shape, PRIORS["supply_sd"].sd)
        self.row_sd = np.full(history.num_placements, _FIRST_ROW_SD)
        self.path = (centre(PRIORS["supply_walk_sd"]), centre(PRIORS["shared_day_sd"]))
        # [B, S] log of reach, its sd and the most it may be; [B] log price.
        self.reach = np.maximum(self.levels.mean[rows.placement], rows.least + _FIRST_ROOM)
        self.reach_sd = np.ones(self.reach.shape)
        most = self.levels.mean.copy()
        np.maximum.at(most, rows.placement, rows.least)
        self.most = most[rows.placement] + _MOST_ROOM
        self.price = first_prices(rows, self.reach, saturation)
        # [T, K, S] what is expected of log reach, and how far that is from the last solution.
        self.expected = self.unsettled = np.zeros((history.num_days, *history.pools_shape))
        self.log_ratio = self.log_likelihood = np.zeros(len(rows.day))
        self.rounds = 0

    def settle(self, exact: bool) -> None:
        """Go on until nothing moves."""
        for done in range(_EXACT_ROUNDS if exact else _LINEAR_ROUNDS):
            moved = self.round(exact, None if done in _PATH_ROUNDS else self.path)
            if moved < _SETTLED and done > _PATH_ROUNDS[-1]:
                break
        self.round(exact, None)

    def round(self, exact: bool, at: tuple[float, float] | None) -> float:
        """One round; returns the largest step, as a share of its number's sd."""
        noise = np.exp(self.log_noise)
        self.line = linearise(
            self.rows,
            self.reach,
            self.price,
            self.saturation,
            self.row_sd[self.rows.placement],
        )
        priced, sd = self._exactly(noise) if exact else (self.line.evidence, None)
        evidence = _joined(priced, self.shown)
        self.season = solve_season(evidence, noise, self.levels, self.history.weekdays, at)
        self.path = (self.season.path.log_walk[0], self.season.path.log_noise[0])
        self.price = self.line.log_price
        self._expect(exact)
        linear = np.sqrt(np.diagonal(self.season.gain, axis1=1, axis2=2))[: len(self.reach)]
        self.reach_sd = linear if sd is None else sd
        log_reach = _given_all(evidence, self.season, noise)
        moved = [self._move_reach(log_reach, linear)]
        log_reach[: len(self.reach)] = self.reach
        moved += [self._move_noise(evidence, log_reach, noise, exact), self._move_rows(priced)]
        if self.saturation.family == "hill" and self.history.hill_slope is None:
            moved.append(self._move_slope())
        self.rounds += 1
        return max(moved)

    def _exactly(self, noise: Floats) -> tuple[Evidence, Floats]:
        """Evidence with the exact mean of log reach, and its sd [B, S]."""
        moments = reach_moments(
            self.rows,
            self.line,
            self.expected[self.rows.day, self.rows.placement],
            1 / noise[self.rows.placement] ** 2,
            (self.reach, self.reach_sd),
            self.saturation,
        )
        self.log_ratio, self.log_likelihood = moments.log_ratio, moments.log_likelihood
        return moments.evidence, moments.sd

    def _expect(self, exact: bool) -> None:
        self.unsettled = self.season.expected - self.expected
        step = np.clip(_EXPECTED_TAKEN * self.unsettled, -_MOST_STEP, _MOST_STEP)
        self.expected = self.expected + step if exact else self.season.expected

    def _move_reach(self, log_reach: Floats, sd: Floats) -> float:
        step = np.clip(log_reach[: len(self.reach)] - self.reach, -_MOST_STEP, _MOST_STEP)
        reach = np.clip(self.reach + step, self.rows.least, self.most)
        moved = np.abs(reach - self.reach) / sd
        self.reach = reach
        return float(moved.max(initial=0.0))

    def _move_noise(
        self, evidence: Evidence, log_reach: Floats, noise: Floats, exact: bool
    ) -> float:
        log_noise, self.log_noise_sd = noise_of_pools(
            evidence, self.season, log_reach, noise, self.reach_sd
        )
        step = np.clip(log_noise - self.log_noise, -_MOST_NOISE_STEP, _MOST_NOISE_STEP)
        self.log_noise = self.log_noise + (_NOISE_TAKEN if exact else 1.0) * step
        return float(np.abs(step / np.maximum(self.log_noise_sd, 1e-3)).max())

    def _move_rows(self, priced: Evidence) -> float:
        row_sd = noise_of_rows(self.line, priced, self.season, self.row_sd, self.rows)
        moved = np.abs(np.log(row_sd / self.row_sd)).max() * np.sqrt(len(self.rows.block))
        self.row_sd = row_sd
        return float(moved)

    def _move_slope(self) -> float:
        step = float(np.clip(self.season.slope_step, -_MOST_STEP, _MOST_STEP))
        slope = self.saturation.slope * float(np.exp(step))
        self.saturation = replace(self.saturation, slope=slope)
        self.levels = replace(self.levels, slope=self.levels.slope - step)
        return abs(step) / self.season.deviation()[2]

    def result(self) -> ReachFit:
        """What was found."""
        return ReachFit(
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
            settled=bool(np.abs(self.unsettled).max() < _MOST_STEP) or not self.rows.day.size,
            rounds=self.rounds,
        )


def _joined(first: Evidence, second: Evidence) -> Evidence:
    names = [field.name for field in fields(Evidence)]
    return Evidence(*(np.concatenate([getattr(e, n) for e in (first, second)]) for n in names))


def _given_all(evidence: Evidence, season: Season, noise: Floats) -> Floats:
    """[B, S] mean of log reach given everything."""
    pull = evidence.vector - evidence.cross * season.slope_step
    expected = season.expected[evidence.day, evidence.placement]
    pull = pull + expected / noise[evidence.placement] ** 2
    return np.asarray(np.einsum("bij,bj->bi", season.gain, pull))
