"""What happened on the days of a plan: what is the plan's, what is not, and what is still to come.

The file is read as `promopilot update` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.comparing.side import Side
from promopilot.experiments.config import load_config
from promopilot.experiments.errors import ComparisonError
from promopilot.experiments.run_folder import CONFIG
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.readings import AS_OF, latest_readings
from promopilot.experiments.tables.schema import ALL
from promopilot.experiments.update.actuals_file import Known, read_actuals

_COUNTED = ("impressions", "clicks", "conversions", "conversion_value")  # by a panel


@dataclass(frozen=True)
class Happened:
    """Rows of `performance`, each day and line item by its latest reading, counts projected."""

    file: str
    rows: pd.DataFrame  # of the plan's days, promotions and places
    strangers: pd.DataFrame  # of what the plan does not have
    days: list[pd.Timestamp]  # that the plan and the file have, in order
    # By row of the plan, of those days: share of its orders that can be in the file; 1 without a
    # market.
    come_in: pd.Series
    read_on: pd.Timestamp  # the last `as_of`
    projection: float  # counts in the business per recorded one
    order_profit: pd.Series  # by promotion: profit of an order; empty without a market
    notes: tuple[str, ...]  # what reading left out or assumed


def read_happened(path: Path, plan: Side) -> Happened:
    """Read what happened on a plan's days.

    Args:
        path: CSV or Parquet, rows in `performance` columns.
        plan: By day; made in a run, its market says how late orders come in.

    Raises:
        ComparisonError: The file is not there, or records neither spend nor conversions.
        DataError: Cells break the rules of `performance`, or no row is of the plan's days.
    """
    if not path.is_file():
        raise ComparisonError(f"{path} is not there; name a file with the columns of performance")
    world, projection = None, 1.0
    if plan.home is not None:
        world = load_world(plan.home / "market")
        projection = load_config(plan.home / CONFIG).assumptions.panel_projection
    first, last = plan.dates[0].date(), plan.dates[-1].date()
    # Ids that the plan does not have are told apart, not refused.
    found = read_actuals(path, Known(first, last, ids=None, needed=()))
    rows = latest_readings(found.readings)
    if rows[["spend", "conversions"]].isna().all(axis=None):
        raise ComparisonError(
            f"{path.name} records neither spend nor conversions; add one of these columns"
        )
    rows = rows.assign(**{name: projection * rows[name] for name in _COUNTED})
    ours = _is_ours(rows, plan.rows)
    return Happened(
        file=path.name,
        rows=rows[ours],
        strangers=rows[~ours],
        days=sorted(set(plan.dates) & set(rows["date"])),
        come_in=_come_in(rows, plan.rows, world),
        read_on=rows[AS_OF].max(),
        projection=projection,
        order_profit=_order_profit(world),
        notes=tuple(found.notes),
    )


def _is_ours(rows: pd.DataFrame, plan: pd.DataFrame) -> np.ndarray:
    """Whether the plan has a row's day and line item `[R]`, places where the file has them."""
    item = _item(rows, plan)
    pairs = pd.MultiIndex.from_frame(rows[item]).isin(pd.MultiIndex.from_frame(plan[item]))
    return np.asarray(pairs) & rows["date"].isin(plan["date"]).to_numpy()


def _item(rows: pd.DataFrame, plan: pd.DataFrame) -> list[str]:
    """The columns of ids by which rows are told apart both in the file and in the plan."""
    return [name for name in ITEM if not _without(rows, plan, name)]


def _without(rows: pd.DataFrame, plan: pd.DataFrame, name: str) -> bool:
    """Whether a file leaves a column of ids out that tells a plan's rows apart."""
    return bool((rows[name] == ALL).all() and not (plan[name] == ALL).any())


def _come_in(rows: pd.DataFrame, plan: pd.DataFrame, world: World | None) -> pd.Series:
    """The share of a plan's row's orders that the last reading of its line item can hold.

    A line item that the file does not have on a day was not shown when the day was last read.
    """
    key = ["date", *_item(rows, plan)]
    plan = plan[plan["date"].isin(rows["date"])]
    if world is None:
        return pd.Series(1.0, index=plan.index)
    of_item = rows.groupby(key)[AS_OF].max().rename("read")
    read = plan[key].join(of_item, on=key)["read"]
    read = read.fillna(plan["date"].map(rows.groupby("date")[AS_OF].max()))
    age = np.asarray((read - plan["date"]).dt.days, dtype=np.float64)
    return pd.Series(world.dynamics.delay.seen(age), index=plan.index)


def _order_profit(world: World | None) -> pd.Series:
    if world is None:
        return pd.Series(dtype="float64")
    catalog = world.catalog
    return pd.Series(catalog.profit_per_conversion(), index=list(catalog.promotion_ids))
