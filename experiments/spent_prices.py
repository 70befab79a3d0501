"""How far a line item's price is from its placement's, told by what was spent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.calibration import Calibration
from promopilot.experiments.buyable import Buyable
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

# A day on which nearly all was bought says little of what a first impression costs.
_MOST_SHARE = 0.95


def spent_factors(
    tables: Tables, bought: Buyable, found: Calibration, before: pd.DataFrame, projection: float
) -> Floats:
    """Price of a line item's first impression over what its placement's were paid `[L]`.

    Its own factor, where prices differ by line item, over its premium: where nothing shows how
    price rises with what is bought, the curve's rise up to what was bought is in the price that was
    paid. A placement's are then scaled to its spend, so that what was bought costs what was paid on
    average (a calibrated price is a median, and the luck of few clicks lies above it). A new line
    item has the mean of its pool.

    Args:
        tables: The contract's tables.
        bought: L line items.
        found: The calibration.
        before: Rows of performance before the flight.
        projection: Impressions in the business per recorded one.
    """
    items = bought.items
    reach = bought.daily / projection
    flat = pd.Series(found.flat, index=tables.placements["placement_id"])
    is_flat = np.asarray(items["placement_id"].map(flat), dtype=bool)
    recent = _paid(bought.recent, items, reach, found)
    sums = recent.groupby(ITEM)[["paid", "shown"]].sum()
    rise = _by_item(items, (sums["paid"] / sums["shown"]).map(np.log))
    own = _by_item(items, _own_prices(tables, found))
    factor = np.exp(own - np.where(is_flat, rise, 0.0))
    if "spend" not in before:
        return factor
    rows = _paid(before[before["spend"] > 0], items, reach, found)
    rows["expected"] = rows["paid"] * factor[rows["number"].to_numpy()]
    totals = rows.groupby("placement_id")[["spend", "expected"]].sum()
    price = pd.Series(found.unit_cost, index=tables.placements["placement_id"])
    scale = (totals["spend"] / totals["expected"] / price).reindex(items["placement_id"])
    return np.where(is_flat, factor * scale.fillna(1.0).to_numpy(), factor)


def _paid(
    rows: pd.DataFrame, items: pd.DataFrame, reach: Floats, found: Calibration
) -> pd.DataFrame:
    """Rows of the line items with what they cost at a first impression's price of 1.

    Columns: the line item's `number` and ids, `shown`, `paid`, and `spend` where it is recorded.
    """
    number = pd.Series(np.arange(len(items)), index=pd.MultiIndex.from_frame(items[ITEM]))
    at = number.reindex(pd.MultiIndex.from_frame(rows[ITEM])).to_numpy()
    kept: pd.DataFrame = rows[~np.isnan(at)].copy()
    of = at[~np.isnan(at)].astype(np.int64)
    had = kept["impressions"].to_numpy(dtype=np.float64)
    shown = np.minimum(had, _MOST_SHARE * reach[of])
    paid = response.cost(shown, np.ones(len(of)), reach[of], found.saturation)
    # What lies beyond costs no more than the rest of the day did.
    kept["number"], kept["shown"] = of, had
    kept["paid"] = paid * np.divide(had, shown, out=np.ones_like(had), where=shown > 0)
    return kept


def _own_prices(tables: Tables, found: Calibration) -> pd.Series[float]:
    """Log of a line item's price over its placement's, by promotion, placement and segment."""
    tables_of = (tables.promotions, tables.placements, tables.segments)
    names = [
        pd.Index(table[column])[found.items[:, i]]
        for i, (table, column) in enumerate(zip(tables_of, ITEM, strict=True))
    ]
    return pd.Series(found.own_price, index=pd.MultiIndex.from_arrays(names, names=ITEM))


def _by_item(items: pd.DataFrame, values: pd.Series[float]) -> Floats:
    """[L] its value; the mean of its pool where it has none, and 0 where that has none."""
    own = values.reindex(pd.MultiIndex.from_frame(items[ITEM])).to_numpy()
    pool = ITEM[1:]
    pooled = values.groupby(level=pool).mean().reindex(pd.MultiIndex.from_frame(items[pool]))
    return np.where(np.isnan(own), pooled.fillna(0.0).to_numpy(), own)
