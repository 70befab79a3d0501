"""When things happen in a made-up shop: promotions start and end, weekdays differ, events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings

SHORTEST = 14  # days that a promotion runs in the history
OPEN = -1  # a promotion without a first or last day
_EVENTS = (
    *("Payday weekend", "Season opening", "Anniversary sale", "Cup final"),
    *("Holiday eve", "Back to school"),
)


@dataclass(frozen=True)
class Event:
    """A day on which there is more to buy."""

    day: int  # since the history began
    name: str
    factor: float  # of that day's supply


@dataclass(frozen=True)
class Calendar:
    """The days of a shop: D of history, then F of the coming flight."""

    first: Ints  # [P] day on which a promotion starts; `OPEN` where it always ran
    last: Ints  # [P] its last day; `OPEN` where it has none
    live: Bools  # [D + F, P]
    weekday: Ints  # [D + F] Monday 0
    events: tuple[Event, ...]  # in the order of their days
    event_factor: Floats  # [D + F] of supply
    start: date  # first day of the history

    def date_of(self, day: int) -> date:
        """The date of a day since the history began."""
        return self.start + timedelta(days=int(day))


def draw_calendar(settings: SyntheticSettings, rng: np.random.Generator) -> Calendar:
    """Dates of promotions and events; the first promotion always runs.

    Every promotion that is not new runs two weeks of the history or more.
    """
    days, total = settings.days, settings.days + settings.flight_days
    count, running = settings.promotions, settings.running
    order = 1 + rng.permutation(count - 1)
    new = order[: count - running]
    always = np.append(0, order[count - running :])[: max(round(running * settings.always_on), 1)]
    first = rng.integers(0, days - SHORTEST + 1, count)
    last = first + SHORTEST - 1 + rng.integers(0, days, count)
    first[new] = days + rng.integers(0, settings.flight_days // 3 + 1, len(new))
    first[always] = last[always] = last[new] = OPEN
    day = np.arange(total)[:, None]
    live = (day >= first) & ((day <= last) | (last == OPEN))
    events = _draw_events(settings, rng)
    factor = np.ones(total)
    factor[[event.day for event in events]] = [event.factor for event in events]
    weekday = (settings.start.weekday() + np.arange(total)) % 7
    return Calendar(first, last, live, weekday, events, factor, settings.start)


def _draw_events(settings: SyntheticSettings, rng: np.random.Generator) -> tuple[Event, ...]:
    ahead = int(settings.events >= 2)
    when = np.sort(rng.choice(settings.days, settings.events - ahead, replace=False))
    if ahead:
        when = np.append(when, settings.days + rng.integers(settings.flight_days))
    factor = np.exp(rng.normal(0.35, 0.15, len(when))).round(2)
    return tuple(
        Event(int(day), _EVENTS[i % len(_EVENTS)], float(factor[i])) for i, day in enumerate(when)
    )
