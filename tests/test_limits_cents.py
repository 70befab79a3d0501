"""Limits hold in the cents of plan.csv: what they refer to is its column current_budget."""

import json
from typing import Any

import pandas as pd
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.plan.export import make_plan
from tests.plan_judge import Judge

FREE = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=6))
CATALOG = FREE.catalog
ITEMS = pd.DataFrame(
    {
        f"{kind}_id": [getattr(CATALOG, f"{kind}_ids")[i] for i in getattr(CATALOG, kind)]
        for kind in ("promotion", "placement", "segment")
    }
).assign(basis=["data"] * 6 + ["prior"] * 2)


def plan_under(content: dict[str, Any]) -> pd.DataFrame:
    limits = parse_limits(json.dumps(content), "limits.yaml")
    world = limited(FREE, limits, ITEMS["basis"].tolist())
    return make_plan(Replanner(world), world, ITEMS, seed=1, flights=2).frame


def complaints(content: dict[str, Any]) -> list[str]:
    return Judge.of(plan_under(content), content, FREE.budget).complaints()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            {
                "budget": {"total": 454.31},
                "bounds": [{"promotion": "promotion-1", "max": 24.33, "relative": [0.64, 1.27]}],
                "step": {"max_change": 0.509, "min_change": 0.043},
                "exploration": 0.078,
            },
            id="multiples of the cents spent now, not of fractions of them",
        ),
        pytest.param(
            {
                "budget": {"total": 439.18},
                "bounds": [
                    {
                        "promotion": "promotion-1",
                        "per": "flight",
                        "max_share": 0.288,
                        "relative": [0.592, 1.25],
                    }
                ],
                "groups": [{"promotions": ["promotion-1", "promotion-2"], "max_share": 0.474}],
            },
            id="and over the flight",
        ),
        pytest.param(
            {
                "budget": {"total": 296.41},
                "bounds": [
                    {"placement": "placement-1", "per": "flight", "max": 72.8, "max_share": 0.2712}
                ],
                "step": {"max_change": 0.458},
            },
            id="the first day's step is from the cents spent now",
        ),
        pytest.param(
            {
                "budget": {"total": 668.94},
                "groups": [{"promotions": ["promotion-0", "promotion-3"], "min": 8.43}],
                "step": {"max_change": 0.34},
            },
            id="steps that grow day by day, and with them what was rounded",
        ),
        pytest.param(
            {
                "bounds": [
                    {"line_item": "promotion-0/placement-1/*", "min": 1.26, "max_share": 0.9696},
                    {"segment": "segment-*", "per": "flight", "max": 194.77},
                ],
                "step": {"max_change": 0.276, "min_change": 0.054},
            },
            id="a sum that later days must make good",
        ),
        pytest.param(
            {
                "budget": {"total": 404.67},
                "step": {"max_change": 0.532},
                "exploration": 0.031,
                "blackout": [{"placement": "placement-0", "dates": ["2024-01-03"]}],
            },
            id="a share for testing under a budget that is used up",
        ),
        pytest.param({"step": {"min_change": 0.3}}, id="small changes"),
        pytest.param(
            {"step": {"max_change": 0.253, "min_change": 0.25}, "budget": {"total": 377.25}},
            id="small changes beside steps",
        ),
    ],
)
def test_a_plan_keeps_its_limits_to_the_cent(content: dict[str, Any]) -> None:
    assert complaints(content) == []


def test_rounding_gives_no_cents_to_what_the_plan_leaves_out() -> None:
    frame = plan_under(
        {
            "budget": {"total": 668.94},
            "groups": [{"promotions": ["promotion-0", "promotion-3"], "min": 8.43}],
            "step": {"max_change": 0.34},
        }
    )
    crumbs = frame["planned_budget"].between(0.005, 0.1)
    assert not crumbs.any(), frame.loc[crumbs, ["date", "promotion_id", "planned_budget"]]


def test_a_lock_below_an_own_minimum_contradicts_it() -> None:
    content = {
        "bounds": [{"line_item": "promotion-3/placement-1/segment-0", "min": 6.44}],
        "locks": [{"promotion": "promotion-3"}],
    }
    with pytest.raises(InfeasibleError, match=r"locked at what it spends now.*6\.44"):
        plan_under(content)


def test_limits_that_leave_less_room_than_a_cent_are_refused() -> None:
    content = {"bounds": [{"promotion": "promotion-1", "min": 10.004, "max": 10.006}]}
    with pytest.raises(InfeasibleError, match="No plan in whole cents keeps every limit"):
        plan_under(content)
