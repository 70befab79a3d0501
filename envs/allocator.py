"""The convex split of a day's money over saturating line items that share pools.

Maximise  sum_i w_i y_i - k x_i(y_i)  over impressions y, with cost
x_i(y) = -c_i R_i log(1 - y / R_i), subject to  sum_i x_i <= budget,
sum_{i in pool} y_i <= S_pool  and  0 <= x_i <= x_max_i. With the budget's price
L = k + lambda and a pool's price mu the stationary point is closed-form,
y_i = R_i (1 - c_i L / (w_i - mu)), cut to its bounds; what is left is one monotone equation per
pool inside one monotone equation per flight (Boyd and Vandenberghe, Convex Optimization, 5.5.3).
Both are solved by Newton steps kept inside a bracket.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.grouping import Grouping

_MOST_STEPS = 80
# Convergence of each equation, relative to its right-hand side.
_TOLERANCE = 1e-12
# Where the objective does not charge for spend, money is still worth this much, so that a budget
# that could not be spent on anything useful leaves a finite solution.
_LEAST_PRICE = 1e-6


@dataclass(frozen=True)
class Split:
    """The solution and its duals."""

    spend: Floats  # [N, L] money
    impressions: Floats  # [N, L]
    budget_price: Floats  # [N] objective per unit of money at the margin, beyond its face value
    pool_price: Floats  # [N, Q] objective per impression of supply


@dataclass(frozen=True)
class _Pools:
    """Line items laid out as [slot, pool], so that sums over a pool are sums over an axis."""

    item: np.ndarray  # [M, Q] line item in each slot
    filled: Bools  # [M, Q]

    @classmethod
    def of(cls, pools: Grouping) -> "_Pools":
        run = np.diff(np.r_[pools.starts, len(pools.order)])
        item = np.zeros((run.max(), pools.size), dtype=np.int64)
        filled = np.zeros(item.shape, dtype=bool)
        slot = np.arange(len(pools.order)) - np.repeat(pools.starts, run)
        item[slot, pools.group] = pools.order
        filled[slot, pools.group] = True
        return cls(item, filled)

    def spread(self, values: Floats) -> Floats:
        """`[N, L]` or `[L]` to `[N or 1, M, Q]`, zero in empty slots."""
        return np.atleast_2d(values)[:, self.item] * self.filled

    def gather(self, values: Floats, num_items: int) -> Floats:
        """`[N, M, Q]` back to `[N, L]`."""
        flat = np.zeros((len(values), num_items))
        flat[:, self.item[self.filled]] = values[:, self.filled]
        return flat


class Allocator:
    """Solves the day's split for batches of flights over one set of line items.

    Args:
        pools: Line items by pool.
        spend_weight: What the objective charges per unit of money (1 for net profit, else 0).
    """

    def __init__(self, pools: Grouping, spend_weight: float) -> None:
        self._pools = _Pools.of(pools)
        self._num_items = len(pools.order)
        self._least = max(spend_weight, _LEAST_PRICE)

    def split(
        self,
        worth: Floats,
        unit_cost: Floats,
        reach: Floats,
        supply: Floats,
        budget: Floats,
        max_spend: Floats,
        max_impressions: Floats | None = None,
    ) -> Split:
        """Spend `budget` where it earns most; less where the next unit returns less than it costs.

        Args:
            worth: What the objective pays per impression `[N, L]`; at or below zero buys nothing.
            unit_cost: Cost of a first impression `[N, L]`, above zero.
            reach: Most impressions of each line item `[L]` or `[N, L]`; 0 where not to be funded.
            supply: Impressions that each pool's line items share `[Q]`.
            budget: Money for the day `[N]`.
            max_spend: Upper bound of each line item's spend `[L]` or `[N, L]`; inf where free.
            max_impressions: Upper bound of each line item's impressions `[N, L]`, if any.
        """
        pools = self._pools
        w, r = pools.spread(worth), pools.spread(reach)
        c = np.where(pools.filled, pools.spread(unit_cost), 1.0)
        cap = np.where(np.isinf(max_spend), 1e300, max_spend)
        top = response.impressions(pools.spread(np.broadcast_to(cap, worth.shape)), c, r)
        if max_impressions is not None:
            top = np.minimum(top, pools.spread(max_impressions))
        problem = _Problem(w, c, r, top, supply, budget)
        price, pool_price = _solve_budget(problem, np.full(len(worth), self._least))
        y = problem.impressions(price, pool_price)
        # What tolerance leaves above a pool or the budget is taken off: limits hold exactly.
        y = y * np.minimum(1.0, _ratio(supply, y.sum(axis=1)))[:, None, :]
        x = response.cost(y, c, np.broadcast_to(r, y.shape))
        x = x * np.minimum(1.0, _ratio(budget, x.sum(axis=(1, 2))))[:, None, None]
        return Split(
            spend=pools.gather(x, self._num_items),
            impressions=pools.gather(y, self._num_items),
            budget_price=price - self._least,
            pool_price=pool_price,
        )


def _ratio(limit: Floats, total: Floats) -> Floats:
    return np.asarray(np.divide(limit, total, out=np.ones_like(total), where=total > 0))


@dataclass(frozen=True)
class _Problem:
    worth: Floats  # [N, M, Q]
    cost: Floats  # [N, M, Q]
    reach: Floats  # [N or 1, M, Q]
    top: Floats  # [N, M, Q] impressions at the line item's own upper bound
    supply: Floats  # [Q]
    budget: Floats  # [N]

    def rows(self, keep: Bools) -> "_Problem":
        reach = self.reach if len(self.reach) == 1 else self.reach[keep]
        return _Problem(
            self.worth[keep], self.cost[keep], reach, self.top[keep], self.supply, self.budget[keep]
        )

    def impressions(self, price: Floats, pool_price: Floats) -> Floats:
        # 1 - c L / max(w - mu, c L) is 0 where the next impression is not worth its cost.
        paid = self.cost * price[:, None, None]
        share = paid / np.maximum(self.worth - pool_price[:, None, :], paid)
        return np.asarray(np.minimum(self.reach * (1 - share), self.top))

    def pool_prices(self, price: Floats, start: Floats) -> Floats:
        """Mu `[N, Q]` at which no pool is over its supply, for a given price of money."""
        low = np.zeros_like(start)
        crowded = self.impressions(price, low).sum(axis=1) > self.supply
        if not crowded.any():
            return low
        high = np.where(crowded, np.maximum(self.worth.max(axis=1), 0.0), 0.0)
        mu = np.where(crowded, np.clip(start, low, high), 0.0)
        for _ in range(_MOST_STEPS):
            y = self.impressions(price, mu)
            excess = y.sum(axis=1) - self.supply
            over = excess > 0
            open_ = crowded & (np.abs(excess) > _TOLERANCE * self.supply)
            if not open_.any():
                break
            low, high = np.where(crowded & over, mu, low), np.where(over, high, mu)
            slope = self._pool_slope(price, mu, y).sum(axis=1)
            step = np.divide(excess, slope, out=np.zeros_like(mu), where=slope > 0)
            guess = mu + step
            inside = (slope > 0) & (guess > low) & (guess < high)
            mu = np.where(open_, np.where(inside, guess, (low + high) / 2), mu)
            if ((high - low)[open_] <= 1e-15 * high[open_]).all():
                break
        return mu

    def _pool_slope(self, price: Floats, mu: Floats, y: Floats) -> Floats:
        """-dy/dmu of line items strictly inside their bounds."""
        net = self.worth - mu[:, None, :]
        moving = (y > 0) & (y < self.top)
        rest = self.reach - y  # R c L / (w - mu)
        return np.divide(rest, net, out=np.zeros_like(y), where=moving & (net > 0))


def _solve_budget(problem: _Problem, least: Floats) -> tuple[Floats, Floats]:
    """Prices of money `[N]` and pools `[N, Q]`: spend is the budget, or money is at `least`."""
    mu = problem.pool_prices(least, np.zeros((len(least), len(problem.supply))))
    spend = _spend_and_slope(problem, least, mu)[0]
    price = least.copy()
    short = spend > problem.budget
    if not short.any():
        return price, mu
    part = problem.rows(short)
    price[short], mu[short] = _newton_in_log_price(part, least[short], mu[short])
    return price, mu


def _newton_in_log_price(problem: _Problem, least: Floats, mu: Floats) -> tuple[Floats, Floats]:
    low = np.log(least)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(problem.reach > 0, problem.worth / problem.cost, 0.0).max(axis=(1, 2))
    high = np.log(np.maximum(best, least))
    theta = low.copy()
    for _ in range(_MOST_STEPS):
        price = np.exp(theta)
        mu = problem.pool_prices(price, mu)
        spend, slope, mu_slope = _spend_and_slope(problem, price, mu)
        excess = spend - problem.budget
        open_ = np.abs(excess) > _TOLERANCE * problem.budget
        if not open_.any() or ((high - low)[open_] <= 1e-15).all():
            break
        low, high = np.where(excess > 0, theta, low), np.where(excess > 0, high, theta)
        step = np.divide(excess, slope, out=np.zeros_like(theta), where=slope > 0)
        guess = theta + step
        inside = (slope > 0) & (guess > low) & (guess < high)
        guess = np.where(open_, np.where(inside, guess, (low + high) / 2), theta)
        # Pools start where their prices would move to, so that few steps are left inside.
        mu = np.maximum(mu - mu_slope * (guess - theta)[:, None], 0.0)
        theta = guess
    return np.exp(theta), mu


def _spend_and_slope(problem: _Problem, price: Floats, mu: Floats) -> tuple[Floats, Floats, Floats]:
    """Total spend `[N]`, and minus the slopes in log price of it and of the pools' prices `[N, Q]`.

    With y = R (1 - c L / (w - mu)) and t = log L: dy/dt = -(R - y) at fixed mu, and a binding pool
    moves its mu so that its sum stays, which gives each line item's dx = c R / (R - y) dy.
    """
    y = problem.impressions(price, mu)
    reach = np.broadcast_to(problem.reach, y.shape)
    spend = response.cost(y, problem.cost, reach).sum(axis=(1, 2))
    moving = (y > 0) & (y < problem.top)
    rest = np.where(moving, reach - y, 0.0)
    by_mu = problem._pool_slope(price, mu, y)
    bound = mu > 0
    total = by_mu.sum(axis=1)
    mu_move = np.where(
        bound, np.divide(rest.sum(axis=1), total, out=np.zeros_like(total), where=total > 0), 0.0
    )
    fall = rest - by_mu * mu_move[:, None, :]  # -dy/dt
    money = np.divide(problem.cost * reach, rest, out=np.zeros_like(y), where=rest > 0)
    return spend, np.asarray((fall * money).sum(axis=(1, 2))), mu_move
