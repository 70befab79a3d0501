"""How many impressions there are to buy, and at what cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.envs.calibration import Calibration
from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import Sources
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables import Tables

Floats = NDArray[np.float64]


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
        source = f"{_given(tables, 'daily_supply')}; else {source}"
    return given.where(given.notna(), derived), source


def _given(tables: Tables, column: str) -> str:
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


def cost_per_impression(
    tables: Tables,
    spent: pd.Series[float],
    ctr: pd.Series[float] | None,
    assumptions: AssumptionsConfig,
) -> tuple[pd.Series[float], Sources]:
    """Mean cost of an impression by placement: `cpm`, else `cpc` x CTR, else spend, else assumed.

    Args:
        tables: The contract's tables.
        spent: Money per first impression by placement, as calibrated on spend; or not a number.
        ctr: Predicted clicks per impression by placement; None where no clicks are recorded.
        assumptions: `cpm` by placement id, `*` for the rest.

    Raises:
        ConfigError: A placement has only a price per click, and no clicks are recorded.
    """
    cost: dict[str, float] = {}
    sources: Sources = {}
    for row in tables.placements.to_dict("records"):
        name = str(row["placement_id"])
        cpm, cpc = row.get("cpm"), row.get("cpc")
        if cpm is not None and not pd.isna(cpm):
            cost[name], source = float(cpm) / 1000, _given(tables, "cpm")
        elif cpc is not None and not pd.isna(cpc) and ctr is not None and name in ctr:
            cost[name] = float(cpc) * float(ctr[name])
            source = f"{_given(tables, 'cpc')} x predicted click-through"
        elif spent.get(name, 0.0) > 0:
            cost[name], source = spent[name], "data: spend before the flight, saturation taken off"
        elif cpc is not None and not pd.isna(cpc) and ctr is None:
            raise ConfigError(
                f"the placement {name!r} has a price per click (cpc {float(cpc):g}), but "
                "`performance` records no clicks: give it a `cpm`, or record clicks or spend"
            )
        else:
            assumed = assumptions.cpm.get(name, assumptions.cpm.get("*", 5.0))
            cost[name], source = assumed / 1000, "assumption: config, assumptions.cpm"
        sources[f"price of {name}"] = f"{1000 * cost[name]:.2f} per 1000; {source}"
    return pd.Series(cost), sources
