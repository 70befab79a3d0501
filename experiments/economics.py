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
        history: `performance` before the flight; an observed value per conversion overrides
            price x (1 - discount).
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

    discount = column("discount", assumptions.discount)
    price = column("price", assumptions.price)
    unit_subsidy = price * discount * assumptions.unit_subsidy_share
    sources["unit_subsidy"] = (
        "assumption: you pay "
        f"{assumptions.unit_subsidy_share:.0%} of price x discount "
        "(config, assumptions.unit_subsidy_share)"
    )
    if "unit_subsidy" in promotions and promotions["unit_subsidy"].notna().any():
        given = promotions["unit_subsidy"].to_numpy(dtype=float)
        unit_subsidy = np.where(np.isnan(given), unit_subsidy, given)
        sources["unit_subsidy"] = table_sources.get("promotions.unit_subsidy", "data")
    value = price * (1 - discount)
    sources["conversion_value"] = "price x (1 - discount)"
    observed = _observed_value(promotions, history)
    if np.isfinite(observed).any():
        value = np.where(np.isfinite(observed), observed, value)
        sources["conversion_value"] = "data: value per conversion observed before the flight"
    stock = np.full(len(promotions), np.inf)
    sources["stock"] = "assumption: unlimited"
    if "stock" in promotions and promotions["stock"].notna().any():
        stock = promotions["stock"].astype(float).fillna(np.inf).to_numpy()
        sources["stock"] = "data"
    return Economics(
        price=price,
        margin=column("margin", assumptions.margin),
        incrementality=column("incrementality", assumptions.incrementality),
        unit_subsidy=unit_subsidy,
        conversion_value=value,
        stock=stock,
        sources=sources,
    )


def _observed_value(promotions: pd.DataFrame, history: pd.DataFrame) -> Floats:
    """Value per conversion `[P]`, not a number where none was seen."""
    nothing = np.full(len(promotions), np.nan)
    if not {"conversion_value", "conversions"} <= set(history.columns):
        return nothing
    seen = history.dropna(subset=["conversion_value", "conversions"])
    sums = seen.groupby("promotion_id")[["conversion_value", "conversions"]].sum()
    sums = sums.reindex(promotions["promotion_id"])
    value = sums["conversion_value"].to_numpy(dtype=float)
    conversions = sums["conversions"].to_numpy(dtype=float)
    return np.asarray(np.divide(value, conversions, out=nothing, where=conversions > 0))
