"""Sets of limits of every kind: a plan keeps all of them, or they are refused for a reason.

The judge reads plan.csv and the limits alone. A refusal must not meet a plan that a linear program
of the test's own finds room for, or that keeps a target which is said to be out of reach.
"""

import io
import json
from collections import Counter
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.config_yaml import read_yaml
from promopilot.experiments.limits.apply import bounded, limited
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.export import make_plan
from promopilot.experiments.plan.frame import file_faults
from tests.limits_room import has_room
from tests.plan_judge import KINDS, Judge, rows_of
from tests.test_limits_docs import EXAMPLES, shop

FREE = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=6))
FREE = FREE.with_budget(473.0)  # stated, not what the current mix spends
BUDGET = FREE.budget  # money
DAY = BUDGET / FREE.days  # money


def items_of(world: World, *, known: int) -> pd.DataFrame:
    """`line_items.csv` of a market, its last line items not known yet."""
    catalog, count = world.catalog, world.catalog.num_line_items
    ids = {
        f"{kind}_id": [getattr(catalog, f"{kind}_ids")[i] for i in getattr(catalog, kind)]
        for kind in KINDS
    }
    return pd.DataFrame(ids).assign(basis=["data"] * known + ["prior"] * (count - known))


ITEMS = items_of(FREE, known=6)
SEED, FLIGHTS = 3, 8
# Only a plan that waits for a day, and so falls behind an even pace towards the group's minimum,
# leaves enough for discounts.
LATE = {
    "groups": [
        {
            "promotions": ["promotion-0", "promotion-1", "promotion-2"],
            "per": "flight",
            "min": 210.01,
            "max": 227.75,
        }
    ],
    "budget": {"covers": ["spend", "subsidy"], "total": 411.51},
    "bounds": [{"promotion": "promotion-0", "per": "day", "min": 1.97}],
}
LEAST_PLANNED = 0.5  # of the sets drawn
LEAST_SURE = 0.5  # of those planned


def plan_under(
    content: dict[str, Any], free: World = FREE, items: pd.DataFrame = ITEMS
) -> pd.DataFrame:
    """plan.csv as `promopilot plan --limits` writes it."""
    limits = parse_limits(json.dumps(content), "limits.yaml")
    world = limited(free, limits, items["basis"].tolist())
    world = aimed(world, Replanner, SEED, FLIGHTS)
    plan = make_plan(Replanner(world), world, items, SEED, FLIGHTS)
    return pd.read_csv(io.StringIO(file_faults(plan.frame)))


def budget_of(content: dict[str, Any]) -> float:
    """Money for the flight: without a total, the default for what the budget covers."""
    limits = parse_limits(json.dumps(content), "limits.yaml")
    return bounded(FREE, limits, ITEMS["basis"].tolist()).budget


def plan_or_none(content: dict[str, Any]) -> pd.DataFrame | None:
    """The plan, or None where the set is refused, before or while planning."""
    try:
        return plan_under(content)
    except InfeasibleError:
        return None


@cache
def free_plan() -> pd.DataFrame:
    return plan_under({})


def brings(frame: pd.DataFrame) -> dict[str, float]:
    """What a plan is expected to bring, in the words of `targets`."""
    spent = frame["planned_budget"].sum()
    return {
        "roas": float(frame["expected_conversion_value"].sum() / spent),
        "cpa": float(spent / frame["expected_conversions"].sum()),
    }


def is_refused_wrongly(content: dict[str, Any]) -> bool:
    """Whether a plan for a refused set is sure to exist."""
    if "subsidy" in content.get("budget", {}).get("covers", []):
        return False
    if "targets" not in content:
        return has_room(rows_of(free_plan()), content, BUDGET)
    other = plan_or_none({key: part for key, part in content.items() if key != "targets"})
    if other is None:
        return False
    found, target = brings(other), content["targets"]
    return found["roas"] >= target.get("roas", 0.0) and found["cpa"] <= target.get("cpa", 1e9)


@st.composite
def sets(draw: st.DrawFn) -> dict[str, Any]:
    """Content of a limits.yaml with one to four kinds of limits, sometimes contradictory."""
    promotions = [f"promotion-{p}" for p in range(4)]
    chosen = [
        *(({"promotion": name}, 0.25) for name in promotions),
        *(({"placement": f"placement-{p}"}, 0.5) for p in range(2)),
        ({"segment": "segment-*"}, 1.0),
        ({"line_item": "promotion-1/placement-1/segment-0"}, 0.12),
        ({"promotion": "*-2", "placement": "placement-0"}, 0.12),
    ]

    def number(low: float, high: float) -> float:
        return round(low + (high - low) * draw(st.integers(0, 100)) / 100, 3)

    def ends(size: float, *, group: bool = False) -> dict[str, Any]:
        """Limits of what spends about `size` of a day's money."""
        kinds = ["min", "max", "both", "max_share"] + ([] if group else ["relative"])
        kind, per = draw(st.sampled_from(kinds)), draw(st.sampled_from(["day", "flight"]))
        money = DAY * size * (FREE.days if per == "flight" else 1)
        found: dict[str, Any] = {"per": per}
        if kind in ("min", "both"):
            found["min"] = round(money * number(0.1, 1.3), 2)
        if kind in ("max", "both"):
            found["max"] = round(found.get("min", 0) + money * number(0.05, 1.5), 2)
        if kind == "max_share":
            found["max_share"] = min(1.0, round(size * number(0.6, 1.8), 3))
        if kind == "relative":
            found["relative"] = [number(0, 0.95), number(1, 2)]
        return found

    def bound() -> dict[str, Any]:
        selector, size = draw(st.sampled_from(chosen))
        return selector | ends(size)

    def group() -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(promotions), min_size=2, max_size=3, unique=True))
        return {"promotions": names} | ends(0.25 * len(names), group=True)

    def step() -> dict[str, Any]:
        return {
            "max": {"max_change": number(0.05, 0.5)},
            "min": {"min_change": number(0.02, 0.3)},
            "both": {"max_change": number(0.05, 0.5), "min_change": number(0.02, 0.3)},
        }[draw(st.sampled_from(["max", "min", "both"]))]

    def blackout() -> dict[str, Any]:
        if draw(st.booleans()):
            return {"placement": "placement-0", "dates": ["2024-01-03", "2023-12-24"]}
        return {"promotion": "promotion-1", "from": "2024-01-05", "to": "2024-02-01"}

    def target() -> dict[str, Any]:
        name = draw(st.sampled_from(["roas", "cpa"]))
        ease = number(0.6, 1.5)
        return {name: round(brings(free_plan())[name] * (ease if name == "roas" else 1 / ease), 3)}

    make = {
        "total": lambda: {"total": round(BUDGET * number(0.5, 1.5), 2)},
        "per_day": lambda: {"per_day": {"max": round(DAY * number(0.6, 1.4), 2)}},
        "covers": lambda: {"covers": ["spend", "subsidy"]},
        "bounds": lambda: [bound() for _ in range(draw(st.integers(1, 3)))],
        "groups": lambda: [group() for _ in range(draw(st.integers(1, 2)))],
        "locks": lambda: [draw(st.sampled_from(chosen))[0]],
        "step": step,
        "exploration": lambda: number(0.01, 0.3),
        "blackout": lambda: [blackout()],
        "targets": target,
    }
    found: dict[str, Any] = {}
    kinds = draw(st.lists(st.sampled_from(list(make)), min_size=1, max_size=4, unique=True))
    for kind in kinds:
        made = make[kind]()
        if kind in ("total", "per_day", "covers"):
            found.setdefault("budget", {}).update(made)
        else:
            found[kind] = made
    return found


def test_a_plan_keeps_every_limit_or_the_set_is_refused_for_a_reason() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None)
    @given(sets())
    @example(LATE)
    @example(LATE | {"budget": {"covers": ["spend", "subsidy"], "total": 397.32}})
    def judged(content: dict[str, Any]) -> None:
        frame = plan_or_none(content)
        if frame is None:
            seen["refused"] += 1
            assert not is_refused_wrongly(content), json.dumps(content)
            return
        seen["planned"] += 1
        seen["sure"] += has_room(rows_of(free_plan()), content, BUDGET)
        assert Judge.of(frame, content, budget_of(content)).complaints() == [], json.dumps(content)

    judged()
    assert seen["planned"] >= LEAST_PLANNED * (seen["planned"] + seen["refused"]), seen
    assert seen["refused"] > 0, seen
    # Else no refusal could be found wrong.
    assert seen["sure"] >= LEAST_SURE * seen["planned"], seen


# Limits that force spend, under a budget that pays for its discounts too.
FORCED = [
    {
        "budget": {"total": 236.37, "per_day": {"max": 47.27}},
        "groups": [{"promotions": ["promotion-0", "promotion-1"], "min": 18.12}],
    },
    {"budget": {}, "step": {"max_change": 0.163}},
    {"budget": {}, "targets": {"cpa": 1.403}},
]


@pytest.mark.parametrize("content", FORCED)
def test_a_budget_that_pays_for_discounts_is_kept_too(content: dict[str, Any]) -> None:
    asked = content | {"budget": content["budget"] | {"covers": ["spend", "subsidy"]}}
    frame = plan_or_none(asked)
    assert frame is None or Judge.of(frame, asked, budget_of(asked)).complaints() == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_plan_keeps_what_an_example_of_the_docs_says(text: str) -> None:
    world, content = shop(), read_yaml(text, "docs/limits.md")
    frame = plan_under(content, world, items_of(world, known=40))
    assert Judge.of(frame, content, world.budget).complaints() == []


# ---- the judge and the linear program themselves ----

PLAN = pd.DataFrame(
    {
        "date": ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02"],
        "promotion_id": ["a", "b", "a", "b"],
        "placement_id": "home",
        "segment_id": "all",
        "basis": ["data", "prior", "data", "prior"],
        "planned_budget": [10.0, 20.0, 12.0, 18.0],
        "current_budget": [10.0, 10.0, 10.0, 10.0],
        "expected_conversion_value": [30.0, 30.0, 30.0, 30.0],
        "expected_subsidy": [1.0, 1.0, 1.0, 2.0],
        "expected_conversions": [5.0, 5.0, 10.0, 10.0],
    }
)
# What the plan just keeps, and what it misses by next to nothing.
EDGES = [
    ({"budget": {"total": 60}}, {"budget": {"total": 59.99}}),
    (
        {"budget": {"total": 65, "covers": ["spend", "subsidy"]}},
        {"budget": {"total": 64.99, "covers": ["spend", "subsidy"]}},
    ),
    ({"budget": {"per_day": {"max": 30}}}, {"budget": {"per_day": {"max": 29.99}}}),
    *(
        ({"bounds": [{"promotion": "a"} | kept]}, {"bounds": [{"promotion": "a"} | missed]})
        for kept, missed in (
            ({"min": 10}, {"min": 10.01}),
            ({"max": 12}, {"max": 11.99}),
            ({"max_share": 0.4}, {"max_share": 0.3999}),
            ({"relative": [1, 1.2]}, {"relative": [1, 1.199]}),
            ({"relative": [1, 1.2]}, {"relative": [1.001, 1.2]}),
            ({"min": 22, "per": "flight"}, {"min": 22.01, "per": "flight"}),
            ({"max_share": 0.37, "per": "flight"}, {"max_share": 0.36, "per": "flight"}),
        )
    ),
    (
        {"groups": [{"promotions": ["a", "b"], "min": 30}]},
        {"groups": [{"segments": ["*"], "min": 31}]},
    ),
    ({"locks": [{"placement": "away"}]}, {"locks": [{"promotion": "a"}]}),
    (
        {"blackout": [{"promotion": "a", "dates": ["2024-01-03"]}]},
        {"blackout": [{"promotion": "a", "from": "2024-01-02", "to": "2024-01-02"}]},
    ),
    ({"exploration": 0.6}, {"exploration": 0.601}),
    ({"step": {"max_change": 0.572}}, {"step": {"max_change": 0.571}}),
    ({"step": {"min_change": 0.2}}, {"step": {"min_change": 0.21}}),
    ({"targets": {"roas": 2}}, {"targets": {"roas": 2.001}}),
    ({"targets": {"cpa": 2}}, {"targets": {"cpa": 1.999}}),
]


@pytest.mark.parametrize(("kept", "missed"), EDGES)
def test_the_judge_sees_a_cent(kept: dict[str, Any], missed: dict[str, Any]) -> None:
    assert Judge.of(PLAN, kept, 70.0).complaints() == []
    (key,) = missed
    complaints = Judge.of(PLAN, missed, 70.0).complaints()
    assert complaints
    named = (key, *missed[key]) if isinstance(missed[key], dict) else (key,)
    assert all(one.startswith(named) for one in complaints)


def test_the_judge_refuses_parts_of_cents() -> None:
    with pytest.raises(AssertionError, match="not in whole cents"):
        Judge.of(PLAN.assign(planned_budget=10.005), {}, 70.0)


@pytest.mark.parametrize(
    ("limits", "room"),
    [
        ({"bounds": [{"promotion": "promotion-0", "min": 1}]}, True),
        ({"bounds": [{"promotion": "promotion-0", "min": DAY + 1}]}, False),
        ({"bounds": [{"promotion": "promotion-0", "min": 1, "max": 1}]}, False),
        ({"step": {"max_change": 0.2}, "budget": {"total": BUDGET}}, True),
        ({"groups": [{"segments": ["*"], "min": DAY}]}, False),
    ],
)
def test_room_is_told_where_it_is_sure(limits: dict[str, Any], room: bool) -> None:
    assert has_room(rows_of(free_plan()), limits, BUDGET) is room
