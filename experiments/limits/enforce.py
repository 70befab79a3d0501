"""Whether a table of spend keeps all limits of its market, and the nearest one that does.

Day by day a policy keeps every limit of a day, and goes by a pace for those of the flight. The
table is what it spent; here limits are looked at over the whole of it, steps by the plan's own side
of them, and what they ask for is moved as little money as can be (a linear program).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from promopilot.envs.arrays import Floats
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limit_rows import limits_of_flight, totals
from promopilot.envs.limits import Limits, money_text
from promopilot.envs.world import World

_SLIGHT = 1e-6  # money: so much breaks no limit
_TRIES = 3


@dataclass(frozen=True)
class Broken:
    """A limit that a table of spend breaks."""

    text: str  # the limit, as a sentence
    by: float  # money, at most on any one day


def broken_limits(world: World, spend: Floats, slight: float = _SLIGHT) -> list[Broken]:
    """The limits that a table of spend breaks by more than `slight` money.

    Args:
        world: The flight's market.
        spend: Planned spend `[D, L]`.
        slight: Money.
    """
    limits = world.limits or Limits.none(world.catalog.num_line_items)
    point = np.append(spend.ravel(), spend.sum(axis=1))
    found = []
    for one in limits_of_flight(world, limits, like=spend):
        over = float((one.matrix @ point - one.high).max(initial=0.0))
        if over > slight:
            found.append(Broken(one.told, over))
    return found


def enforced(world: World, spend: Floats) -> Floats:
    """The table nearest to `spend` `[D, L]` that keeps every limit; the same where it does.

    Raises:
        InfeasibleError: There is none: a limit asks for more than day by day could be done.
    """
    if world.limits is None or not (broken := broken_limits(world, spend)):
        return spend
    # Beside the plan itself, and beside the nearest one where steps are loosened; the side of a
    # step may change with what is moved.
    for like in (spend, _nearest(world, world.limits, None, spend)):
        found = like
        for _ in range(_TRIES):
            found = _nearest(world, world.limits, found, spend)
            if not broken_limits(world, found):
                return found
    first = broken[0]
    raise InfeasibleError(
        f"No plan was found that keeps every limit: {first.text}, and is off by "
        f"{money_text(first.by)}. Loosen it, or the largest change from day to day."
    )


def _nearest(world: World, limits: Limits, like: Floats | None, wish: Floats) -> Floats:
    """The table that moves least money from `wish` within limits; `wish` where there is none."""
    named, sums = limits_of_flight(world, limits, like), totals(world)
    matrix = csr_array(vstack([one.matrix for one in named]))
    high = np.concatenate([one.high for one in named])
    cells, width = wish.size, sums.shape[1]
    # Money moved is at least wish - x and x - wish.
    moved = hstack([eye_array(cells, width), -eye_array(cells)])
    other = hstack([-eye_array(cells, width), -eye_array(cells)])
    asked = hstack([matrix, csr_array((matrix.shape[0], cells))])
    exact = hstack([sums, csr_array((sums.shape[0], cells))], format="csr")
    result = linprog(
        np.append(np.zeros(width), np.ones(cells)),
        A_ub=vstack([asked, moved, other], format="csr"),
        b_ub=np.concatenate([high, wish.ravel(), -wish.ravel()]),
        A_eq=exact,
        b_eq=np.zeros(sums.shape[0]),
        bounds=(0, None),
        method="highs",
    )
    if result.x is None:
        return wish
    return np.asarray(result.x)[:cells].reshape(wish.shape)
