"""What the config says of the market's dynamics, over what history and priors say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from promopilot.envs.dynamics import Dynamics
from promopilot.envs.response import Saturation
from promopilot.envs.settings import MarketSettings
from promopilot.experiments.economics import Sources

# Settings of one number for every placement or pool, and the spread that is then known to be 0.
_EACH = (
    *("price_persistence", "price_sd", "supply_sd", "supply_level_sd", "price_level_sd"),
    *("reach_sd", "incrementality_sd"),
)
_PLAIN = {
    "supply_walk_sd": None,
    "supply_day_sd": None,
    "first_day_sd": None,
    "second_day_sd": None,
    "rate_walk_sd": None,
    "drift_sd": None,
    "shock_probability": None,
    "shock_size": None,
    "fatigue_exponent": "fatigue_exponent_sd",
    "fatigue_half_life_days": None,
    "weekday_sd": None,
    "trend_sd": None,
    "fatigue_exponent_sd": None,  # after the exponent, whose sd would else be 0
}
# Spreads alone: the parameter whose source says so too.
_SPREADS = {
    "supply_level_sd": "supply level",
    "weekday_sd": "weekday season",
    "trend_sd": "supply trend",
    "price_level_sd": "price level",
    "reach_sd": "reach",
    "fatigue_exponent_sd": "fatigue",
    "incrementality_sd": "incrementality",
}
_DELAY = {
    "delay_fast_share": "fast_share_sd",
    "delay_fast_days": None,
    "delay_slow_days": "slow_days_sd",
}
# The parameter, as sources name it, that each setting decides.
NAMES = {
    "saturation": "saturation",
    "hill_slope": "saturation",
    "fatigue_exponent": "fatigue",
    "fatigue_half_life_days": "fatigue",
    "price_persistence": "price noise",
    "price_sd": "price noise",
    "supply_sd": "day-to-day noise of supply",
    "supply_walk_sd": "supply's random walk",
    "supply_day_sd": "day-to-day noise of supply",
    "rate_walk_sd": "rates' random walk",
    "first_day_sd": "day-to-day noise of rates",
    "second_day_sd": "day-to-day noise of rates",
    "drift_sd": "drift of promotions",
    "delay_fast_share": "delay of conversions",
    "delay_fast_days": "delay of conversions",
    "delay_slow_days": "delay of conversions",
}


def overridden(
    dynamics: Dynamics, settings: MarketSettings, sources: Mapping[str, str]
) -> tuple[Dynamics, Sources]:
    """Put the config's numbers over the others; a number given there counts as known.

    Args:
        dynamics: From history and priors.
        settings: The config's section `market`.
        sources: Where each parameter comes from, by its name.
    """
    given = settings.model_dump(exclude_none=True)
    changes: dict[str, Any] = {}
    for name in _EACH:
        if name in given:
            changes[name] = np.full_like(getattr(dynamics, name), given[name])
    for name, spread in _PLAIN.items():
        if name in given:
            changes |= {name: given[name]} | ({spread: 0.0} if spread else {})
    delay: dict[str, float] = {}
    for name, spread in _DELAY.items():
        if name in given:
            delay |= {name.removeprefix("delay_"): given[name]} | ({spread: 0.0} if spread else {})
    family = given.get("saturation", dynamics.saturation.family)
    slope = given.get("hill_slope", dynamics.saturation.slope)
    changed = replace(
        dynamics,
        **changes,
        delay=replace(dynamics.delay, **delay),
        saturation=Saturation(family, slope),
    )
    told: dict[str, list[str]] = {}
    for key, name in NAMES.items():
        if key in given:
            told.setdefault(name, []).append(key)
    said = {
        name: "assumption: config, "
        + ", ".join(f"market.{key}" for key in keys)
        + (f"; {sources[name]}" if name in sources and len(keys) < _settings_of(name) else "")
        for name, keys in told.items()
    }
    told_all = {**sources, **said}
    for key, name in _SPREADS.items():
        if key in given:
            told_all[name] = f"{told_all.get(name, 'prior')}; spread: config, market.{key}"
    return changed, told_all


def _settings_of(name: str) -> int:
    return sum(parameter == name for parameter in NAMES.values())
