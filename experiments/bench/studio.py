"""How long the studio takes from a moved control to a new plan, on a market of the demo's size."""

from __future__ import annotations

from functools import partial

import pandas as pd

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.stopwatch import once
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.studio.what_if import Shop, what_if
from promopilot.experiments.studio.wishes import PromotionWish, Wishes

_SIZE = SyntheticSize(promotions=35, placements=8, segments=3, days=28)  # 840 line items
_MOST_SECONDS = 2.0


def measure() -> dict[str, Figure]:
    """Measures, in some seconds.

    Returns:
        `line_items`; `budget_seconds`, another budget; `limits_seconds`, limits of two promotions;
        `step_seconds`, a largest change from day to day: each from the wish to plan and totals.
    """
    world = synthetic_world(_SIZE)
    ids = world.catalog.promotion_ids
    items = pd.DataFrame({"promotion_id": [ids[at] for at in world.catalog.promotion]})
    shop = Shop(Planner(world, Replanner, "replanner", 0, 1), items.assign(basis="data"), world, {})
    half = world.budget / 2
    mean = float(world.current_mix.sum() / world.days / len(ids))
    single = {ids[0]: PromotionWish(mean, 2 * mean), ids[1]: PromotionWish(locked=True)}
    wishes = {
        "budget_seconds": Wishes(half),
        "limits_seconds": Wishes(half, promotions=single),
        "step_seconds": Wishes(world.budget, max_change=0.2),
    }
    figures = {"line_items": figure(world.catalog.num_line_items, "line items")}
    for name, wish in wishes.items():
        what_if(shop, wish)  # compiles
        seconds = once(partial(what_if, shop, wish))
        figures[name] = figure(seconds, "s", at_most=_MOST_SECONDS)
    return figures
