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
from promopilot.experiments.line_items import line_items
from promopilot.experiments.report.finished_run import FinishedRun


def replay(world: World, spend: Floats) -> Floats:
    """Objective per line item `[L]` of playing spends `[D, L]` through the average flight."""
    market = Market(world, expected=True)
    market.reset_to_mean()
    return np.asarray(np.sum([market.step(row[None]).objective[0] for row in spend], axis=0))


def both(run: FinishedRun) -> pd.DataFrame:
    """Objective of the current mix (`before`) and the plan (`after`) by promotion and placement."""
    played = {"before": "current_budget", "after": "planned_budget"}
    flights = {name: replay(run.world, run.spend(column)) for name, column in played.items()}
    by_item = pd.DataFrame(flights, index=line_items(run.world))
    return by_item.groupby(level=["promotion_id", "placement_id"], sort=False).sum()


def gains(run: FinishedRun) -> pd.Series[float]:
    """What the plan adds to the objective by promotion_id and placement_id, best first."""
    flights = both(run)
    return (flights["after"] - flights["before"]).sort_values(ascending=False, kind="stable")
