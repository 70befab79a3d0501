"""What the shop had seen of its conversions, and when: readings of one day that never decrease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.experiments.sources.synthetic.history import History
from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.streams import stream


@dataclass(frozen=True)
class Readings:
    """R rows, sorted by day, line item and age; and what is pending when the flight starts."""

    day: Ints  # [R] since the history began
    item: Ints  # [R] line item
    age: Ints  # [R] days after it on which it was read
    conversions: Ints  # [R] seen by then; the last reading of a day shows all that were booked
    pending: Floats  # [2, L] booked and not yet seen, of the fast and the slow part of the delay


def read(shop: Shop, history: History) -> Readings:
    """Read every day and line item that was funded.

    Without delay once, on its own day. With delay once all is seen, and those of the last days,
    which were not when the flight started, also before that.
    """
    settings, days = shop.settings, shop.settings.days
    funded = history.asked > 0
    booked = history.conversions.astype(np.int64)
    day, item = np.nonzero(funded)
    pending = np.zeros((2, shop.catalog.num_line_items))
    if not settings.delay:
        return Readings(day, item, np.zeros_like(day), booked[day, item], pending)
    rng = stream(shop.seed, "readings")
    parts = [(day, item, np.full_like(day, settings.settled_days), booked[day, item])]
    for recent in range(max(days - settings.settled_days, 0), days):
        items = np.flatnonzero(funded[recent])
        seen, waiting = _arrivals(shop, booked[recent, items], days - recent, rng)
        pending[:, items] += waiting
        for age, count in seen.items():
            parts.append((np.full_like(items, recent), items, np.full_like(items, age), count))
    days_read, items_read, ages, counts = (
        np.concatenate([part[column] for part in parts]) for column in range(4)
    )
    order = np.lexsort((ages, items_read, days_read))
    return Readings(days_read[order], items_read[order], ages[order], counts[order], pending)


def _arrivals(
    shop: Shop, booked: Ints, flight_age: int, rng: np.random.Generator
) -> tuple[dict[int, Ints], Floats]:
    """Conversions of one day seen by the age of each reading, and those waiting at another age.

    Each conversion belongs to one part of the delay, and what has not been seen of it by one age is
    seen by the next with the probability that the exponential gives: together a multinomial draw.

    Args:
        shop: Its delay and the ages of its readings.
        booked: Conversions of that day `[n]`.
        flight_age: How old the day is when the flight starts.
        rng: Random numbers.

    Returns:
        Seen conversions `[n]` by age; those of both parts that wait on the flight's first day
        `[2, n]`, none where all counts as seen by then.
    """
    delay, ages = shop.dynamics.delay, shop.settings.readings
    fast = rng.binomial(booked, delay.fast_share)
    left = np.stack([fast, booked - fast])
    means = (delay.fast_days, delay.slow_days)
    seen: dict[int, Ints] = {}
    waiting, before = np.zeros(left.shape), 0
    for age in sorted({*ages, flight_age}):
        kept = [np.exp(-(age - before) / mean) if mean > 0 else 0.0 for mean in means]
        left = rng.binomial(left, np.array(kept)[:, None])
        before = age
        if age in ages:
            seen[age] = booked - left.sum(axis=0)
        if age == flight_age and age < shop.settings.settled_days:
            waiting = left.astype(np.float64)
    return seen, waiting
