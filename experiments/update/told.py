"""What an update has to say of the days that are over: `update.json`, every figure of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.update.alarms import alarms, chart_law, charts
from promopilot.experiments.update.assumed import assumed
from promopilot.experiments.update.brought import outside, promotions, total
from promopilot.experiments.update.prices import mean_price
from promopilot.experiments.update.standing import Standing
from promopilot.experiments.update.taking import TakenFlight


def document_of(today: Standing, before: pd.DataFrame, notes: list[str]) -> dict[str, Any]:
    """What is known this morning, yet without a plan.

    Args:
        today: Where the flight stands.
        before: The run's own plan.
        notes: What reading the file left out or assumed.
    """
    world, taken = today.world, today.happened.days
    named = before[["promotion_id", "promotion_name"]].drop_duplicates().dropna()
    names = dict(zip(named["promotion_id"], named["promotion_name"], strict=True))
    brought = promotions(today, names)
    return {
        "date": (world.start + timedelta(days=taken)).isoformat(),
        "start": world.start.isoformat(),
        "last": world.dates[-1].isoformat(),
        "currency": world.currency,
        "days_taken": taken,
        "days_left": world.days - taken,
        "budget": money(world, today.flight),
        "taken": {
            "added": today.ledger.added,
            "read_again": today.ledger.later,
            "corrected": today.ledger.corrected,
            "unchanged": today.ledger.unchanged,
            "spend": "estimated" if today.paid.estimated else "recorded",
            "not_in_the_plan": today.happened.others,
            "notes": notes + assumed(today),
        },
        "alarms": alarms(world, today.series),
        "charts": {"law": chart_law(today.series), "lines": charts(today.series)},
        "promotions": brought,
        "outside": outside(brought),
        "total": total(today),
        "placements": placements(world, today.log_price),
        "days": days(today, before),
    }


def placements(world: World, log_price: Floats) -> list[dict[str, Any]]:
    """By placement: the price of a thousand first impressions, usual and as last seen."""
    usual, laws = 1000 * mean_price(world), world.dynamics
    seen = usual * np.exp(log_price - laws.price_sd**2 / 2)
    return [
        {
            "placement_id": name,
            "usual_cpm": round(float(usual[k]), 4),
            "last_cpm": None if np.isnan(seen[k]) else round(float(seen[k]), 4),
        }
        for k, name in enumerate(world.catalog.placement_ids)
    ]


def days(today: Standing, before: pd.DataFrame) -> list[dict[str, Any]]:
    """By day that is over: spend planned and real, and conversions of its impressions so far."""
    happened = today.happened
    spend = today.paid.spend.sum(axis=1) + happened.elsewhere
    planned = before.groupby("date")["planned_budget"].sum()
    return [
        {
            "date": day.isoformat(),
            "planned": round(float(planned.get(day.isoformat(), 0.0)), 2),
            "spend": round(float(spend[t]), 2),
            "impressions": float(happened.impressions[t].sum()),
            "conversions": float(np.nansum(happened.conversions[t])),
        }
        for t, day in enumerate(today.world.dates[: happened.days])
    ]


def money(world: World, flight: TakenFlight) -> dict[str, float]:
    """The budget: what is gone, held and left; whole cents."""
    market = flight.market
    gone = {"spent": float(market.spent[0])}
    if "subsidy" in world.covers:
        gone["subsidy"] = float(market.subsidy_seen[0])
        gone["held_for_subsidy"] = float(market.reserve[0])
    left = world.budget - sum(gone.values())
    rows = {"total": world.budget, **gone, "left": max(left, 0.0), "overspent": max(-left, 0.0)}
    return {name: round(value, 2) for name, value in rows.items()}
