"""Limits in a plan: named where they bind, kept in whole cents, and told in the reasons."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import CurrentMix
from promopilot.envs.feasibility import contradiction
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.plan.aggregate import EVENS_OUT, aggregate
from promopilot.experiments.plan.export import make_plan
from promopilot.experiments.plan.flight_limits import Steps, flight_rows
from promopilot.experiments.plan.reference import reference_table
from promopilot.experiments.plan.told import changes, why_unchanged
from promopilot.experiments.plan.whole_cents import mix_in_cents, table_in_cents

WORLD = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=8))
ITEMS = WORLD.catalog.num_line_items
FIRST = WORLD.catalog.promotion == 0
DAY = float(WORLD.current_mix.sum(axis=1).mean())  # money


def under(world: World = WORLD, **limits: object) -> World:
    return replace(world, limits=replace(Limits.none(ITEMS), **limits))


def group(items: np.ndarray = FIRST, **limits: object) -> World:
    return under(groups=(Group("first", items, **limits),))


def planned(world: World, policy=None, basis: str = "data") -> pd.DataFrame:
    c = world.catalog
    ids = {
        "promotion_id": [c.promotion_ids[i] for i in c.promotion],
        "placement_id": [c.placement_ids[i] for i in c.placement],
        "segment_id": [c.segment_ids[i] for i in c.segment],
    }
    items = pd.DataFrame(ids | {"basis": basis})
    return make_plan(policy or Replanner(world), world, items, seed=1, flights=4).frame


def first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["promotion_id"] == "promotion-0"]


FREE = planned(WORLD)
FREE_FIRST = float(first(FREE).groupby("date")["planned_budget"].sum().mean())
# The promotion that would get least: minima hold it up.
POOREST = str(FREE.groupby("promotion_id")["planned_budget"].sum().idxmin())
POOR = WORLD.catalog.promotion == WORLD.catalog.promotion_ids.index(POOREST)
FLOOR = round(0.1 * DAY, 2)  # money a day


def poorest(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["promotion_id"] == POOREST]


def floor(**limits: object) -> World:
    return under(groups=(Group("poorest", POOR, **limits),))


@pytest.mark.parametrize(
    ("world", "named"),
    [
        (group(max=round(FREE_FIRST / 2, 2)), "first"),
        (group(max_share=0.5 * FREE_FIRST / DAY), "first"),
        (group(max=round(4 * FREE_FIRST, 2), whole_flight=True), "first"),
        (replace(WORLD, max_spend=np.where(FIRST, 3.0, np.inf)), "own maximum"),
        (under(locked=FIRST), "lock"),
        (under(max_step=0.0001), "step"),
        (replace(WORLD, per_day_max=round(DAY / 2, 2)), "day budget"),
        (WORLD, "flight budget"),
        (
            replace(WORLD, catalog=replace(WORLD.catalog, stock=np.array([9.0, 9e9, 9e9, 9e9]))),
            "stock",
        ),
        (
            replace(
                WORLD,
                budget=WORLD.budget * 50,
                objective="revenue",
                reach_share=np.ones(ITEMS),
            ),
            "pool supply",
        ),
    ],
    ids="max share flight own lock step day budget stock pool".split(),
)
def test_what_keeps_a_row_from_more_is_named(world: World, named: str) -> None:
    frame = planned(world)
    rows = frame if named in ("day budget", "flight budget", "pool supply") else first(frame)
    assert named in set(rows["binding_limit"])
    if named in ("first", "own maximum"):
        capped = rows[(rows["binding_limit"] == named) & (rows["planned_budget"] > 0)]
        assert capped["reason"].str.contains("at its cap").all()
        assert len(capped) > 0


@pytest.mark.parametrize(
    ("world", "named", "told"),
    [
        (floor(min=FLOOR), "poorest", "at its minimum (poorest)"),
        (floor(min=8 * FLOOR, whole_flight=True), "poorest", "at its minimum (poorest)"),
        (under(min_spend=np.where(POOR, FLOOR, 0.0)), "own minimum", "at its minimum"),
    ],
)
def test_what_keeps_a_row_from_less_is_named(world: World, named: str, told: str) -> None:
    rows = poorest(planned(world))
    held = rows[rows["binding_limit"] == named]
    assert len(held) > 0
    assert held["reason"].str.contains(told, regex=False).any()


def test_a_row_that_makes_room_for_others_at_their_largest_share_names_it() -> None:
    rich = replace(WORLD, budget=50 * WORLD.budget)
    frame = planned(under(rich, groups=(Group("first", FIRST, max_share=0.2),)))
    others = frame[frame["promotion_id"] != "promotion-0"]
    room = others[others["binding_limit"] == "first"]
    assert len(room) > 0
    assert (room["marginal_poas"] < 1).all()  # they would not pay by themselves
    assert room["reason"].str.endswith("makes room for first, at its largest share").all()


def test_a_target_that_stops_spend_is_named() -> None:
    funded = FREE.loc[FREE["planned_budget"] > 0, "marginal_roas"]
    frame = planned(under(target=Target(roas=1.5 * float(funded.median()), price=1000.0)))
    assert "target ROAS" in set(frame["binding_limit"])
    assert frame["planned_budget"].sum() < WORLD.budget * 0.99


def test_what_is_locked_stays_to_the_cent_and_says_so() -> None:
    rows = first(planned(under(locked=FIRST)))
    for column in ("planned_budget", "min_budget", "max_budget"):
        assert (rows[column] == rows["current_budget"]).all()
    assert (rows["reason"] == "held: locked").all()


def test_a_share_for_testing_says_that_little_is_known() -> None:
    world = under(
        replace(WORLD, current_spend=np.where(POOR, 0.0, WORLD.current_spend)),
        explored=POOR,
        exploration=0.2,
    )
    rows = poorest(planned(world, basis="prior"))
    at_share = rows[rows["binding_limit"] == "exploration"]
    assert len(at_share) > 0
    assert (at_share["reason"] == "tested: little is known yet").all()


def test_own_bounds_are_columns() -> None:
    world = under(
        replace(WORLD, max_spend=np.where(FIRST, 9.5, np.inf)), min_spend=np.where(FIRST, 1.5, 0.0)
    )
    frame = planned(world)
    assert (first(frame)[["min_budget", "max_budget"]] == [1.5, 9.5]).all(axis=None)
    assert frame["max_budget"].isna().sum() == (frame["promotion_id"] != "promotion-0").sum()
    whole = aggregate(frame, "day", "promotion")
    assert first(whole)["max_budget"].eq(19.0).all()


@pytest.mark.parametrize("objective", ["net_profit", "revenue", "conversions"])
def test_every_row_says_what_happens_to_it_and_why(objective: str) -> None:
    frame = planned(replace(WORLD, objective=objective))
    kinds = frame["reason"].str.split(": ", n=1).str[0]
    up = frame["planned_budget"] > frame["current_budget"]
    assert kinds[up].isin(["raised", "new", "tested"]).all()
    stopped = (frame["planned_budget"] == 0) & (frame["current_budget"] > 0)
    assert (kinds[stopped] == "stopped").all()
    goal = "profit" if objective == "net_profit" else objective
    lead = rf"^raised: [\d.,]+ more {goal} per 1\.00 than the mix at the margin"
    assert frame["reason"].str.contains(lead).any()
    assert not frame["reason"].str.contains("nan|inf", regex=True).any()


def test_coarser_plans_keep_limits_and_reasons() -> None:
    frame = planned(group(max=round(FREE_FIRST / 2, 2)))
    weeks = aggregate(frame, "week", "promotion")
    assert first(weeks)["binding_limit"].str.contains("first").all()
    frame.loc[first(frame).index[0], "binding_limit"] = "stock"  # and the other days as they were
    listed = [text.split("; ") for text in aggregate(frame, "week", "line_item")["binding_limit"]]
    assert ["first", "stock"] in listed
    assert all(len(names) == len(set(names)) for names in listed)
    kinds = weeks["reason"].str.split(": ", n=1).str[0]
    lower = weeks["planned_budget"] < weeks["current_budget"]
    assert kinds[lower].isin(["lowered", "stopped"]).all()


def test_a_sum_whose_rows_even_out_says_so() -> None:
    two = FREE[FREE["date"] == FREE["date"].iloc[0]].head(2).copy()
    two["promotion_id"] = "one"
    two["planned_budget"], two["current_budget"] = [3.0, 5.0], [5.0, 3.0]
    assert aggregate(two, "day", "promotion")["reason"].tolist() == [EVENS_OUT]


def test_a_plan_that_changes_nothing_says_why() -> None:
    locked = planned(under(locked=np.ones(ITEMS, dtype=bool)))
    assert why_unchanged(locked) == f"locked ({len(locked)} rows)"
    mix = planned(WORLD, CurrentMix())
    assert "the current mix itself" in why_unchanged(mix)
    assert changes(mix) == {"held": len(mix)}
    assert mix["reason"].eq("held: the change is too small to matter").all()
    assert why_unchanged(FREE) == ""


@st.composite
def limited_worlds(draw: st.DrawFn) -> World:
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    groups = []
    for at in range(draw(st.integers(0, 3))):
        items = rng.random(ITEMS) < 0.5
        items[rng.integers(ITEMS)] = True
        now = float(WORLD.current_mix[:, items].sum(axis=1).mean())
        limits = draw(
            st.sampled_from(
                [
                    {"max": round(0.7 * now, 3)},
                    {"min": round(0.5 * now, 3)},
                    {"max_share": 0.4},
                    {"max": round(5 * now, 2), "whole_flight": True},
                    {"min": round(3 * now, 2), "whole_flight": True},
                ]
            )
        )
        groups.append(Group(f"group {at}", items, **limits))
    return under(
        replace(
            WORLD,
            budget=draw(st.sampled_from([WORLD.budget, 777.777])),
            max_spend=np.where(rng.random(ITEMS) < 0.2, 7.777, np.inf),
        ),
        groups=tuple(groups),
        locked=rng.random(ITEMS) < draw(st.sampled_from([0.0, 0.2])),
        min_spend=np.where(rng.random(ITEMS) < 0.2, 1.005, 0.0),
        max_step=draw(st.sampled_from([0.2, float("inf")])),
        exploration=draw(st.sampled_from([0.0, 0.05])),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(limited_worlds(), st.integers(0, 1000))
def test_limits_that_hold_still_hold_in_whole_cents(world: World, seed: int) -> None:
    assert world.limits is not None
    assume(not contradiction(world))
    table = reference_table(Replanner(world), world)
    cents = np.rint(table.spend * 100).astype(np.int64)
    assert (cents == table_in_cents(table.exact, world)).all()
    locked = np.broadcast_to(world.limits.locked, cents.shape)
    assert (cents[locked] == mix_in_cents(world)[locked]).all()
    # What is locked is so to the cent, and has its own rows: those of other limits are looked at.
    rows = flight_rows(world, world.limits).kept_by(table.exact * 100).beyond(locked)
    assert (rows.used(cents) - rows.high).max() <= 1e-3  # of a cent
    steps, last = Steps.of(world, world.limits, table.exact), world.day_before * 100
    for day in range(world.days):
        own = steps.on(day, last).beyond(locked[day : day + 1])
        assert not own.broken(cents[day : day + 1], 1e-3)
        last = cents[day]
