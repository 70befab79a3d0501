"""Every true number of a made-up shop by name, with its unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.texts import STAGES, coefficients

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LOG_ODDS = "log-odds, added"


def parameters(shop: Shop) -> dict[str, dict[str, Any]]:
    """Name -> `value` (a number, a word, or numbers by id) and `unit`."""
    named = _market(shop) | _response(shop) | _offers(shop)
    return {name: {"value": value, "unit": unit} for name, (value, unit) in named.items()}


def _market(shop: Shop) -> dict[str, tuple[Any, str]]:
    dynamics, pools, places = shop.dynamics, shop.pools, shop.catalog.placement_ids
    pairs = shop.catalog.pools
    names = [f"{places[k]} x {shop.catalog.segment_ids[s]}" for k, s in pairs]
    return {
        "supply.level": (
            _by(names, pools.level),
            "impressions a day of a pool, at the end of the history, on a middling weekday",
        ),
        "supply.weekday": (_by(_DAYS, pools.weekday), "factor of supply"),
        "supply.trend": (shop.settings.supply_trend, "growth of log supply a day"),
        "supply.sd": (shop.settings.supply_sd, "sd of a pool's log supply from day to day"),
        "supply.walk_sd": (
            dynamics.supply_walk_sd,
            "sd of a day's step of log supply that all pools share",
        ),
        "price.cpm": (_by(places, pools.cpm), f"{shop.currency} per 1000 first impressions"),
        "price.sd": (_by(places, dynamics.price_sd), "stationary sd of the log price"),
        "price.persistence": (_by(places, dynamics.price_persistence), "share kept a day"),
        "reach.family": (dynamics.saturation.family, "see promopilot.envs.response"),
        "reach.slope": (dynamics.saturation.slope, "slope of hill, 1 elsewhere"),
        "reach.share": (_by(places, pools.reach_share), "share of a pool for one line item"),
        "segments.size": (_by(shop.catalog.segment_ids, pools.people), "people"),
    }


def _response(shop: Shop) -> dict[str, tuple[Any, str]]:
    dynamics, settings, effects = shop.dynamics, shop.settings, shop.effects
    named: dict[str, tuple[Any, str]] = {
        "rates.click": (settings.click_rate, "clicks per impression, before every effect"),
        "rates.conversion": (
            settings.conversion_rate,
            "conversions per click, before every effect",
        ),
        "rates.weekday_click": (_by(_DAYS, effects.weekday_click), _LOG_ODDS),
        "rates.walk_sd": (dynamics.rate_walk_sd, "log-odds: sd of a day's step that all share"),
        "rates.drift_sd": (dynamics.drift_sd, "log-odds: sd of a day's step of a promotion"),
        "rates.shock_probability": (dynamics.shock_probability, "per promotion and day"),
        "rates.shock_size": (dynamics.shock_size, "log-odds, taken off for good"),
        "rates.promotion_sd": (settings.promotion_sd, "log-odds, of what is not in the text"),
        "rates.line_item_sd": (settings.line_item_sd, "log-odds, of a line item's own"),
        "fatigue.exponent": (
            dynamics.fatigue_exponent,
            "x in (1 + recent exposures per person)^-x, a factor on the first stage",
        ),
        "fatigue.half_life": (dynamics.fatigue_half_life_days, "days"),
        "delay.fast_share": (dynamics.delay.fast_share, "share of conversions"),
        "delay.fast_days": (dynamics.delay.fast_days, "days, mean of the fast part"),
        "delay.slow_days": (dynamics.delay.slow_days, "days, mean of the slow part"),
    }
    factor = settings.text_effect
    for stage in STAGES:
        texts = {name: factor * part[stage] for name, part in coefficients().items()}
        named[f"text.{stage}"] = (texts, f"{_LOG_ODDS}; of discount per unit")
        for kind, ids in (("placements", shop.places), ("segments", shop.audiences)):
            values = {one.id: float(getattr(one, stage)) for one in ids}
            named[f"{kind}.{stage}"] = (values, _LOG_ODDS)
    return named


def _offers(shop: Shop) -> dict[str, tuple[Any, str]]:
    catalog = shop.catalog
    events = {shop.calendar.date_of(e.day).isoformat(): e.factor for e in shop.calendar.events}
    return {
        "incrementality": (
            _by(catalog.promotion_ids, catalog.incrementality),
            "share of a promotion's conversions that it caused",
        ),
        "events": (events, "factor of supply by date"),
    }


def _by(names: Iterable[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
