"""Prices that differ between line items of one placement, whatever they buy.

A click on one campaign's words costs what its rivals bid, so that line items of one placement may
differ severalfold. Row r of line item i on day t of placement k, with spend x and impressions y:

  log(x / y) = log c_kt + b_i + noise,  b_i ~ N(0, between_k^2),  noise variance = row_k^2 + few_k/y

(the second part is the luck of few clicks). c_kt is free on every day. The sizes are found by
moments (DerSimonian and Laird 1986, Control Clin Trials 7:177); then the posterior mean of b is
that of a linear model with all days' prices integrated out, and so is the evidence for it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration.price_and_reach import PricedRows
from promopilot.envs.calibration.two_way import TwoWay

_LEAST_NOISE = 2e-3  # sd of a row's log price: rounding of money, at least
_HALF = 1000.0  # impressions of a row that weighs half of a large one, at first
_RIDGE = 1e-9


@dataclass(frozen=True)
class OwnPrices:
    """Of I line items and K placements."""

    log_factor: Floats  # [I] a line item's price over its placement's, 0 where unknown
    log_evidence: Floats  # [K] log-likelihood of the rows, prices of days and items integrated out


def own_prices(rows: PricedRows, placements: int, items: int) -> OwnPrices:
    """Fit each placement by itself.

    Args:
        rows: Rows with prices.
        placements: K.
        items: I, of the whole history; rows name theirs.
    """
    factor, evidence = np.zeros(items), np.full(placements, -np.inf)
    where = rows.placement[rows.block]
    for k in rows.placements:
        at = where == k
        here, item = np.unique(rows.item[at], return_inverse=True)
        day = np.unique(rows.block[at], return_inverse=True)[1]
        found, evidence[k] = _fitted(rows.log_price[at], rows.log_impressions[at], item, day)
        factor[here] = found
    return OwnPrices(factor, evidence)


def _fitted(price: Floats, shown: Floats, item: Ints, day: Ints) -> tuple[Floats, float]:
    """Posterior mean of b [I'] of one placement's rows, and their log-likelihood."""
    items, days = int(item.max()) + 1, int(day.max()) + 1
    weight = _weight(price, shown, TwoWay(price, item, day, days))
    by_day = np.bincount(day, weight, days)
    level = np.bincount(day, weight * price, days) / by_day
    apart = price - level[day]
    # Information on b, the days' prices integrated out: diag(sum w) - sum_t w_t w_t' / sum(w_t).
    shares = np.zeros((days, items))
    np.add.at(shares, (day, item), weight)
    information = np.diag(shares.sum(axis=0)) - (shares / by_day[:, None]).T @ shares
    vector = np.bincount(item, weight * apart, items).astype(np.float64)
    between = _between(information, vector)
    log_rows = 0.5 * float(
        np.log(weight).sum() - (weight * apart**2).sum() + np.log(2 * np.pi / by_day).sum()
    )
    if between == 0.0:
        return np.zeros(items), log_rows
    factor = cho_factor(information + np.eye(items) / between)
    mean = cho_solve(factor, vector)
    log_det = 2 * float(np.log(np.diagonal(factor[0])).sum()) + items * float(np.log(between))
    penalty = 0.5 * float(np.log(days))  # the size of the differences itself is fitted
    return mean, log_rows + 0.5 * (float(vector @ mean) - log_det) - penalty


def _weight(price: Floats, shown: Floats, table: TwoWay) -> Floats:
    """[R'] 1 / variance of a row's log price."""
    rough = 1 / (1 + _HALF * np.exp(-shown))
    residual = table.within(price, rough)
    free = max(len(price) - int(table.item.max()) - table.days, 1)
    squares = residual**2 * len(price) / free
    design = np.stack([np.ones_like(shown), np.exp(-shown)], axis=1) * rough[:, None]
    row, few = nnls(design, squares * rough)[0]
    return np.asarray(1 / (np.maximum(row, _LEAST_NOISE**2) + few * np.exp(-shown)))


def _between(information: Floats, vector: Floats) -> float:
    """Variance of b by the method of moments: what b's fit explains beyond its own noise.

    With A the information, of rank I' - 1 at most, v' A+ v has the expectation rank(A) + between
    trace(A).
    """
    items, total = len(vector), float(np.trace(information))
    if items < 2 or total <= 0:
        return 0.0
    ridge = _RIDGE * float(np.diagonal(information).max())  # A b = 0 where all b are the same
    explained = float(vector @ cho_solve(cho_factor(information + ridge * np.eye(items)), vector))
    return max((explained - (items - 1)) / total, 0.0)
