"""The plan and the current mix in the average flight: every draw at its mean, outcomes expected.

The files hold what the plan brings per line item, not what the current mix would. Playing both
tables through the run's own market gives the two sides of each change on the same footing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.report.finished_run import FinishedRun


@dataclass(frozen=True)
class Replay:
    """A flight's books per line item `[L]`, and the rate that fatigue left."""

    objective: Floats
    profit: Floats  # before media
    conversion_value: Floats
    spend: Floats  # charged; what a crowded pool gives back is not in it


def replay(world: World, spend: Floats) -> Replay:
    """Play spends `[D, L]` through the average flight."""
    market = Market(world, expected=True)
    market.reset_to_mean()
    days = [market.step(row[None]) for row in spend]
    names = ("objective", "profit", "conversion_value", "spend")
    return Replay(
        **{name: np.sum([getattr(day, name)[0] for day in days], axis=0) for name in names}
    )


def gains(run: FinishedRun) -> pd.Series[float]:
    """What the plan adds to the objective by promotion_id and placement_id, best first."""
    world = run.world
    catalog = world.catalog
    after = replay(world, run.spend("planned_budget")).objective
    before = replay(world, run.spend("current_budget")).objective
    index = pd.MultiIndex.from_arrays(
        [
            np.array(catalog.promotion_ids, dtype=object)[catalog.promotion],
            np.array(catalog.placement_ids, dtype=object)[catalog.placement],
        ],
        names=["promotion_id", "placement_id"],
    )
    added = pd.Series(after - before, index=index).groupby(level=[0, 1], sort=False).sum()
    return added.sort_values(ascending=False, kind="stable")
