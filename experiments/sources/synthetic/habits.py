"""How a made-up shop has spent: more here than there, by weekday, and never quite the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from promopilot.envs.arrays import Floats
from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.streams import stream

_MOST_BOUGHT = 0.85  # share of its reach that a line item usually buys, at most
_WEEKDAY_SD = 0.1  # of the log of the seven factors of spend


def spending(shop: Shop) -> Shop:
    """The shop with the share of its reach that each line item usually buys, so that pools fill.

    Line items of the first promotion are always used: a shop without spend would have no history.
    """
    settings, catalog = shop.settings, shop.catalog
    rng = stream(shop.seed, "habits")
    chance = rng.random(catalog.num_line_items)
    liking = (1 - settings.skill) * chance + settings.skill * _rank(_return(shop))
    spread = settings.spend_spread ** (liking - 0.5)
    used = (rng.random(catalog.num_line_items) >= settings.unused) | (catalog.promotion == 0)
    ran = shop.calendar.live[: settings.days].mean(axis=0)[catalog.promotion]
    wanted = spread * used * (ran > 0)
    fill = catalog.by_pool.sum(wanted * ran * shop.reach_share)
    bought = np.minimum(wanted * (settings.fill / fill)[catalog.pool], _MOST_BOUGHT)
    return _stocked(replace(shop, bought=bought))


def _return(shop: Shop) -> Floats:
    """[L] profit per money of a first impression, people not yet tired."""
    catalog, log_odds = shop.catalog, shop.effects.log_odds
    rate = expit(log_odds["click"]) * expit(log_odds["conversion"])
    return rate * catalog.profit_per_conversion()[catalog.promotion] / shop.unit_cost


def _rank(values: Floats) -> Floats:
    """[L] rank among all, from just above 0 to just below 1."""
    return np.asarray((values.argsort(kind="stable").argsort(kind="stable") + 0.5) / len(values))


def _stocked(shop: Shop) -> Shop:
    """The shop with stock for what it sells in the history and, roughly, `stock_days` more."""
    settings, catalog = shop.settings, shop.catalog
    rng = stream(shop.seed, "stock")
    log_odds = shop.effects.log_odds
    rate = expit(log_odds["click"]) * expit(log_odds["conversion"])
    tired = (1 + shop.settled_fatigue) ** -settings.fatigue_exponent
    sold = shop.bought * shop.reach * rate * tired[catalog.audience]
    daily = catalog.by_promotion.sum(sold)
    ran = shop.calendar.live[: settings.days].sum(axis=0)
    days = ran + settings.stock_days * rng.uniform(0.5, 1.5, catalog.num_promotions)
    limited = rng.permutation(catalog.num_promotions) < settings.stocked * catalog.num_promotions
    stock = np.where(limited & (ran > 0), np.rint(daily * days), np.inf)
    return replace(shop, catalog=replace(catalog, stock=stock))


def usual_by_day(shop: Shop, days: slice) -> Floats:
    """[T, L] money that the shop means to spend on some days."""
    factor = np.exp(stream(shop.seed, "week").normal(0, _WEEKDAY_SD, 7))
    factor = factor[shop.calendar.weekday[days]] / factor.mean()
    live = shop.calendar.live[days][:, shop.catalog.promotion]
    return np.asarray(factor[:, None] * shop.usual_spend * live)


def spend_of_history(shop: Shop) -> Floats:
    """[D, L] money, in cents that add up, that the shop asked for on each day of the history."""
    settings = shop.settings
    rng = stream(shop.seed, "spend")
    usual = usual_by_day(shop, slice(settings.days))
    noise = rng.normal(-(settings.spend_noise**2) / 2, settings.spend_noise, usual.shape)
    on = rng.random(usual.shape) >= settings.pauses
    return np.asarray((usual * np.exp(noise) * on).round(2))
