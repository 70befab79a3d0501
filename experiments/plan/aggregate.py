"""A plan by week or by promotion: the same money in fewer rows."""

from __future__ import annotations

import pandas as pd

from promopilot.experiments.plan.columns import EXPECTED
from promopilot.experiments.plan.frame import finish

ALL = "all"
_SUMMED = ["current_budget", "planned_budget", "min_budget", *EXPECTED]
_KEPT = ["promotion_name", "campaign_id", "currency", "policy"]


def aggregate(plan: pd.DataFrame, by: str, level: str) -> pd.DataFrame:
    """Add a plan's rows up.

    Marginal returns are means weighted by planned spend (plain means where nothing is planned); a
    limit is named where it binds every funded row.

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
    keys = ["date", "promotion_id", "placement_id", "segment_id"]
    groups = frame.groupby(keys, sort=False)
    rows = groups[_SUMMED].sum()
    rows[_KEPT] = groups[_KEPT].first()
    rows["max_budget"] = groups["max_budget"].sum(min_count=1)
    rows["basis"] = groups["basis"].agg(
        lambda basis: "data" if (basis == "data").any() else "prior"
    )
    weight = frame["planned_budget"]
    for name in ("marginal_roas", "marginal_poas"):
        weighted = (frame[name] * weight).groupby([frame[k] for k in keys], sort=False).sum()
        planned = rows["planned_budget"]
        rows[name] = (weighted / planned.where(planned > 0)).fillna(groups[name].mean())
    funded = frame.assign(shown=frame["binding_limit"].where(weight > 0))
    rows["binding_limit"] = funded.groupby(keys, sort=False)["shown"].agg(_common)
    return finish(rows.reset_index())


def _common(limits: pd.Series[str]) -> str:
    found = limits.dropna().unique()
    return str(found[0]) if len(found) == 1 else ""
