"""What an impression costs: by placement, and of each line item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration import Calibration
from promopilot.experiments.buyable import Buyable
from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import Sources
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.spent_prices import spent_factors
from promopilot.experiments.supply import given_source
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

_SPENT = "data: spend before the flight"
_BY_CLICK = "x predicted click-through"


@dataclass(frozen=True)
class Prices:
    """What impressions cost."""

    usual: pd.Series[float]  # mean cost of an impression, by promotion, placement and segment
    first: Floats  # [L] mean cost of a line item's first impression
    sources: Sources


def prices(
    tables: Tables,
    bought: Buyable,
    found: Calibration,
    before: pd.DataFrame,
    ctr: Floats | None,
    assumptions: AssumptionsConfig,
) -> Prices:
    """What each line item's impressions cost, and where that comes from.

    Args:
        tables: The contract's tables.
        bought: L line items.
        found: The calibration.
        before: Rows of performance before the flight.
        ctr: Predicted clicks per impression `[L]`; None where no clicks are recorded.
        assumptions: Prices where nothing tells them; panel projection.

    Raises:
        ConfigError: A placement has only a price per click, and no clicks are recorded.
    """
    projection, items = assumptions.panel_projection, bought.items
    spent = pd.Series(found.unit_cost / projection, index=tables.placements["placement_id"])
    mean = None if ctr is None else pd.Series(ctr).groupby(items["placement_id"].to_numpy()).mean()
    cost, sources = cost_per_impression(tables, spent, mean, assumptions)
    factors = spent_factors(tables, bought, found, before, projection)
    each, said = _line_item_costs(items, cost, sources, factors, ctr)
    by_click = [sources[f"price of {name}"].endswith(_BY_CLICK) for name in items["placement_id"]]
    usual = np.where(by_click, each, items["placement_id"].map(cost))
    return Prices(pd.Series(usual, index=pd.MultiIndex.from_frame(items[ITEM])), each, said)


def cost_per_impression(
    tables: Tables,
    spent: pd.Series[float],
    ctr: pd.Series[float] | None,
    assumptions: AssumptionsConfig,
) -> tuple[pd.Series[float], Sources]:
    """Mean cost of an impression by placement: as stated, else as paid, else assumed.

    Stated is `cpm`, or `cpc` x CTR. A stated price that is itself an estimate (as `data import`
    makes) yields to the spend that it was made from.

    Args:
        tables: The contract's tables.
        spent: Money per impression by placement, as calibrated on spend; or not a number.
        ctr: Predicted clicks per impression by placement; None where no clicks are recorded.
        assumptions: `cpm` by placement id, `*` for the rest.

    Raises:
        ConfigError: A placement has only a price per click, and no clicks are recorded.
    """
    cost: dict[str, float] = {}
    sources: Sources = {}
    for row in tables.placements.to_dict("records"):
        name = str(row["placement_id"])
        paid = float(spent.get(name, 0.0))
        cpm, cpc = (_stated(tables, c, row.get(c, np.nan), paid) for c in ("cpm", "cpc"))
        if cpm is not None:
            cost[name], source = cpm / 1000, given_source(tables, "cpm")
        elif cpc is not None and ctr is not None and name in ctr:
            cost[name] = cpc * float(ctr[name])
            source = f"{given_source(tables, 'cpc')} {_BY_CLICK}"
        elif paid > 0:
            cost[name], source = paid, _SPENT
        elif cpc is not None and ctr is None:
            raise ConfigError(
                f"the placement {name!r} has a price per click (cpc {cpc:g}), but "
                "`performance` records no clicks: give it a `cpm`, or record clicks or spend"
            )
        else:
            assumed = assumptions.cpm.get(name, assumptions.cpm.get("*", 5.0))
            cost[name], source = assumed / 1000, "assumption: config, assumptions.cpm"
        sources[f"price of {name}"] = f"{1000 * cost[name]:.2f} per 1000; {source}"
    return pd.Series(cost), sources


def _stated(tables: Tables, column: str, price: float, paid: float) -> float | None:
    """A price of the table, unless it is an estimate and there is spend to tell it better."""
    if np.isnan(price) or (paid > 0 and given_source(tables, column).startswith("estimate")):
        return None
    return float(price)


def _line_item_costs(
    items: pd.DataFrame,
    cost: pd.Series[float],
    sources: Sources,
    factors: Floats,
    ctr: Floats | None,
) -> tuple[Floats, Sources]:
    """Mean cost of a line item's first impression `[L]`, and where it comes from.

    Where the placement's price was told by spend, a line item's own spend says how far its price is
    from that. A price per click costs a line item that price times its own click-through.

    Args:
        items: L line items.
        cost: `cost_per_impression`.
        sources: Its.
        factors: `spent_factors`.
        ctr: Predicted clicks per impression `[L]`; None where no clicks are recorded.
    """
    placement = items["placement_id"]
    each = np.array(placement.map(cost), dtype=np.float64)
    said = dict(sources)
    for name in placement.unique():
        at = np.asarray(placement == name)
        source = sources[f"price of {name}"]
        if source.endswith(_BY_CLICK) and ctr is not None:
            each[at] *= ctr[at] / ctr[at].mean()
        elif source.endswith(_SPENT):
            each[at] *= factors[at]
        if not np.allclose(each[at], each[at][0]):
            low, high = 1000 * each[at].min(), 1000 * each[at].max()
            said[f"price of {name}"] = (
                f"{source}; each line item's own, first impressions from {low:.2f} to {high:.2f}"
            )
    return each, said
