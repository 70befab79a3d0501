"""Impressions, money and supply that do not go together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import (
    ROW,
    TableWarning,
    about_rows,
    figure,
    items_of,
    some,
)

_CENT = 0.01
_FAR = 20.0  # how far a price may lie from what was paid: no season or auction explains more


def spend_without_impressions(rows: Numbered) -> list[TableWarning]:
    """Rows with spend and no impressions."""
    if not rows.has("spend"):
        return []
    odd = rows.frame[rows.frame["spend"].gt(0) & rows.frame["impressions"].eq(0)]
    money = odd["spend"].sum()
    return about_rows(
        *("spend_without_impressions", rows.file, "spend, impressions", odd),
        f"spend of {money:,.2f} and no impressions",
        "This money counts in the current mix and in the budget, and teaches nothing",
        "Put fees elsewhere, and late bookings on the day on which the ads were shown",
    )


def impressions_without_spend(rows: Numbered, placements: Numbered | None) -> list[TableWarning]:
    """Rows that must have cost a cent at least in a placement that is paid for, and have spend 0.

    Where clicks are paid for, or it is not known what is, only rows with clicks count.
    """
    if not rows.has("spend"):
        return []
    frame = rows.frame
    place = _placement(rows)
    sums = frame.groupby(place, observed=True)[["spend", "impressions"]].sum()
    each = sums["spend"] / sums["impressions"].where(sums["impressions"] > 0)
    cpm = _prices(placements, "cpm").reindex(each.index)
    each = each.where(each > 0).fillna(cpm / 1000)
    cost = frame["impressions"].to_numpy(float) * _of(each, place)
    odd = frame["spend"].eq(0).to_numpy(bool) & (np.nan_to_num(cost) >= _CENT)
    if rows.has("clicks"):
        by_view = _of(cpm, place) > 0
        odd &= by_view | frame["clicks"].gt(0).to_numpy(bool)
    found = frame[odd]
    names = [str(name) for name in place[odd].unique()]
    return about_rows(
        *("impressions_without_spend", rows.file, "spend, impressions", found),
        f"spend is 0 where impressions are paid for ({some(names)})",
        "They look free: the current mix is too small, and the placement seems cheaper than it is",
        "Fill in what was paid; leave the cell empty where it is not known",
    )


def small_supply(
    rows: Numbered, placements: Numbered | None, projection: float
) -> list[TableWarning]:
    """Placements whose usual day has more impressions than their `daily_supply`.

    Args:
        rows: Performance.
        placements: Placements, if there is such a table.
        projection: People in the business per panel member (`assumptions.panel_projection`).
    """
    supply = _prices(placements, "daily_supply")
    if placements is None or supply.empty:
        return []
    place = _placement(rows)
    daily = rows.frame.groupby([place, rows.frame["date"]], observed=True)["impressions"].sum()
    usual = daily[daily > 0].groupby(level=0, observed=True).median() * projection
    beside = pd.DataFrame({"daily_supply": supply, "usual": usual.reindex(supply.index)})
    less = beside[beside["daily_supply"].gt(0) & (beside["usual"] > beside["daily_supply"])]
    if less.empty:
        return []
    told = [
        f"{name} has {has:,.0f} and showed {showed:,.0f} on its usual day"
        for name, has, showed in zip(less.index, less["daily_supply"], less["usual"], strict=True)
    ]
    return [
        TableWarning(
            *("supply_below_impressions", placements.file, "daily_supply"),
            _first_row(placements, less.index),
            len(less),
            None,
            None,
            f"daily_supply is less than what was shown: {some(told)}",
            "A plan cannot buy more than the supply, so it would show less than today",
            "Write the impressions that a day can have in all, or leave the cell empty",
            items_of(less.rename_axis("placement_id").reset_index()),
        )
    ]


def odd_price(rows: Numbered, placements: Numbered | None) -> list[TableWarning]:
    """Placements whose `cpm` or `cpc` lies far from what performance says was paid."""
    warnings: list[TableWarning] = []
    for column, bought, times in (("cpm", "impressions", 1000), ("cpc", "clicks", 1)):
        price = _prices(placements, column)
        if placements is None or price.empty or not rows.has("spend", bought):
            continue
        both = rows.frame.dropna(subset=["spend", bought])
        place = _placement(rows).loc[both.index]
        sums = both.groupby(place, observed=True)[["spend", bought]].sum()
        paid = times * sums["spend"] / sums[bought].where(sums[bought] > 0)
        beside = pd.DataFrame({column: price, "paid": paid.reindex(price.index)})
        beside = beside[beside[column].gt(0) & beside["paid"].gt(0)]
        odd = beside[np.abs(np.log(beside["paid"] / beside[column])) > np.log(_FAR)]
        if odd.empty:
            continue
        told = [
            f"{name} says {figure(says)} and paid {figure(paid)}"
            for name, says, paid in zip(odd.index, odd[column], odd["paid"], strict=True)
        ]
        warnings.append(
            TableWarning(
                *("price_unlike_spend", placements.file, column),
                _first_row(placements, odd.index),
                len(odd),
                None,
                None,
                f"{column} is far from spend in {rows.file}: {some(told)}",
                f"A plan buys at this {column}, and its budget would buy far more or far less",
                f"Check currency and unit: {column} is money per {times:,} {bought}",
                items_of(odd.rename_axis("placement_id").reset_index()),
            )
        )
    return warnings


def _placement(rows: Numbered) -> pd.Series:
    """The placement of each row; one name for all where there is no such column."""
    if "placement_id" in rows.frame:
        return rows.frame["placement_id"]
    return pd.Series("all", index=rows.frame.index, dtype="category")


def _prices(placements: Numbered | None, column: str) -> pd.Series:
    """A column of placements by id, filled cells only."""
    if placements is None or not placements.has("placement_id", column):
        return pd.Series(dtype=float)
    frame = placements.frame.dropna(subset=["placement_id", column])
    return frame.drop_duplicates("placement_id").set_index("placement_id")[column].astype(float)


def _first_row(placements: Numbered, names: pd.Index) -> int:
    """The first row of placements that has one of the names."""
    there = placements.frame["placement_id"].isin(names)
    return int(placements.frame.loc[there, ROW].min())


def _of(by_place: pd.Series, place: pd.Series) -> Floats:
    """What belongs to the placement of each row; not a number where it has none."""
    values = by_place.reindex(place.cat.categories).to_numpy(dtype=np.float64)
    return np.append(values, np.nan)[place.cat.codes]
