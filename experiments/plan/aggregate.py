"""A plan by week or by promotion: the same money in fewer rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.experiments.plan.columns import EXPECTED
from promopilot.experiments.plan.frame import finish
from promopilot.experiments.plan.margins import mean_margins
from promopilot.experiments.tables.keys import ITEM

ALL = "all"
SEPARATOR = "; "  # between the limits of one sum
EVENS_OUT = "held: what is raised and what is lowered in it even out"
_SUMMED = ["current_budget", "planned_budget", "min_budget", *EXPECTED]
_COUNTS = list(EXPECTED[:3])
_KEPT = ["promotion_name", "campaign_id", "currency", "policy"]
_CENT = 0.005


def aggregate(plan: pd.DataFrame, by: str, level: str) -> pd.DataFrame:
    """Add a plan's rows up.

    Marginal returns are means weighted by planned spend (plain means where nothing is planned); a
    maximum is the sum of maxima where every row has one. Every limit that binds a row is named, the
    most frequent first. The reason is that of the row that moves most money the way the sum goes.

    Args:
        plan: The contract's table by day and line item.
        by: `day`, or `week`: seven days from the flight's first, dated with their first day.
        level: `line_item`, or `promotion`: placements and segments become `all`.
    """
    frame = plan.copy()
    if by == "week":
        day = pd.to_datetime(frame["date"])
        weeks = (day - day.min()).dt.days // 7
        frame["date"] = (day.min() + pd.to_timedelta(7 * weeks, unit="D")).dt.strftime("%Y-%m-%d")
    if level == "promotion":
        frame["placement_id"] = frame["segment_id"] = ALL
    keys = ["date", *ITEM]
    groups = frame.groupby(keys, sort=False)
    rows = groups[_SUMMED].sum()
    rows[_COUNTS] = rows[_COUNTS].round(3)
    rows[_KEPT] = groups[_KEPT].first()
    bounded = groups["max_budget"].count() == groups.size()
    rows["max_budget"] = groups["max_budget"].sum().where(bounded)
    rows["basis"] = groups["basis"].agg(
        lambda basis: "data" if (basis == "data").any() else "prior"
    )
    for name in ("marginal_roas", "marginal_poas"):
        rows[name] = mean_margins(frame, keys, name)
    rows["binding_limit"] = _limits(frame, keys).reindex(rows.index, fill_value="")
    rows["reason"] = _reasons(frame, rows, keys)
    return finish(rows.reset_index())


def _limits(frame: pd.DataFrame, keys: list[str]) -> pd.Series[str]:
    """The distinct limits of each sum that has any, the most frequent first."""
    bound = frame[frame["binding_limit"] != ""]
    counts = bound.groupby([*keys, "binding_limit"], sort=False).size().rename("rows")
    # The order of equals is that of the plan.
    ordered = counts.reset_index().sort_values("rows", ascending=False, kind="stable")
    return ordered.groupby(keys, sort=False)["binding_limit"].agg(SEPARATOR.join)


def _reasons(frame: pd.DataFrame, rows: pd.DataFrame, keys: list[str]) -> list[str]:
    """What happens to each sum, and why its largest part goes that way."""
    moved = (frame["planned_budget"] - frame["current_budget"]).to_numpy()
    sums = rows.index.get_indexer(pd.MultiIndex.from_frame(frame[keys]))
    cents = np.rint((rows["planned_budget"] - rows["current_budget"]).to_numpy() * 100)
    # Where nothing moves on the whole, the row with most money speaks.
    weight = np.where(cents[sums] == 0, frame["planned_budget"], moved * np.sign(cents)[sums])
    order = np.lexsort((-weight, sums))  # stable: the first of equals
    told = frame["reason"].to_numpy()[order[np.searchsorted(sums[order], np.arange(len(rows)))]]
    inside = np.zeros(len(rows), dtype=bool)
    np.logical_or.at(inside, sums, np.abs(moved) >= _CENT)
    columns = (rows["planned_budget"], rows["current_budget"], cents, told, inside)
    return [_retold(*values) for values in zip(*columns, strict=True)]


def _retold(planned: float, current: float, cents: float, told: str, inside: bool) -> str:
    """A row's reason as that of the sum it is the largest part of."""
    if cents == 0:
        return EVENS_OUT if inside else told
    kind, why = told.split(": ", 1)
    if planned < _CENT:
        kind = "stopped"
    elif cents < 0:
        kind = "lowered"
    elif kind != "tested" or current >= _CENT:
        kind = "raised" if current >= _CENT else "new"
    return f"{kind}: {why}"
