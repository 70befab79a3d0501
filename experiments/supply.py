"""How many impressions there are to buy, at what cost, and what today's mix spends on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import Sources
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables import Tables

Floats = NDArray[np.float64]
WEEK = 7
CURRENT_DAYS = 28  # the current mix is the mean of each weekday over this many days

# A day's total may not be known better than this: one sd of log supply.
_LEAST_SUPPLY_SD = 0.02


def weekday_season(history: pd.DataFrame) -> tuple[Floats, float]:
    """Factor of each weekday `[7]` (Monday first, mean 1) and the sd of what it leaves in the log.

    Weekdays that the history never shows get factor 1.
    """
    total = history.groupby("date")["impressions"].sum().astype(float)
    total = total[total > 0]
    weekday = pd.DatetimeIndex(total.index).day_of_week
    mean = total.groupby(weekday).mean().reindex(range(WEEK))
    factor = (mean / mean.mean()).fillna(1.0).to_numpy(dtype=float)
    factor = factor / factor.mean()
    if len(total) <= WEEK:
        return factor, _LEAST_SUPPLY_SD
    residual = np.log(total.to_numpy()) - np.log(factor[weekday])
    return factor, max(float(residual.std(ddof=1)), _LEAST_SUPPLY_SD)


@dataclass(frozen=True)
class PoolSupply:
    """Expected daily supply of each placement x segment, before the weekday's factor."""

    daily: pd.Series[float]  # index (placement_id, segment_id), impressions a day
    source: str


def pool_supply(
    tables: Tables, history: pd.DataFrame, days: int, assumptions: AssumptionsConfig
) -> PoolSupply:
    """Daily supply from `placements.daily_supply`, else from the impressions of the history.

    A placement's supply is shared among segments as its impressions were, else by segment size.

    Args:
        tables: The contract's tables.
        history: Rows of the flight's promotions before the flight.
        days: Days that the history covers.
        assumptions: Headroom and panel projection.
    """
    seen = history.groupby(["placement_id", "segment_id"])["impressions"].sum() / days
    index = pd.MultiIndex.from_product(
        [tables.placements["placement_id"], tables.segments["segment_id"]],
        names=["placement_id", "segment_id"],
    )
    seen = seen.reindex(index).fillna(0.0)
    scale = assumptions.supply_headroom * assumptions.panel_projection
    derived = seen * scale
    source = (
        f"estimate: impressions a day before the flight x {assumptions.supply_headroom:g} "
        f"(assumption: supply_headroom) x {assumptions.panel_projection:g} (assumption: "
        "panel_projection)"
    )
    if "daily_supply" not in tables.placements or tables.placements["daily_supply"].isna().all():
        return PoolSupply(derived, source)
    given = tables.placements.set_index("placement_id")["daily_supply"].astype(float)
    sizes = segment_sizes(tables, assumptions)[0]
    share = pd.Series(
        np.tile(sizes / sizes.sum(), len(tables.placements)), index=index, dtype=float
    )
    by_placement = seen.groupby(level=0, sort=False).transform("sum")
    share = (seen / by_placement).where(by_placement > 0, share)
    total = given.reindex(index.get_level_values(0)).to_numpy()
    supply = pd.Series(total, index=index, dtype=float) * share
    return PoolSupply(
        supply.where(supply.notna(), derived), f"data (placements.daily_supply); else {source}"
    )


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
    history: pd.DataFrame,
    ctr: pd.Series[float] | None,
    assumptions: AssumptionsConfig,
) -> tuple[pd.Series[float], Sources]:
    """Mean cost of an impression by placement: `cpm`, else `cpc` x CTR, else spend, else assumed.

    Args:
        tables: The contract's tables.
        history: `performance` before the flight.
        ctr: Predicted clicks per impression by placement; None where no clicks are recorded.
        assumptions: `cpm` by placement id, `*` for the rest.

    Raises:
        ConfigError: A placement has only a price per click, and no clicks are recorded.
    """
    cost: dict[str, float] = {}
    sources: Sources = {}
    spent = _spent_per_impression(history)
    for row in tables.placements.to_dict("records"):
        name = str(row["placement_id"])
        cpm, cpc = row.get("cpm"), row.get("cpc")
        if cpm is not None and not pd.isna(cpm):
            cost[name], source = float(cpm) / 1000, "data (placements.cpm)"
        elif cpc is not None and not pd.isna(cpc) and ctr is not None and name in ctr:
            cost[name] = float(cpc) * float(ctr[name])
            source = "data (placements.cpc) x predicted click-through"
        elif spent.get(name, 0.0) > 0:
            cost[name], source = spent[name], "data: spend per impression before the flight"
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


def _spent_per_impression(history: pd.DataFrame) -> dict[str, float]:
    if "spend" not in history:
        return {}
    paid = history.dropna(subset=["spend"]).groupby("placement_id")[["spend", "impressions"]].sum()
    paid = paid[paid["impressions"] > 0]
    return {str(k): float(v) for k, v in (paid["spend"] / paid["impressions"]).items()}


def current_mix(
    history: pd.DataFrame,
    recorded: pd.DatetimeIndex,
    weekdays: Sequence[int],
    unit_cost: pd.Series[float],
    projection: float,
) -> tuple[pd.DataFrame, str]:
    """Mean spend of the same weekday over the last 28 recorded days before the flight.

    Args:
        history: Rows of the flight's promotions before the flight.
        recorded: First and last day that the data covers before the flight.
        weekdays: Weekday of each day of the flight `[D]`, Monday 0.
        unit_cost: Cost of an impression by placement, used where no spend was recorded.
        projection: People in the business per panel member, applied to assumed spend.

    Returns:
        One column per line item (promotion, placement, segment), one row per day of the flight; and
        where the money comes from.
    """
    first = max(recorded[0], recorded[-1] - pd.Timedelta(days=CURRENT_DAYS - 1))
    window = pd.date_range(first, recorded[-1])
    recent = history[history["date"] >= first].copy()
    cost = recent["placement_id"].map(unit_cost).astype(float)
    assumed = recent["impressions"] * cost * projection
    source = f"assumption: exposures of the last {len(window)} days x cost per exposure"
    if "spend" in recent and recent["spend"].notna().any():
        if recent["spend"].notna().all():
            source = f"data: spend of the last {len(window)} days before the flight"
        else:
            source = f"data: spend of the last {len(window)} days; {source} where missing"
        assumed = recent["spend"].fillna(assumed)
    recent["money"] = assumed
    recent["weekday"] = recent["date"].dt.day_of_week
    item = ["promotion_id", "placement_id", "segment_id"]
    times = pd.Series(window.day_of_week).value_counts().reindex(range(WEEK))
    money = recent.groupby(["weekday", *item])["money"].sum()
    week = money.unstack(item).reindex(range(WEEK)).fillna(0.0).div(times, axis=0).fillna(0.0)
    return week.loc[list(weekdays)].reset_index(drop=True), source
