"""What a promotion's conversion is worth, and where each number comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.config import AssumptionsConfig

Floats = NDArray[np.float64]
Sources = dict[str, str]  # parameter -> "data", "estimate: …", "prior: …" or "assumption: …"


@dataclass(frozen=True)
class Economics:
    """Per promotion `[P]`; money is per conversion."""

    price: Floats  # before discount
    margin: Floats  # share of price
    incrementality: Floats  # share of conversions that the promotion caused
    unit_subsidy: Floats  # discount paid by you
    conversion_value: Floats  # paid by the customer
    stock: Floats  # conversions; inf where unlimited
    sources: Sources = field(default_factory=dict)


def economics(
    promotions: pd.DataFrame,
    history: pd.DataFrame,
    assumptions: AssumptionsConfig,
    table_sources: Sources,
) -> Economics:
    """Take each number from the tables, else from history, else from the config's assumptions.

    Args:
        promotions: The flight's promotions, P rows of the contract's table.
        history: `performance` before the flight; observed value and subsidy per conversion
            override what price and discount say.
        assumptions: What holds where the tables say nothing.
        table_sources: What `sources.json` says of the tables' columns.
    """
    sources: Sources = {}

    def column(name: str, otherwise: float) -> Floats:
        told = f"assumption: {otherwise:g} (config, assumptions.{name})"
        if name not in promotions or promotions[name].isna().all():
            sources[name] = told
            return np.full(len(promotions), otherwise)
        values = promotions[name].to_numpy(dtype=float)
        missing = np.isnan(values)
        said = table_sources.get(f"promotions.{name}", "data")
        sources[name] = f"{said}; {told} where missing" if missing.any() else said
        return np.where(missing, otherwise, values)

    def instead(name: str, given: Floats, otherwise: Floats, said: str) -> Floats:
        """`given` where it is a number, else `otherwise`, adding to the source of `name`."""
        there = np.isfinite(given)
        if there.all():
            sources[name] = said
        elif there.any():
            sources[name] = f"{said}; {sources[name]} where missing"
        return np.where(there, given, otherwise)

    discount = column("discount", assumptions.discount)
    value_seen = _per_conversion(promotions, history, "conversion_value")
    price = column("price", assumptions.price)
    # What customers paid was price x (1 - discount): it tells a price that the table leaves out.
    before = np.where(np.isnan(_given(promotions, "price")) & (discount < 1), value_seen, np.nan)
    price = instead(
        "price",
        before / np.where(discount < 1, 1 - discount, 1.0),
        price,
        "estimate: value per conversion observed before the flight / (1 - discount)",
    )
    share = assumptions.unit_subsidy_share
    sources["unit_subsidy"] = (
        f"assumption: you pay {share:.0%} of price x discount (config, "
        "assumptions.unit_subsidy_share)"
    )
    unit_subsidy = instead(
        "unit_subsidy",
        _per_conversion(promotions, history, "subsidy"),
        price * discount * share,
        "data: subsidy per conversion observed before the flight",
    )
    unit_subsidy = instead(
        "unit_subsidy",
        _given(promotions, "unit_subsidy"),
        unit_subsidy,
        table_sources.get("promotions.unit_subsidy", "data"),
    )
    sources["conversion_value"] = "estimate: price x (1 - discount)"
    value = instead(
        "conversion_value",
        value_seen,
        price * (1 - discount),
        "data: value per conversion observed before the flight",
    )
    sources["stock"] = "assumption: unlimited"
    stock = instead("stock", _given(promotions, "stock"), np.full(len(price), np.inf), "data")
    return Economics(
        price=price,
        margin=column("margin", assumptions.margin),
        incrementality=column("incrementality", assumptions.incrementality),
        unit_subsidy=unit_subsidy,
        conversion_value=value,
        stock=stock,
        sources=sources,
    )


def _given(promotions: pd.DataFrame, name: str) -> Floats:
    """A column `[P]` of the table; not a number where it or the cell is missing."""
    if name not in promotions:
        return np.full(len(promotions), np.nan)
    return np.asarray(promotions[name], dtype=np.float64)


def _per_conversion(promotions: pd.DataFrame, history: pd.DataFrame, name: str) -> Floats:
    """Money per conversion `[P]` in a column of history; not a number where none was seen."""
    nothing = np.full(len(promotions), np.nan)
    if not {name, "conversions"} <= set(history.columns):
        return nothing
    seen = history.dropna(subset=[name, "conversions"])
    sums = seen.groupby("promotion_id")[[name, "conversions"]].sum()
    sums = sums.reindex(promotions["promotion_id"])
    money, conversions = (sums[c].to_numpy(dtype=float) for c in (name, "conversions"))
    return np.asarray(np.divide(money, conversions, out=nothing, where=conversions > 0))
