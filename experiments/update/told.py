"""What an update has to say: `update.json`, every figure of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.plan.export import Plan
from promopilot.experiments.update.alarms import alarms, chart_law, charts
from promopilot.experiments.update.foreseen import (
    RANGE,
    count_range,
    day_variance,
    own_share,
)
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
            "notes": notes + _assumed(today),
        },
        "alarms": alarms(world, today.series),
        "charts": {"law": chart_law(today.series), "lines": charts(today.series)},
        "promotions": promotions(today, names),
        "placements": placements(world, today.log_price),
        "days": days(today, before),
    }


def planned_of(today: Standing, before: pd.DataFrame, plan: Plan) -> dict[str, Any]:
    """What the rest of the flight is planned to be, beside what it was planned to be.

    Args:
        today: Where the flight stands.
        before: The run's own plan.
        plan: Of the rest.
    """
    frame, first = plan.frame, today.world.dates[today.happened.days].isoformat()
    ahead = before[before["date"] >= first]
    rows = []
    sums = [
        part.groupby("promotion_id")["planned_budget"].sum()
        for part in (frame, ahead, frame[frame["date"] == first], ahead[ahead["date"] == first])
    ]
    for name in today.world.catalog.promotion_ids:
        rest, rest_before, next_day, next_day_before = (
            round(float(part.get(name, 0.0)), 2) for part in sums
        )
        rows.append(
            {
                "promotion_id": name,
                "planned_rest": rest,
                "planned_rest_before": rest_before,
                "next_day": next_day,
                "next_day_before": next_day_before,
            }
        )
    by_day = frame.groupby("date")["planned_budget"].sum()
    by_day_before = ahead.groupby("date")["planned_budget"].sum()
    profit = plan.rollout.profit.sum(axis=1)
    return {
        "plan_id": str(frame["plan_id"].iloc[0]),
        "planned": {
            "rest": round(float(frame["planned_budget"].sum()), 2),
            "rest_before": round(float(ahead["planned_budget"].sum()), 2),
            "expected_conversions": round(float(frame["expected_conversions"].sum()), 2),
            "expected_profit": round(float(frame["expected_profit"].sum()), 2),
            "profit_p10": round(float(np.quantile(profit, 0.1)), 2),
            "profit_p90": round(float(np.quantile(profit, 0.9)), 2),
            "promotions_changed": sum(
                row["planned_rest"] != row["planned_rest_before"] for row in rows
            ),
            "promotions": rows,
            "days": [
                {
                    "date": day,
                    "planned": round(float(money), 2),
                    "planned_before": round(float(by_day_before.get(day, 0.0)), 2),
                }
                for day, money in by_day.items()
            ],
        },
    }


def promotions(today: Standing, names: dict[str, str]) -> list[dict[str, Any]]:
    """By promotion: what it cost and brought, what was foreseen for it, and what is believed now.

    `foreseen` is what the plan's beliefs before the flight expect of the impressions that were
    shown, as far as conversions could be seen by now; rates are conversions per 1,000 impressions
    on rested people, as the flight's impressions were spread over placements and segments.
    """
    world, happened, flight = today.world, today.happened, today.flight
    catalog, by, market = world.catalog, world.catalog.by_promotion, today.market
    mean, variance = _foreseen(world, flight)
    waiting = by.sum(market.pending)[0]
    shown = flight.rested.sum(axis=0)
    before = _per_thousand(world, flight.first_rates, flight.first_sds, shown)
    now = _per_thousand(
        world,
        tuple(rate[0] for rate in market.reference_rates),
        tuple(
            belief.now.sd[0]
            for belief in (market.first_belief, market.second_belief)[: len(flight.stages)]
        ),
        shown,
    )
    totals = {
        "spend": by.sum(today.paid.spend.sum(axis=0)),
        "impressions": by.sum(happened.impressions.sum(axis=0)),
        "clicks": by.sum(np.nan_to_num(happened.clicks).sum(axis=0)),
        "conversions": by.sum(np.nan_to_num(happened.conversions).sum(axis=0)),
    }
    rows = []
    for p, name in enumerate(catalog.promotion_ids):
        low, high = count_range(float(mean[p]), float(variance[p]))
        stock = float(market.stock_left[0, p])
        row: dict[str, Any] = {"promotion_id": name, "name": names.get(name, name)}
        row["spend"] = round(float(totals["spend"][p]), 2)
        row |= {key: float(totals[key][p]) for key in ("impressions", "clicks", "conversions")}
        if len(flight.stages) == 1:
            del row["clicks"]
        row["foreseen"] = {"mean": round(float(mean[p]), 2), "low": low, "high": high}
        row["rate_before"], row["rate_now"] = before[p], now[p]
        row["still_to_come"] = round(float(waiting[p]) / today.projection, 2)
        if np.isfinite(stock):
            row["stock_left"] = round(stock, 2)
        rows.append(row)
    return rows


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
    rows: dict[str, float] = {"total": world.budget, "spent": float(market.spent[0])}
    if "subsidy" in world.covers:
        rows["subsidy"] = float(market.subsidy_seen[0])
        rows["held_for_subsidy"] = float(market.reserve[0])
    left = 2 * world.budget - sum(rows.values())
    rows["left"] = max(left, 0.0)
    rows["overspent"] = max(-left, 0.0)
    return {name: round(float(value), 2) for name, value in rows.items()}


def _assumed(today: Standing) -> list[str]:
    """What is taken for granted beyond the file."""
    notes = []
    if today.projection != 1:
        notes.append(
            "counts of what happened are as recorded; money and what people have seen are those "
            f"of the business, {today.projection:g} to one recorded (assumptions.panel_projection)"
        )
    if today.paid.estimated:
        notes.append(
            "no spend is recorded: it is taken to be what the impressions cost at usual prices"
        )
    elsewhere = float(today.happened.elsewhere.sum())
    if elsewhere > 0:
        notes.append(
            f"{elsewhere:,.2f} {today.world.currency} were spent on line items that the plan may "
            "not fund; they are off the budget, and nothing is learnt from them"
        )
    others = today.happened.others
    if others["rows"]:
        money = f" and {others['spend']:,.2f} {today.world.currency}" if others["spend"] else ""
        notes.append(
            f"{others['rows']:,.0f} rows{money} of promotions that this plan does not hold are "
            "left out"
        )
    return notes


def _foreseen(world: World, flight: TakenFlight) -> tuple[Floats, Floats]:
    """Mean and variance of conversions known by now, as believed before the flight `[P]`."""
    by, first = world.catalog.by_promotion, flight.first_rates
    expected = flight.rested * first[0]
    if len(first) == 2:
        expected = expected * flight.click_weight * first[1]
    expected = expected * flight.known
    of_item = expected.sum(axis=0)
    mean = by.sum(of_item)
    relative_variance = np.zeros_like(mean)
    for at, sd in enumerate(flight.first_sds):
        relative_variance += sd**2 + own_share(world, at, of_item)
        relative_variance += day_variance(world, at) / max(len(expected), 1)
    return mean, mean + mean**2 * relative_variance


def _per_thousand(
    world: World, rates: tuple[Floats, ...], sds: tuple[Floats, ...], shown: Floats
) -> list[dict[str, float]]:
    """Conversions per 1,000 impressions of each promotion, with the range of its shared shift."""
    by = world.catalog.by_promotion
    impressions = by.sum(shown)
    # One that was never shown: its line items count alike.
    weight = np.where(impressions[world.catalog.promotion] > 0, shown, 1.0)
    rate = np.prod(np.stack(rates), axis=0)
    mean = 1000 * by.sum(weight * rate) / np.maximum(by.sum(weight), 1e-300)
    width = np.exp(ndtri((1 + RANGE) / 2) * np.sqrt(sum(sd**2 for sd in sds)))
    return [
        {"mean": round(m, 4), "low": round(m / w, 4), "high": round(m * w, 4)}
        for m, w in zip(mean.tolist(), width.tolist(), strict=True)
    ]
