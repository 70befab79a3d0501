"""Where reality left the forecast's range, in words and as the charts that found it."""

from __future__ import annotations

from typing import Any

import numpy as np

from promopilot.envs.world import World
from promopilot.experiments.update.chart import FALSE_ALARMS, WEIGHT
from promopilot.experiments.update.foreseen import RANGE, Series
from promopilot.experiments.update.prices import mean_price

# What goes up or down, as a sentence has it.
_VERBS = {
    "clicks": ("draws more clicks", "draws fewer clicks"),
    "conversions": ("converts more", "converts less"),
    "price": ("costs more", "costs less"),
}


def alarms(world: World, series: list[Series]) -> list[dict[str, Any]]:
    """What differs from what was foreseen, and since when, the longest first."""
    found = []
    for one in series:
        start = one.watched.since
        if start is None:
            continue
        observed, low, high = one.between(start)
        up = one.watched.average[-1] > 0
        day = world.dates[start].isoformat()
        if one.kind == "price":
            usual = 1000 * float(mean_price(world)[world.catalog.placement_ids.index(one.id)])
            observed, low, high = (round(usual * x, 2) for x in (observed, low, high))
            amounts = (
                f"{observed:,.2f} {world.currency} a thousand first impressions where "
                f"{low:,.2f} to {high:,.2f} were"
            )
        else:
            amounts = f"{observed:,.0f} where {low:,.0f} to {high:,.0f} were"
        verb = _VERBS[one.kind][0 if up else 1]
        found.append(
            {
                "what": one.kind,
                "id": one.id,
                "since": day,
                "direction": "more" if up else "less",
                "observed": observed,
                "foreseen_low": low,
                "foreseen_high": high,
                "text": f"{one.id} {verb} than foreseen since {day}: {amounts} foreseen",
            }
        )
    return sorted(found, key=lambda alarm: (alarm["since"], alarm["what"], alarm["id"]))


def charts(series: list[Series]) -> list[dict[str, Any]]:
    """Each chart's line and limits, for whoever wants to draw them."""
    return [
        {
            "what": one.kind,
            "id": one.id,
            "average": np.round(one.watched.average, 4).tolist(),
            "limit": np.round(one.watched.limit, 4).tolist(),
        }
        for one in series
    ]


def chart_law(series: list[Series]) -> dict[str, Any]:
    """What the charts rest on."""
    return {
        "weight": WEIGHT,
        "charts": len(series),
        "false_alarms": FALSE_ALARMS,
        "range": RANGE,
        "text": "if all goes as foreseen, at most one flight in twenty has any warning",
    }
