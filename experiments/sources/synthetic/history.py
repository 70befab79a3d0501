"""The shop's history, played in the market itself, and the market of the flight that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.synthetic import rested
from promopilot.envs.world import InitialState, World
from promopilot.experiments.sources.synthetic.habits import spend_of_history, usual_by_day
from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.streams import seed_of

Progress = Callable[[str, float], None]
_RECENT = 28  # days, as `promopilot.envs.world.World.recent_roas` counts them
_RECORDED = ("spend", "impressions", "clicks", "conversions", "lost")


@dataclass(frozen=True)
class History:
    """What the market booked (D days), and what nobody in the shop could see."""

    asked: Floats  # [D, L] money that the shop meant to spend
    spend: Floats  # [D, L] charged
    impressions: Floats  # [D, L]
    clicks: Floats  # [D, L]
    conversions: Floats  # [D, L] booked, by the day of the impression
    lost: Floats  # [D, L] conversions lost for want of stock
    supply: Floats  # [D, Q] impressions that there were
    price_factor: Floats  # [D, K] price over the placement's mean
    fatigue: Floats  # [D + 1, A] recent exposures per person before each day, and after the last
    shift: Floats  # [D, P] walks, drift and shocks so far: added to the first stage's log-odds
    stock_left: Floats  # [P] after the last day


def history_world(shop: Shop, asked: Floats) -> World:
    """The history's market: everything known and as it truly is, daily noise on.

    Supply's walk is part of the expected supply, so that it is known where it ended.
    """
    days = slice(shop.settings.days)
    tired = np.where(shop.calendar.live[0][:, None], _by_promotion(shop, shop.settled_fatigue), 0.0)
    return World(
        catalog=shop.catalog,
        rates=_rates(shop, days, np.zeros(shop.catalog.num_promotions)),
        dynamics=replace(shop.dynamics, supply_walk_sd=0.0),
        initial=replace(rested(shop.catalog), fatigue=tired.ravel()),
        start=shop.calendar.start,
        budget=float(asked.sum()) + 1.0,
        supply=shop.pools.supply[days],
        unit_cost=shop.unit_cost,
        reach_share=shop.reach_share,
        segment_size=shop.pools.people,
        live=_live(shop, days),
        max_spend=np.full(shop.catalog.num_line_items, np.inf),
        current_spend=asked,
        usual_fatigue_factor=np.ones(shop.catalog.by_audience.size),
        recent_roas=np.zeros(shop.catalog.num_line_items),
        currency=shop.currency,
    )


def play_history(shop: Shop, progress: Progress = lambda what, share: None) -> History:
    """Let the shop spend as it does, day by day, in its true market."""
    asked = spend_of_history(shop)
    world, seed = history_world(shop, asked), seed_of(shop.seed, "market")
    market = Market(world)
    market.reset(seed, np.arange(1))
    books = {name: np.zeros(asked.shape) for name in _RECORDED}
    fatigue = [market.fatigue[0].copy()]
    still = shop.first_log_odds(slice(world.days))
    shift = []
    while not market.done:
        day = market.day
        shift.append(_moved(market, still[day]))
        outcome = market.step(asked[day][None])
        for name, book in books.items():
            book[day] = getattr(outcome, name)[0]
        fatigue.append(market.fatigue[0].copy())
        progress("playing the history", market.day / world.days)
    return History(
        asked=asked,
        **books,
        supply=market.exogenous.supply[0],
        price_factor=market.exogenous.price_factor[0],
        fatigue=np.stack(fatigue),
        shift=np.stack(shift),
        stock_left=market.stock_left[0].copy(),
    )


def _moved(market: Market, still: Floats) -> Floats:
    """[P] how far today's true log-odds lie from where they stand still, fatigue taken off."""
    rested_rate = market.true_rates[0][0] / market.fatigue_factor[0]
    first_item = np.unique(market.world.catalog.promotion, return_index=True)[1]
    return np.asarray((logit(rested_rate) - still)[first_item])


def flight_world(shop: Shop, history: History, pending: Floats) -> World:
    """The true market of the flight, with everything that is in the pipe when it starts.

    Args:
        shop: The truth.
        history: As it was played.
        pending: Conversions booked and not yet seen `[2, L]`, of the delay's two parts.
    """
    settings, dynamics = shop.settings, shop.dynamics
    days = slice(settings.days, settings.days + settings.flight_days)
    usual = usual_by_day(shop, days)
    last = np.log(history.price_factor[-1]) + dynamics.price_sd**2 / 2
    return World(
        catalog=replace(shop.catalog, stock=history.stock_left),
        rates=_rates(shop, days, history.shift[-1]),
        dynamics=dynamics,
        initial=InitialState(history.fatigue[-1], last, pending),
        start=shop.calendar.start + timedelta(days=settings.days),
        budget=max(float(usual.sum().round(2)), 0.01),
        supply=shop.pools.supply[days],
        unit_cost=shop.unit_cost,
        reach_share=shop.reach_share,
        segment_size=shop.pools.people,
        live=_live(shop, days),
        max_spend=np.full(shop.catalog.num_line_items, np.inf),
        current_spend=usual,
        usual_fatigue_factor=np.ones(shop.catalog.by_audience.size),
        recent_roas=_recent_roas(shop, history),
        currency=shop.currency,
    )


def _recent_roas(shop: Shop, history: History) -> Floats:
    """[L] conversion value per unit of spend over the history's last four weeks."""
    spent = history.spend[-_RECENT:].sum(axis=0)
    value = shop.catalog.conversion_value[shop.catalog.promotion]
    brought = history.conversions[-_RECENT:].sum(axis=0) * value
    return np.asarray(np.divide(brought, spent, out=np.zeros_like(spent), where=spent > 0))


def first_rate(shop: Shop, days: slice, shift: Floats) -> Floats:
    """[T, L] true rate of the first recorded stage before fatigue, given shifts `[.., P]`."""
    return np.asarray(expit(shop.first_log_odds(days) + shift[..., shop.catalog.promotion]))


def second_rate(shop: Shop) -> Floats:
    """[L] true rate of the second stage; 1 where clicks are not recorded."""
    if shop.settings.clicks:
        return np.asarray(expit(shop.effects.log_odds["conversion"]))
    return np.ones(shop.catalog.num_line_items)


def _rates(shop: Shop, days: slice, shift: Floats) -> Rates:
    catalog = shop.catalog
    known = (np.zeros(catalog.num_promotions), np.zeros(catalog.num_line_items))
    first = first_rate(shop, days, shift)
    second = np.broadcast_to(second_rate(shop), first.shape).copy()
    return Rates(Stage(first, *known), Stage(second, *known), shop.settings.clicks)


def _live(shop: Shop, days: slice) -> np.ndarray:
    return shop.calendar.live[days][:, shop.catalog.promotion]


def _by_promotion(shop: Shop, audiences: Floats) -> Floats:
    """[P, S] from [A]."""
    return audiences.reshape(shop.catalog.num_promotions, -1)
