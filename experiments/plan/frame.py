"""plan.csv and plan_summary.csv as tables."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from promopilot.agents.rollout import Rollout
from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.plan.binding import binding
from promopilot.experiments.plan.columns import COLUMNS, EXPECTED, QUANTILES
from promopilot.experiments.plan.margins import margins
from promopilot.experiments.plan.reasons import reasons
from promopilot.experiments.plan.reference import Table
from promopilot.experiments.plan.rounding import money_columns
from promopilot.experiments.plan.whole_cents import mix_in_cents
from promopilot.experiments.tables.keys import ITEM

_MONEY = ("expected_conversion_value", "expected_subsidy", "expected_profit")
_FIELDS = {
    "expected_impressions": "impressions",
    "expected_clicks": "clicks",
    "expected_conversions": "conversions",
    "expected_conversion_value": "conversion_value",
    "expected_subsidy": "subsidy",
    "expected_profit": "profit",
}
TOTAL = "TOTAL"  # the summary's last row; tables may not use it as an id


def plan_frame(
    world: World, table: Table, rollout: Rollout, items: pd.DataFrame, policy: str
) -> pd.DataFrame:
    """The long table of the contract, one row per date and line item that may be funded.

    Args:
        world: The plan's market and budget.
        table: What is spent.
        rollout: The table played on the test flights.
        items: L rows: ids, `name`, `campaign_id` where given, `basis`.
        policy: Name of the policy that made the table.
    """
    catalog = world.catalog
    current = mix_in_cents(world) / 100
    found = margins(world, table, current)
    bound = binding(world, table, found)
    per_conversion = {
        "roas": catalog.conversion_value[catalog.promotion],
        "poas": catalog.profit_per_conversion()[catalog.promotion],
    }
    next_conversions = table.rate / table.next_cost
    values: dict[str, Floats] = {"current_budget": current, "planned_budget": table.spend}
    for name, field in _FIELDS.items():
        amounts = getattr(rollout.by_day, field)
        values[name] = money_columns(amounts) if name in _MONEY else np.round(amounts, 3)
    for name, money in per_conversion.items():
        values[f"marginal_{name}"] = next_conversions * money
    values["min_budget"], values["max_budget"] = own_bounds(world, current)
    day, item = np.nonzero(world.live & (world.supply[:, catalog.pool] > 0))
    frame = items[ITEM].iloc[item].reset_index(drop=True)
    frame["promotion_name"] = _optional(items, "name", item)
    frame["campaign_id"] = _optional(items, "campaign_id", item)
    frame["basis"] = items["basis"].to_numpy()[item]
    frame["date"] = np.array([d.isoformat() for d in world.dates], dtype=object)[day]
    for name, matrix in values.items():
        frame[name] = matrix[day, item]
    frame["binding_limit"] = bound.name[day, item]
    learnt = frame["basis"].to_numpy() == "data"
    frame["reason"] = reasons((table.spend, current), found, bound, learnt, (day, item))
    frame["currency"] = world.currency
    frame["policy"] = policy
    return finish(frame)


def own_bounds(world: World, current: Floats) -> tuple[Floats, Floats]:
    """Line items' own lower and upper bounds `[D, L]`; not a number where there is no upper one.

    Args:
        world: The plan's market.
        current: The current mix in cents, as money `[D, L]`: what is locked stays there.
    """
    least, most = np.zeros_like(current), np.broadcast_to(world.max_spend, current.shape)
    if world.limits is not None:
        least = np.where(world.limits.locked, current, world.limits.min_spend)
        most = np.where(world.limits.locked, current, most)
    return least, np.where(np.isinf(most), np.nan, most)


def finish(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in the ratios and the id that follow from a plan's other columns."""
    planned, current = frame["planned_budget"], frame["current_budget"]
    by_date = planned.groupby(frame["date"]).transform("sum")
    frame["change_pct"] = _ratio(100 * (planned - current), current).round(1)
    frame["budget_share"] = _ratio(planned, by_date).fillna(0.0).round(6)
    frame["expected_roas"] = _ratio(frame["expected_conversion_value"], planned).round(4)
    frame["expected_poas"] = _ratio(frame["expected_profit"], planned).round(4)
    spent = planned.where(planned > 0)
    frame["expected_cpa"] = _ratio(spent, frame["expected_conversions"]).round(2)
    for name in ("marginal_roas", "marginal_poas"):
        frame[name] = frame[name].round(4)
    frame["plan_id"] = ""
    frame = frame[list(COLUMNS)]
    text = file_faults(frame)
    frame["plan_id"] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return frame


def summary_frame(plan: pd.DataFrame, world: World, rollout: Rollout) -> pd.DataFrame:
    """One row per promotion and a last one, `TOTAL`; sums are those of the plan's rows."""
    summed = ["planned_budget", "current_budget", *EXPECTED]
    rows = plan.groupby("promotion_id", sort=False)[summed].sum()
    rows = rows.reindex(world.catalog.promotion_ids).fillna(0.0)
    quantiles = np.quantile(rollout.profit, [0.1, 0.5, 0.9], axis=0)
    for name, row in zip(QUANTILES, quantiles, strict=True):
        rows[name] = row
    total = rows.sum()
    total[list(QUANTILES)] = np.quantile(rollout.profit.sum(axis=1), [0.1, 0.5, 0.9])
    rows = pd.concat([rows, total.rename(TOTAL).to_frame().T])
    money = [str(c) for c in rows.columns if c not in EXPECTED[:3]]
    rows[money] = rows[money].round(2)
    rows[list(EXPECTED[:3])] = rows[list(EXPECTED[:3])].round(3)
    return rows.rename_axis("promotion_id").reset_index()


_TWO_DECIMALS = (
    "current_budget",
    "planned_budget",
    "min_budget",
    "max_budget",
    "expected_conversion_value",
    "expected_subsidy",
    "expected_profit",
    "expected_cpa",
    *QUANTILES,
)


def file_faults(frame: pd.DataFrame) -> str:
    """CSV with two decimals for money and nothing for what is missing; always the same bytes."""
    shown = frame.copy()
    for name in _TWO_DECIMALS:
        if name in shown:
            # The sum with 0 turns -0.00 into 0.00.
            shown[name] = [
                "" if np.isnan(v) else f"{v + 0.0:.2f}" for v in shown[name].to_numpy(dtype=float)
            ]
    return str(shown.to_csv(index=False, lineterminator="\n"))


def _ratio(over: pd.Series[float], under: pd.Series[float]) -> pd.Series[float]:
    return over / under.where(under > 0)


def _optional(items: pd.DataFrame, name: str, rows: np.ndarray) -> np.ndarray:
    if name not in items:
        return np.full(len(rows), "", dtype=object)
    return np.asarray(items[name].fillna("").to_numpy()[rows])
