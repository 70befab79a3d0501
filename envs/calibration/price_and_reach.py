"""Price and reach where spend is recorded: the bend of the cost curve within a placement-day.

For row r of placement k on day t, with spend x and impressions y,
  log(x / y) = log c_kt + h(y / R_qt) + noise,   noise variance = row^2 + (1 + u h')^2 / (6 y^2),
the second part being the rounding of impressions to whole ones. c_kt is free on every day, so only
differences between promotions and segments on the same day and at the same price tell of R.

A shop chooses x, and y follows: where a row's price is high by chance, it gets fewer impressions.
So the noise goes with y, but not with x. The fit therefore compares y with what x should have
bought, (1 + u h') (log y expected - log y) = noise to first order, with u that expected too
(Gauss-Newton in log R and log c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.calibration.curve import premium, rise_and_tilt
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.season import Evidence
from promopilot.envs.response import FULL, Saturation, impressions

# Fewer impressions than this in a row are mostly rounding.
LEAST_IMPRESSIONS = 10
# A placement's prices are fitted where this many rows and days have spend.
LEAST_ROWS, LEAST_DAYS = 30, 7
_MOST_STEP = 3.0  # of a log of reach that the rows of one pool and day can ask for
MOST_SHARE = 1 - 1e-6  # of its reach that a line item is taken to have bought


@dataclass(frozen=True)
class PricedRows:
    """Rows whose price counts, sorted into B placement-days."""

    log_price: Floats  # [R'] of an impression
    log_impressions: Floats  # [R']
    block: Ints  # [R'] which placement-day
    cell: Ints  # [R'] block * S + segment
    item: Ints  # [R'] number of the line item, as the history has it
    day: Ints  # [B]
    placement: Ints  # [B]
    event: Floats  # [B] log of the day's known factor of supply
    least: Floats  # [B, S] smallest log reach that the rows allow, event taken off; -inf if none

    @property
    def placements(self) -> Ints:
        """Those that have prices."""
        return np.unique(self.placement)


def priced_rows(history: History, placements: Bools | None = None) -> PricedRows:
    """Choose the rows with spend and impressions of placements that have enough of them.

    Args:
        history: What was recorded.
        placements: [K] which may count; all where absent.
    """
    spend = np.nan_to_num(history.spend)
    good: Bools = (spend > 0) & (history.impressions >= LEAST_IMPRESSIONS)
    rows = np.bincount(history.placement[good], minlength=history.num_placements)
    dates = np.unique(history.placement[good] * history.num_days + history.day[good])
    days = np.bincount(dates // history.num_days, minlength=history.num_placements)
    enough = (rows >= LEAST_ROWS) & (days >= LEAST_DAYS)
    good &= (enough if placements is None else enough & placements)[history.placement]
    blocks, block = np.unique(
        history.day[good] * history.num_placements + history.placement[good], return_inverse=True
    )
    day, placement = blocks // history.num_placements, blocks % history.num_placements
    cell = block * history.num_segments + history.segment[good]
    log_impressions = np.log(history.impressions[good])
    least = np.full(len(blocks) * history.num_segments, -np.inf)
    np.maximum.at(least, cell, log_impressions - np.log(MOST_SHARE))
    event = history.log_events[day]
    return PricedRows(
        log_price=np.log(spend[good]) - log_impressions,
        log_impressions=log_impressions,
        block=block.astype(np.int64),
        cell=cell,
        item=history.line_item[good],
        day=day,
        placement=placement,
        event=event,
        least=least.reshape(-1, history.num_segments) - event[:, None],
    )


@dataclass(frozen=True)
class Linearised:
    """The rows' likelihood around given logs of reach."""

    evidence: Evidence
    log_price: Floats  # [B] log c given those, one step on
    weight: Floats  # [B] its information
    bend: Floats  # [B, S] its information shared with log reach
    slope_bend: Floats  # [B] and with the log of the slope
    row_weight: Floats  # [R'] 1 / variance of a row's log price
    misfit: Floats  # [B] sum of squared standardised residuals

    def price_given(self, precision: Floats, gain: Floats) -> tuple[Floats, Floats, Floats]:
        """Variance of log c [B], and how it follows the pools' levels [B, S] and the slope [B].

        Args:
            precision: [B, S] 1 / noise^2 of the pools.
            gain: [B, S, S] covariance of log reach given its expectation.
        """
        pull = np.einsum("bi,bij->bj", self.bend, gain) / self.weight[:, None]
        variance = 1 / self.weight + (pull * self.bend).sum(axis=1) / self.weight
        slope = -self.slope_bend / self.weight + (pull * self.evidence.cross).sum(axis=1)
        return variance, -pull * precision, slope


def first_prices(rows: PricedRows, log_reach: Floats, saturation: Saturation) -> Floats:
    """[B] median log c of each placement-day if its pools have this log reach [B, S]."""
    reach = (log_reach + rows.event[:, None]).ravel()[rows.cell]
    level = rows.log_price - premium(rows.log_impressions - reach, saturation)[0]
    order = np.lexsort((level, rows.block))
    count = np.bincount(rows.block, minlength=len(rows.day))
    return np.asarray(level[order][np.cumsum(count) - (count + 1) // 2])


def linearise(
    rows: PricedRows,
    log_reach: Floats,
    log_price: Floats,
    saturation: Saturation,
    row_sd: Floats,
) -> Linearised:
    """Expand the rows' log-likelihood to second order.

    Args:
        rows: R' rows in B placement-days.
        log_reach: [B, S] of a line item, the day's known event taken off.
        log_price: [B] log c.
        saturation: The curve.
        row_sd: [B] sd of a row's own noise in the log of its price.
    """
    blocks, segments = log_reach.shape

    def by_block(values: Floats) -> Floats:
        return np.bincount(rows.block, values, blocks).astype(np.float64)

    def by_cell(values: Floats) -> Floats:
        sums = np.bincount(rows.cell, values, blocks * segments).astype(np.float64)
        return sums.reshape(blocks, segments)

    reach = (log_reach + rows.event[:, None]).ravel()[rows.cell]
    one = np.ones(1)
    paid = np.exp(rows.log_price + rows.log_impressions - log_price[rows.block] - reach)
    share = np.log(np.clip(impressions(paid, one, one, saturation), 1e-12, FULL))
    rise, tilt = rise_and_tilt(share, saturation)
    noise = (1 + rise) * (share + reach - rows.log_impressions)
    variance = row_sd[rows.block] ** 2 + (1 + rise) ** 2 / 6 * np.exp(-2 * rows.log_impressions)
    weight, bend = 1 / variance, -rise
    total = by_block(weight)
    step = by_block(weight * noise) / total
    residual = noise - step[rows.block]
    crossed, tilted = by_cell(weight * bend), by_block(weight * tilt)
    information = by_cell(weight * bend**2)[:, :, None] * np.eye(segments)
    information = information - crossed[:, :, None] * crossed[:, None, :] / total[:, None, None]
    cross = by_cell(weight * bend * tilt) - crossed * (tilted / total)[:, None]
    # Where a curve of this kind cannot be right, the expansion asks for steps without bound.
    most = _MOST_STEP * by_cell(weight * bend**2)
    vector = np.clip(by_cell(weight * bend * residual), -most, most)
    vector = vector + np.einsum("bij,bj->bi", information, log_reach)
    slope_vector = by_block(weight * tilt * residual)
    # The cross term is (c'(z - z0)) s: its part c'z0 s belongs to the slope's own vector.
    slope_vector = slope_vector + (cross * log_reach).sum(axis=1)
    return Linearised(
        evidence=Evidence(
            day=rows.day,
            placement=rows.placement,
            information=information,
            vector=vector,
            cross=cross,
            slope_information=by_block(weight * tilt**2) - tilted**2 / total,
            slope_vector=slope_vector,
        ),
        log_price=log_price + step,
        weight=total,
        bend=crossed,
        slope_bend=tilted,
        row_weight=weight,
        misfit=by_block(weight * residual**2),
    )
