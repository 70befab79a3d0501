"""What each promotion brought so far, beside what was foreseen for it and what is believed now."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.update.foreseen import (
    RANGE,
    count_range,
    day_variance,
    own_share,
)
from promopilot.experiments.update.standing import Standing
from promopilot.experiments.update.taking import stage_sds


def promotions(today: Standing, names: dict[str, str]) -> list[dict[str, Any]]:
    """By promotion: what it cost and brought, what was foreseen for it, and what is believed now.

    `foreseen` is what the plan's beliefs before the flight expect of the impressions that were
    shown, as far as conversions could be seen when each day was last read, and `still_to_come`
    what can only be seen later; rates are conversions per 1,000 impressions on rested people, as
    the flight's impressions were spread over placements and segments.
    """
    catalog = today.world.catalog
    mean, variance, _ = _foreseen(today)
    recorded, (before, now) = _recorded(today), _rates(today)
    waiting = catalog.by_promotion.sum(today.to_come) / today.projection
    rows = []
    for p, name in enumerate(catalog.promotion_ids):
        low, high = count_range(float(mean[p]), float(variance[p]))
        row: dict[str, Any] = {"promotion_id": name, "name": names.get(name, name)}
        row |= {key: round(float(values[p]), 2) for key, values in recorded.items()}
        row["foreseen"] = {"mean": round(float(mean[p]), 2), "low": low, "high": high}
        row["rate_before"], row["rate_now"] = before[p], now[p]
        row["still_to_come"] = round(float(waiting[p]), 2)
        stock = float(today.market.stock_left[0, p])
        if np.isfinite(stock):
            row["stock_left"] = round(stock, 2)
        rows.append(row)
    return rows


def total(today: Standing) -> dict[str, Any]:
    """Conversions of all promotions, and what was foreseen for them as `promotions` has it."""
    mean, variance, shared = _foreseen(today)
    whole = float(mean.sum())
    # A day's luck is that of all promotions, the rest of what is not known their own.
    spread = float((variance - shared * mean**2).sum()) + shared * whole**2
    low, high = count_range(whole, spread)
    came = float(np.nansum(today.happened.conversions))
    return {
        "conversions": round(came, 2),
        "foreseen": {"mean": round(whole, 2), "low": low, "high": high},
    }


def _recorded(today: Standing) -> dict[str, Floats]:
    """What the file says of each promotion, summed over its days `[P]`."""
    happened = today.happened
    tables = {"spend": today.paid.spend, "impressions": happened.impressions}
    if len(today.flight.stages) > 1:
        tables["clicks"] = happened.clicks
    tables["conversions"] = happened.conversions
    by = today.world.catalog.by_promotion
    return {name: by.sum(np.nan_to_num(table).sum(axis=0)) for name, table in tables.items()}


def _rates(today: Standing) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Conversions per 1,000 impressions as believed before the flight, and now."""
    world, flight, market = today.world, today.flight, today.market
    shown = flight.rested.sum(axis=0)
    rates = tuple(rate[0] for rate in market.reference_rates)
    before = _per_thousand(world, flight.first_rates, flight.first_sds, shown)
    return before, _per_thousand(world, rates, stage_sds(market), shown)


def outside(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many of the promotions that were shown lie outside what was foreseen before the flight.

    Args:
        rows: Of `promotions`.
    """
    shown = [row for row in rows if row["foreseen"]["mean"] > 0]
    out = [row for row in shown if not is_inside(row)]
    return {"promotions": len(shown), "outside": len(out)}


def is_inside(row: dict[str, Any]) -> bool:
    """Whether a promotion's conversions lie inside their range."""
    return bool(row["foreseen"]["low"] <= row["conversions"] <= row["foreseen"]["high"])


def _foreseen(today: Standing) -> tuple[Floats, Floats, float]:
    """Conversions that the readings can hold, as believed before the flight.

    Returns:
        Mean and variance `[P]`, and the relative variance that all promotions share.
    """
    world, flight = today.world, today.flight
    by, first = world.catalog.by_promotion, flight.first_rates
    expected = flight.rested * first[0]
    if len(first) == 2:
        expected = expected * flight.click_weight * first[1]
    expected = expected * today.happened.come_in(world.dynamics.delay)
    of_item = expected.sum(axis=0)
    mean = by.sum(of_item)
    own, shared = np.zeros_like(mean), 0.0
    for at, sd in enumerate(flight.first_sds):
        own += sd**2 + own_share(world, at, of_item)
        shared += day_variance(world, at) / max(len(expected), 1)
    return mean, mean + mean**2 * (own + shared), shared


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
