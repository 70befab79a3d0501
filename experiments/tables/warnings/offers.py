"""Promotions that were never shown, read alike, or can earn nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.experiments.config import RunConfig
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import (
    ROW,
    TableWarning,
    items_of,
    some,
)


def without_history(promotions: Numbered, rows: Numbered) -> list[TableWarning]:
    """Promotions that no row shows."""
    frame = promotions.frame
    if "promotion_id" not in frame:
        return []
    shown = rows.frame.loc[rows.frame["impressions"].gt(0), "promotion_id"].unique()
    new = frame[frame["promotion_id"].notna() & ~frame["promotion_id"].isin(shown)]
    return _of_promotions(
        *("promotion_without_history", promotions, new, "promotion_id"),
        "never shown in the history",
        "Its rates come from its text and terms alone, with wide ranges, and it is no part of the "
        "current mix",
        "A new one needs nothing; else check that its id is spelt alike in both tables",
    )


def same_text(promotions: Numbered) -> list[TableWarning]:
    """Promotions whose text is that of an earlier one, but for capitals and spaces."""
    frame = promotions.frame
    if not promotions.has("promotion_id", "text"):
        return []
    text = frame["text"].str.casefold().str.split().str.join(" ")
    again = frame[text.duplicated() & text.notna()]
    return _of_promotions(
        *("text_repeated", promotions, again, "text"),
        "the same text as an earlier promotion",
        "Words cannot tell them apart: only their terms, dates and history can",
        "Write what differs into the text, as customers read it",
    )


def free_of_charge(promotions: Numbered) -> list[TableWarning]:
    """Promotions of price 0."""
    frame = promotions.frame
    if "price" not in frame:
        return []
    return _of_promotions(
        *("price_zero", promotions, frame[frame["price"].eq(0)], "price"),
        "price is 0",
        "A sale brings no profit and no revenue, so the plan gives it nothing",
        "Write the price before discount, or leave the cell empty where it is not known",
    )


def never_profitable(
    promotions: Numbered, rows: Numbered | None, config: RunConfig
) -> list[TableWarning]:
    """Promotions whose discount costs as much as, or more than, a sale earns.

    That is unit_subsidy, else price x discount x `unit_subsidy_share`, against incrementality x
    price x margin, of promotions whose price, margin and discount stand in the table. Where
    performance records subsidies these are taken for what a discount costs, and only a
    unit_subsidy is looked at.
    """
    frame, assumed = promotions.frame, config.assumptions
    recorded = rows is not None and rows.has("subsidy") and rows.frame["subsidy"].notna().any()
    if config.objective not in ("net_profit", "profit") or not promotions.has("price", "margin"):
        return []

    def column(name: str, otherwise: float) -> pd.Series:
        return frame[name].fillna(otherwise) if name in frame else frame[ROW] * 0.0 + otherwise

    subsidy = column("unit_subsidy", np.nan)
    if not recorded:
        discount = frame["price"] * column("discount", np.nan)
        subsidy = subsidy.fillna(discount * assumed.unit_subsidy_share)
    earned = column("incrementality", assumed.incrementality) * frame["price"] * frame["margin"]
    lost = frame[frame["price"].gt(0) & subsidy.gt(0) & (subsidy >= earned)]
    return _of_promotions(
        *("never_profitable", promotions, lost, "price, margin, discount"),
        "the discount costs as much as a sale earns, or more",
        "With profit as the objective the plan gives it nothing",
        "Check margin (a share of the price before discount) and discount; set unit_subsidy to "
        "your part where others pay for it",
    )


def _of_promotions(
    kind: str,
    promotions: Numbered,
    rows: pd.DataFrame,
    column: str,
    found: str,
    means: str,
    mend: str,
) -> list[TableWarning]:
    if rows.empty:
        return []
    if "promotion_id" in rows:
        items = rows[["promotion_id", ROW]].rename(columns={ROW: "row"}).fillna("")
        names = items["promotion_id"].tolist()
    else:
        items = rows[[ROW]].rename(columns={ROW: "row"})
        names = [f"row {row}" for row in items["row"]]
    return [
        TableWarning(
            *(kind, promotions.file, column, int(rows[ROW].min()), len(rows), None, None),
            *(f"{found}: {some(names)}", means, mend, items_of(items)),
        )
    ]
