"""The studio's plan as `promopilot plan --limits` writes it."""

from __future__ import annotations

from promopilot.experiments.plan.export import make_plan
from promopilot.experiments.plan.frame import file_faults
from promopilot.experiments.studio.what_if import Shop, WhatIf


def plan_csv(shop: Shop, found: WhatIf) -> str:
    """The text of plan.csv, its expectations from the run's own test flights; some seconds."""
    planner = shop.planner
    policy = planner.make(found.world)
    plan = make_plan(policy, found.world, shop.items, planner.seed, planner.flights)
    return file_faults(plan.frame)
