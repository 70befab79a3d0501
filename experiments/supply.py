"""How many impressions there are to buy, and how many people to show them to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration import Calibration
from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.tables import Tables


def given_supply(
    tables: Tables, history: pd.DataFrame, assumptions: AssumptionsConfig
) -> pd.Series[float]:
    """Impressions a day of each pool where `placements.daily_supply` says so, else not a number.

    A placement's supply is shared among segments as its impressions were, else by segment size.

    Args:
        tables: The contract's tables.
        history: Rows of the flight's promotions before the flight.
        assumptions: Sizes of segments where the table has none.
    """
    seen = _seen(tables, history)
    if "daily_supply" not in tables.placements:
        return pd.Series(np.nan, index=seen.index, dtype=float)
    given = tables.placements.set_index("placement_id")["daily_supply"].astype(float)
    sizes = segment_sizes(tables, assumptions)[0]
    by_size = np.tile(sizes / sizes.sum(), len(tables.placements))
    by_placement = seen.groupby(level=0, sort=False).transform("sum")
    share = (seen / by_placement).where(by_placement > 0, by_size)
    total = given.reindex(seen.index.get_level_values(0)).to_numpy()
    return pd.Series(total, index=seen.index, dtype=float) * share


def pool_supply(
    tables: Tables,
    history: pd.DataFrame,
    ours: pd.DataFrame,
    given: pd.Series[float],
    calibrated: Calibration,
    assumptions: AssumptionsConfig,
) -> tuple[pd.Series[float], str]:
    """Impressions that the flight's promotions can buy in each pool on an average day.

    Where nobody said and prices do not tell what a pool has, it is what its impressions were, of
    the flight's promotions alone: the others go on taking theirs.

    Args:
        tables: The contract's tables.
        history: Rows before the flight.
        ours: Those of the flight's promotions.
        given: `given_supply`.
        calibrated: Levels in recorded impressions.
        assumptions: Headroom and panel projection.
    """
    index = given.index
    level = pd.Series(calibrated.supply.value.ravel(), index=index)
    level = level * assumptions.panel_projection
    every, shown = _seen(tables, history), _seen(tables, ours)
    share = (shown / every).where(every > 0, 0.0)
    measured = pd.Series(calibrated.measured.ravel(), index=index)
    derived = (level * share * assumptions.supply_headroom).where(~measured, level)
    source = (
        f"estimate: impressions a day before the flight x {assumptions.supply_headroom:g} "
        f"(assumption: supply_headroom) x {assumptions.panel_projection:g} (assumption: "
        "panel_projection)"
    )
    if calibrated.measured.any():
        source = f"{calibrated.sources['supply level']}; elsewhere {source}"
    if given.notna().any():
        source = f"{given_source(tables, 'daily_supply')}; else {source}"
    return given.where(given.notna(), derived), source


def stated_supply(tables: Tables) -> pd.Series[float]:
    """Impressions a day of each placement as somebody says; not a number where it is estimated."""
    index = pd.Index(tables.placements["placement_id"])
    column = "daily_supply"
    if column not in tables.placements or given_source(tables, column).startswith("estimate"):
        return pd.Series(np.nan, index=index)
    return pd.Series(tables.placements[column].to_numpy(dtype=np.float64), index=index)


def given_source(tables: Tables, column: str) -> str:
    """Where a column of placements comes from: what its importer says, else the table itself."""
    return tables.sources.get(f"placements.{column}", f"data (placements.{column})")


def _seen(tables: Tables, rows: pd.DataFrame) -> pd.Series[float]:
    """Impressions of each pool."""
    index = pd.MultiIndex.from_product(
        [tables.placements["placement_id"], tables.segments["segment_id"]],
        names=["placement_id", "segment_id"],
    )
    seen = rows.groupby(["placement_id", "segment_id"])["impressions"].sum()
    return seen.reindex(index).fillna(0.0).astype(float)


def segment_sizes(tables: Tables, assumptions: AssumptionsConfig) -> tuple[Floats, str]:
    """People of each segment `[S]` and where the number comes from."""
    assumed = assumptions.segment_size
    told = f"assumption: {assumed:g} (config, assumptions.segment_size)"
    if "size" not in tables.segments or tables.segments["size"].isna().all():
        return np.full(len(tables.segments), assumed), told
    size = tables.segments["size"].astype(float) * assumptions.panel_projection
    said = tables.sources.get("segments.size", "data")
    if assumptions.panel_projection != 1:
        said += f" x {assumptions.panel_projection:g} (assumption: panel_projection)"
    return np.asarray(size.fillna(assumed), dtype=np.float64), said
