"""How tired audiences are when the flight starts, and how tired they were while rates were learnt.

Rates are learnt from people who had seen a promotion before. Fatigue in the flight is therefore
relative to what it usually was then, and starts from what the last days left: otherwise the market
would count the same fatigue twice.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Dynamics

_FIRST_DAYS = 28


def carried_fatigue(
    before: pd.DataFrame,
    start: date,
    catalog: Catalog,
    people: Floats,
    projection: float,
    dynamics: Dynamics,
) -> tuple[Floats, Floats]:
    """Replay the market's fatigue over the exposures before the flight.

    Args:
        before: `performance` before the flight.
        start: First day of the flight.
        catalog: The flight's promotions and segments.
        people: Size of each segment `[S]`.
        projection: Exposures in the business per recorded one.
        dynamics: Fatigue exponent and half-life.

    Returns:
        Recent exposures per person at the start `[P * S]`, and the exposure-weighted mean of the
        fatigue factor `[P * S]`. A promotion never shown starts rested; its rates, learnt from
        others, are taken to be those of audiences as tired as all others were on average.
    """
    days = pd.date_range(before["date"].min(), pd.Timestamp(start) - pd.Timedelta(days=1))
    promotions = pd.Index(catalog.promotion_ids).get_indexer(pd.Index(before["promotion_id"]))
    segments = pd.Index(catalog.segment_ids).get_indexer(pd.Index(before["segment_id"]))
    ours = promotions >= 0
    exposures = np.zeros((len(days), catalog.num_promotions, len(catalog.segment_ids)))
    day = days.get_indexer(pd.DatetimeIndex(before["date"]))
    np.add.at(
        exposures,
        (day[ours], promotions[ours], segments[ours]),
        before["impressions"].to_numpy(dtype=float)[ours],
    )
    per_person = (exposures * projection / people).reshape(len(days), -1)
    forget = dynamics.forget
    # Nobody was rested when the records began: start from what their first weeks would settle at.
    recent = per_person[:_FIRST_DAYS].mean(axis=0) * forget / (1 - forget)
    tired = np.zeros(per_person.shape[1])
    for today in per_person:
        tired += today * (1 + recent) ** -dynamics.fatigue_exponent
        recent = (recent + today) * forget
    seen = per_person.sum(axis=0)
    overall = float(tired.sum() / seen.sum()) if seen.sum() > 0 else 1.0
    usual = np.divide(tired, seen, out=np.full_like(seen, overall), where=seen > 0)
    return recent, usual
