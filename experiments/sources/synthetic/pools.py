"""What there is to buy in a made-up shop's market, for how much, and how many people there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.experiments.sources.synthetic.calendar import Calendar
from promopilot.experiments.sources.synthetic.places import Place
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings

# Sds of the log of a pool's supply, a placement's price and its reach, between those of one kind.
_LEVEL_SD, _PRICE_SD, _REACH_SD = 0.2, 0.1, 0.15


@dataclass(frozen=True)
class Pools:
    """Supply, price and reach (D days of history, F of flight, Q pools, K placements)."""

    level: Floats  # [Q] impressions a day, at the end of the history, on a middling weekday
    weekday: Floats  # [7] factors of supply, mean 1
    supply: Floats  # [D + F, Q] expected: level x weekday x trend x walk x events
    cpm: Floats  # [K] money for 1000 first impressions, at the mean price
    reach_share: Floats  # [K] share of a pool that one line item can reach
    people: Floats  # [S]


def draw_pools(
    settings: SyntheticSettings,
    places: list[Place],
    audiences: list[Place],
    catalog: Catalog,
    calendar: Calendar,
    rng: np.random.Generator,
) -> Pools:
    """Supply grows with the number of promotions, so that shops of any size look alike."""
    weekday = np.exp(rng.normal(0, settings.weekday_sd, 7))
    weekday = weekday / weekday.mean()
    people = np.array([audience.amount for audience in audiences])
    amount = np.array([place.amount for place in places])
    amount = amount[catalog.pools[:, 0]] * people[catalog.pools[:, 1]]
    level = settings.daily_supply * settings.promotions * amount
    level = level * np.exp(rng.normal(0, _LEVEL_SD, len(level)))
    cpm = settings.cpm * np.array([place.cpm for place in places])
    cpm = cpm * np.exp(rng.normal(0, _PRICE_SD, len(cpm)))
    reach = settings.reach * np.exp(rng.normal(0, _REACH_SD, len(cpm)))
    return Pools(
        level=level,
        weekday=weekday,
        supply=_supply(settings, calendar, weekday, rng)[:, None] * level,
        cpm=np.maximum(cpm.round(2), 0.01),
        reach_share=np.minimum(reach, 1.0),
        people=np.rint(np.maximum(settings.segment_size * people, 1)),
    )


def _supply(
    settings: SyntheticSettings, calendar: Calendar, weekday: Floats, rng: np.random.Generator
) -> Floats:
    """[D + F] factors; the history's walk ends at 0, that of the flight is the market's to draw."""
    days = np.arange(settings.days + settings.flight_days) - (settings.days - 1.0)
    walk = np.cumsum(rng.normal(0, settings.supply_walk_sd, settings.days))
    log = settings.supply_trend * days
    log[: settings.days] += walk - walk[-1]
    return np.asarray(np.exp(log) * weekday[calendar.weekday] * calendar.event_factor)
