"""The plan and the current mix in the average flight: every draw at its mean, outcomes expected.

The files hold what the plan brings per line item, not what the current mix would. Playing both
tables through the run's own market gives the two sides of each change on the same footing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.report.finished_run import FinishedRun


def replay(world: World, spend: Floats) -> Floats:
    """Objective per line item `[L]` of playing spends `[D, L]` through the average flight."""
    market = Market(world, expected=True)
    market.reset_to_mean()
    return np.asarray(np.sum([market.step(row[None]).objective[0] for row in spend], axis=0))


def both(run: FinishedRun) -> pd.DataFrame:
    """Objective of the current mix (`before`) and the plan (`after`) by promotion and placement."""
    world = run.world
    catalog = world.catalog
    index = pd.MultiIndex.from_arrays(
        [
            np.array(catalog.promotion_ids, dtype=object)[catalog.promotion],
            np.array(catalog.placement_ids, dtype=object)[catalog.placement],
        ],
        names=["promotion_id", "placement_id"],
    )
    played = {"before": "current_budget", "after": "planned_budget"}
    flights = {name: replay(world, run.spend(column)) for name, column in played.items()}
    return pd.DataFrame(flights, index=index).groupby(level=[0, 1], sort=False).sum()


def gains(run: FinishedRun) -> pd.Series[float]:
    """What the plan adds to the objective by promotion_id and placement_id, best first."""
    flights = both(run)
    return (flights["after"] - flights["before"]).sort_values(ascending=False, kind="stable")
