"""What the config says of the market's dynamics, over what history and priors say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from promopilot.envs.dynamics import Delay, Dynamics
from promopilot.envs.response import Saturation
from promopilot.envs.settings import MarketSettings
from promopilot.experiments.economics import Sources

_Part = TypeVar("_Part", Delay, Dynamics)

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
    late = {k.removeprefix("delay_"): v for k, v in given.items() if k.startswith("delay_")}
    changed = replace(
        _stated(dynamics, {k: v for k, v in given.items() if k != "saturation"}),
        delay=_stated(dynamics.delay, late),
        saturation=Saturation(
            given.get("saturation", dynamics.saturation.family),
            given.get("hill_slope", dynamics.saturation.slope),
        ),
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


def _stated(part: _Part, given: Mapping[str, float]) -> _Part:
    """A part with the numbers given for its fields, each the same for every placement or pool.

    A number that is given counts as known: its own spread is 0, unless that is given too.
    """
    names = {field.name for field in fields(part)}
    stated = {name: value for name, value in given.items() if name in names}
    known = {spread: 0.0 for name in stated if (spread := f"{name}_sd") in names}
    values: dict[str, Any] = {
        name: np.full_like(getattr(part, name), value)
        if isinstance(getattr(part, name), np.ndarray)
        else value
        for name, value in (known | stated).items()
    }
    return replace(part, **values)


def _settings_of(name: str) -> int:
    return sum(parameter == name for parameter in NAMES.values())
