"""The least that limits ask for: filled group by group where it can be, and searched for else."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promopilot.envs.day_limits import DayLimits
from promopilot.envs.grouping import Grouping
from promopilot.envs.split.nearest import least_all

NO_POOLS = Grouping.of(np.zeros(0, dtype=np.int64), 0)


def least(floor, top, member, low, beside=0.0):
    """The least spend `[L]` with minima of disjoint groups, and one `beside` them for everything.

    A minimum for everything shares line items with the groups: then a search finds the plan.
    """
    groups = np.concatenate([member, np.ones((1, len(floor)), dtype=bool)])
    group_min = np.append(low, beside)[None]
    limits = DayLimits(
        floor, groups, group_min, np.full_like(group_min, np.inf), np.ones(len(low) + 1)
    )
    plan = np.full((1, len(floor)), np.nan)
    shape = limits.shape(NO_POOLS, 1.0, 0, 1.0)
    least_all(shape, floor[None], top[None], group_min, limits.group_max, plan)
    return plan[0]


@st.composite
def minima(draw):
    """Minima and maxima of line items, and minima that their groups can fill."""
    group = np.array(draw(st.lists(st.integers(0, 3), min_size=2, max_size=9)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    floor = rng.uniform(1, 20, len(group)) * (rng.random(len(group)) < 0.6)
    top = floor + rng.exponential(30, len(group)) * (rng.random(len(group)) < 0.8)
    member = group == np.arange(3)[:, None]  # some are in no group
    asked = rng.uniform(0, 1, 3) * (rng.random(3) < 0.8)
    return floor, top, member, asked * (member @ top)


# Line items without a wish beside large ones, and minima of very different sizes.
MIXED = (
    np.array([0.0, 5.1898843, 1.56834344, 15.30921459, 2.53917455, 0.0, 17.14255376, 0.0, 0.0]),
    np.array(
        [
            *(33.23566311, 75.86597274, 33.49544491, 15.30921459, 2.53917455),
            *(10.8710002, 59.10319033, 7.0804061, 33.87244289),
        ]
    ),
    np.array([0, 1, 0, 2, 1, 1, 0, 1, 1])[None] == np.array([1, 0, 2])[:, None],
    np.array([49.16610044, 50.81697977, 11.84566897]),
)


@settings(deadline=None)
@given(case=minima())
@example(case=MIXED)
def test_filling_finds_what_a_search_finds(case):
    floor, top, member, low = case
    plan = least(floor, top, member, low)
    assert (plan >= floor).all()
    assert (plan <= top).all()
    np.testing.assert_allclose(member @ plan, np.maximum(low, member @ floor), rtol=1e-9)
    outside = ~member.any(axis=0)
    assert (plan[outside] == floor[outside]).all()
    if low.sum() > 0:  # and so a minimum for everything that is kept anyway
        # Below the largest, by which the size of the problem goes, and with it how easily a line
        # item moves for which nothing is wished.
        searched = least(floor, top, member, low, beside=0.5 * low.max())
        np.testing.assert_allclose(plan, searched, atol=1e-7 * plan.sum())


def test_line_items_rise_in_proportion_and_stop_at_their_maximum():
    floor, top = np.array([1.0, 2.0, 3.0, 5.0]), np.array([9.0, 9.0, 4.0, 9.0])
    member = np.array([[True, True, True, False]])
    np.testing.assert_allclose(
        least(floor, top, member, np.array([7.2])), [1.2, 2.4, 3.6, 5.0], rtol=1e-12
    )
    np.testing.assert_allclose(
        least(floor, top, member, np.array([10.0])), [2.0, 4.0, 4.0, 5.0], rtol=1e-12
    )
