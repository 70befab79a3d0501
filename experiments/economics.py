"""What a promotion's conversion is worth, and where each number comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.experiments.config import AssumptionsConfig

Sources = dict[str, str]  # parameter -> "data", "estimate: …", "prior: …" or "assumption: …"
_Known = tuple[Floats, str]  # numbers `[P]`, not a number where unknown, and their source


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
    found = _Sourced(promotions, assumptions, table_sources)
    discount = found.column("discount")
    paid = _per_conversion(promotions, history, "conversion_value")
    price = _price(found, discount, paid)
    subsidised = _per_conversion(promotions, history, "subsidy")
    return Economics(
        price=price,
        unit_subsidy=_unit_subsidy(found, price * discount, subsidised),
        conversion_value=found.first(
            "conversion_value",
            (paid, "data: value per conversion observed before the flight"),
            (price * (1 - discount), "estimate: price x (1 - discount)"),
        ),
        stock=found.first(
            "stock",
            (_given(promotions, "stock"), "data"),
            (np.full(len(price), np.inf), "assumption: unlimited"),
        ),
        margin=found.column("margin"),
        incrementality=found.column("incrementality"),
        sources=found.sources,
    )


@dataclass(frozen=True)
class _Sourced:
    """Numbers of promotions `[P]`; `sources` grows as they are asked for."""

    promotions: pd.DataFrame
    assumptions: AssumptionsConfig
    table_sources: Sources
    sources: Sources = field(default_factory=dict)

    def column(self, name: str) -> Floats:
        """A column of the table; where it says nothing, the assumption of the same name."""
        return self.first(name, self.in_table(name), self.assumed(name))

    def in_table(self, name: str) -> _Known:
        """A column of the table, and what is said of it."""
        said = self.table_sources.get(f"promotions.{name}", "data")
        return _given(self.promotions, name), said

    def assumed(self, name: str) -> _Known:
        """The assumption of that name, the same for all."""
        value = float(getattr(self.assumptions, name))
        told = f"assumption: {value:g} (config, assumptions.{name})"
        return np.full(len(self.promotions), value), told

    def first(self, name: str, *known: _Known) -> Floats:
        """For each promotion the first that is a number, noting what is used at all.

        Args:
            name: What the numbers are.
            known: The best first; the last knows all.
        """
        values, lacking = np.full(len(self.promotions), np.nan), np.full(len(self.promotions), True)
        used = []
        for given, said in known:
            fills = lacking & ~np.isnan(given)
            if fills.any():
                used.append(said)
            values, lacking = np.where(fills, given, values), lacking & ~fills
        self.sources[name] = "; ".join([*used[:1], *(f"{said} where missing" for said in used[1:])])
        return values


def _price(found: _Sourced, discount: Floats, paid: Floats) -> Floats:
    """Before discount: what customers paid tells a price that the table leaves out."""
    before = np.divide(paid, 1 - discount, out=np.full_like(paid, np.nan), where=discount < 1)
    said = "estimate: value per conversion observed before the flight / (1 - discount)"
    return found.first("price", found.in_table("price"), (before, said), found.assumed("price"))


def _unit_subsidy(found: _Sourced, off: Floats, subsidised: Floats) -> Floats:
    """What you pay of the money that a conversion takes off the price."""
    share = found.assumptions.unit_subsidy_share
    said = (
        f"assumption: you pay {share:.0%} of price x discount (config, "
        "assumptions.unit_subsidy_share)"
    )
    seen = "data: subsidy per conversion observed before the flight"
    return found.first(
        "unit_subsidy", found.in_table("unit_subsidy"), (subsidised, seen), (off * share, said)
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
