"""The whole cents nearest to exact amounts that keep limits: an integer program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, csr_matrix, eye_array, hstack, kron, vstack

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.experiments.plan.flight_limits import CentRows

SLIGHT = 1e-4  # cents: so much beyond a limit breaks it
_FAR = 5_000  # cents by which an amount may be moved, at a high price
_FEW = 40  # so many amounts of a day, the largest, may be moved at first: most often that does
_NODES = 2000  # of the integer program's tree: a bound on time that is the same on every machine
# The price of a cent, against at most 1 for cutting or lifting to the next cent: one that goes to
# or from another amount, one beyond a limit that later days can make good, one by which a day's sum
# changes, and one that moves an amount that is not to move.
_PRICE, _LATER_PRICE, _SUM_PRICE, _STILL_PRICE = 10.0, 12.0, 15.0, 40.0


@dataclass(frozen=True)
class Wish:
    """What the cents of one day or more should be, were there no limits."""

    exact: Floats  # [D, L] cents with fractions
    totals: Ints  # [D] cents of each day
    mix: Ints  # [D, L] cents of the current mix: an amount that is the same is not to move
    locked: Bools  # [D, L] what stays as it is


def nearest_cents(wish: Wish, rows: CentRows, later: bool) -> Ints | None:
    """Cents `[D, L]` that keep all rows; None where there are none, or none was found.

    Args:
        wish: What they should be near to.
        rows: Limits of these days.
        later: Whether rows that speak of days after these may be passed, at a price.
    """
    ranks = np.argsort(np.argsort(-wish.exact * ~wish.locked, axis=1, kind="stable"), axis=1)
    found = _nearest(wish, rows, later, (ranks < _FEW).ravel())
    if found is None and wish.exact.shape[1] > _FEW:
        found = _nearest(wish, rows, later, np.ones(wish.exact.size, dtype=bool))
    return found


def _nearest(wish: Wish, rows: CentRows, later: bool, movable: Bools) -> Ints | None:
    """The same where all amounts may be cut or lifted, but only some `[D x L]` moved further."""
    days, items = wish.exact.shape
    count, exact, free = days * items, wish.exact.ravel(), ~wish.locked.ravel()
    base = np.floor(exact + 1e-5)
    still = (base <= 0) | (np.abs(exact - wish.mix.ravel()) <= SLIGHT)
    lift = free & (exact > 0)
    # Variables: lifted, more and less of each amount, the days' sums, their distances to the
    # totals both ways, and what goes beyond rows that later days make good.
    moves = hstack([eye_array(count), eye_array(count), -eye_array(count)])
    good = np.flatnonzero(rows.last > days - 1) if later else np.zeros(0, dtype=np.int64)
    slack = csr_array(
        (-np.ones(len(good)), (good, np.arange(len(good)))), (len(rows.high), len(good))
    )
    own, sums = rows.matrix[:, :count], rows.matrix[:, count:]
    nothing = csr_array((len(rows.high), 2 * days))
    day_sums = kron(eye_array(days), np.ones((1, items)))
    one, none, unused = eye_array(days), csr_array((days, days)), csr_array((days, len(good)))
    exactly = vstack(
        [
            hstack([day_sums @ moves, -one, none, none, unused]),
            hstack([csr_array((days, 3 * count)), one, one, -one, unused]),
        ]
    )
    ends = np.concatenate([-(day_sums @ base), wish.totals])
    remainder = np.where(lift, exact - base, 0.0)
    far = np.where(still, _STILL_PRICE, _PRICE)
    most = _FAR * (free & movable)
    found = milp(
        np.concatenate(
            [
                *(1 - 2 * remainder, far, far, np.zeros(days)),
                *(np.full(2 * days, _SUM_PRICE), np.full(len(good), _LATER_PRICE)),
            ]
        ),
        integrality=np.append(np.ones(3 * count), np.zeros(3 * days + len(good))),
        bounds=Bounds(
            0,
            np.concatenate(
                [lift, most, np.minimum(most, base), np.full(3 * days + len(good), np.inf)]
            ),
        ),
        constraints=[
            LinearConstraint(
                csr_matrix(hstack([own @ moves, sums, nothing, slack])),
                -np.inf,
                rows.high - own @ base + SLIGHT / 2,
            ),
            LinearConstraint(csr_matrix(exactly), ends, ends),
        ],
        options={"node_limit": _NODES, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    lifted, up, down = np.rint(found.x[: 3 * count]).reshape(3, days, items)
    return np.asarray(base.reshape(days, items) + lifted + up - down, dtype=np.int64)
