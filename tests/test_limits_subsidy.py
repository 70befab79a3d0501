"""Limits under a budget that pays for discounts too: what they are sure to cost counts."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.envs import response
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.least_subsidy import least_subsidy
from promopilot.envs.limits import Limits
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.state import expected_reach_share
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from tests.plan_judge import Judge
from tests.test_limits_judged import FREE, plan_under

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=5)


def world(**limits: object) -> World:
    """A world whose mix of media alone uses up its budget, which discounts count in."""
    plain = synthetic_world(SIZE)
    plain = replace(plain, covers=("spend", "subsidy"), budget=float(plain.current_spend.sum()))
    own = replace(Limits.none(plain.catalog.num_line_items), **limits)
    return replace(plain, limits=own)


def test_a_locked_mix_whose_discounts_pass_the_budget_is_refused() -> None:
    tight = world(locked=np.ones(6, dtype=bool))
    with pytest.raises(InfeasibleError, match="discounts included"):
        check_limits(tight)
    # The mix is scaled to the budget: media take all of it whatever it is, unless they need less.
    check_limits(replace(tight, covers=("spend",)))
    check_limits(tight.with_budget(10 * tight.budget))


def test_slow_steps_down_from_such_a_mix_are_refused_and_quick_ones_are_not() -> None:
    with pytest.raises(InfeasibleError, match="discounts included"):
        check_limits(world(max_step=0.02))
    check_limits(world(max_step=0.9))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.05, 0.6), st.integers(0, 50))
def test_no_spend_within_limits_causes_less(part: float, step: float, seed: int) -> None:
    plain = world(max_step=step)
    rng = np.random.default_rng(seed)
    slope = least_subsidy(plain, plain.limits)
    # Day one may rise by a step of the larger of mix and equal share; half of that surely may.
    spend = part * rng.random(plain.live.shape) * plain.day_before
    catalog = plain.catalog
    reach = expected_reach_share(plain) * plain.supply[:, catalog.pool]
    shown = response.impressions(spend, plain.unit_cost, reach, plain.dynamics.saturation)
    rate = plain.rates.first * plain.rates.second
    caused = catalog.unit_subsidy[catalog.promotion] * rate * shown
    assert (slope * spend <= caused + 1e-9).all()


def played_subsidy(plain: World, spend: np.ndarray) -> float:
    """Money for the discounts that a table `[D, L]` causes where nothing is refused for money."""
    free = replace(plain, limits=None, covers=("spend",), budget=1e3 * plain.budget)
    market = Market(free, expected=True)
    market.reset_to_mean()
    return sum(float(market.step(spend[day][None]).subsidy.sum()) for day in range(free.days))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([1, 50, 1000]),  # people fewer: audiences tire more
    st.sampled_from([np.inf, 30.0, 1.0]),  # stock
    st.sampled_from([Saturation(), Saturation("hill", 2.0)]),
    st.floats(0.05, 1.0),
    st.integers(0, 50),
)
def test_no_played_flight_causes_less(
    fewer: int, stock: float, curve: Saturation, part: float, seed: int
) -> None:
    plain = world()
    plain = replace(
        plain,
        max_spend=2 * plain.day_before,
        segment_size=plain.segment_size / fewer,
        catalog=replace(plain.catalog, stock=np.full(3, stock)),
        dynamics=replace(plain.dynamics, saturation=curve),
    )
    slope = least_subsidy(plain, plain.limits)
    spend = part * np.random.default_rng(seed).random(plain.live.shape) * plain.max_spend
    spend *= min(1.0, plain.budget / spend.sum())
    assert (slope * spend).sum() <= played_subsidy(plain, spend) + 1e-9


def test_a_stock_that_is_soon_gone_costs_little() -> None:
    plain = world(min_spend=np.full(6, 6.0))
    plain = replace(plain, catalog=replace(plain.catalog, stock=np.ones(3)))
    spend = np.full(plain.live.shape, 6.0)
    enough = 1.02 * (spend.sum() + played_subsidy(plain, spend))
    check_limits(plain.with_budget(enough))
    with pytest.raises(InfeasibleError):
        check_limits(plain.with_budget(0.99 * spend.sum()))


# ---- the plan itself ----


def told_cost(refusal: str) -> float:
    """Media and discounts that a refusal names; endless where it names none."""
    found = re.search(r"([\d.]+) of media, is expected to cause ([\d.]+) of them", refusal)
    return np.inf if found is None else float(found[1]) + float(found[2])


@pytest.mark.parametrize(("fewer", "least"), [(1, 12.0), (50, 8.0)])
def test_minima_and_their_discounts_are_planned_for_once_the_budget_covers_them(
    fewer: int, least: float
) -> None:
    market = replace(FREE, segment_size=FREE.segment_size / fewer)
    minima = {"bounds": [{"promotion": p, "min": least} for p in market.catalog.promotion_ids]}
    media = round(least * 4 * FREE.days, 2)
    frame = plan_under(minima | {"budget": {"total": media}}, market)
    cost = media + frame["expected_subsidy"].sum()
    refused: list[str] = []
    planned = []
    for total in (float(share * cost) for share in np.linspace(0.7, 1.3, 10)):
        asked = minima | {"budget": {"total": round(total, 2), "covers": ["spend", "subsidy"]}}
        try:
            frame = plan_under(asked, market)
        except InfeasibleError as error:
            refused.append(str(error))
            assert total < 1.01 * cost
            assert not planned  # at less money
            assert told_cost(refused[-1]) > total
            continue
        assert Judge.of(frame, asked, total).complaints() == []
        planned.append(total)
    assert planned
    assert refused


def test_a_budget_of_media_alone_has_no_discounts_in_it() -> None:
    plain = replace(world(max_step=0.1), covers=("spend",))
    assert not least_subsidy(plain, plain.limits).any()
