"""Randomised tests that a made-up shop has run: what each measured, and what was true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.experiments.sources.synthetic.calendar import SHORTEST
from promopilot.experiments.sources.synthetic.history import History
from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.streams import stream

_SE_SPREAD = (0.7, 1.4)  # standard errors over that of a middling test


@dataclass(frozen=True)
class LiftTest:
    """One test of a promotion or of a placement; the other is None."""

    promotion_id: str | None
    placement_id: str | None
    start_date: str
    end_date: str
    incrementality: float  # measured: truth + noise, kept in 0-1
    se: float  # standard error of the noise
    truth: float


def run_tests(shop: Shop, history: History) -> list[LiftTest]:
    """Tests of two weeks each, of promotions that ran and of placements.

    A placement's true incrementality is that of the promotions that sold there in those weeks.
    """
    settings, catalog = shop.settings, shop.catalog
    rng = stream(shop.seed, "tests")
    live = shop.calendar.live[: settings.days]
    ran = np.flatnonzero(live.any(axis=0))
    tests = []
    for promotion in np.sort(rng.choice(ran, settings.tested, replace=False)):
        days = np.flatnonzero(live[:, promotion])
        first = days[0] + rng.integers(len(days) - SHORTEST + 1)
        truth = float(catalog.incrementality[promotion])
        tests.append(_test(shop, first, truth, rng, promotion=catalog.promotion_ids[promotion]))
    count = settings.placement_lift_tests
    for placement in np.sort(rng.choice(len(shop.places), count, replace=False)):
        first = rng.integers(settings.days - SHORTEST + 1)
        truth = _caused(shop, history, catalog.placement == placement, int(first))
        tests.append(_test(shop, first, truth, rng, placement=catalog.placement_ids[placement]))
    return tests


def _test(
    shop: Shop,
    first: np.int64,
    truth: float,
    rng: np.random.Generator,
    promotion: str | None = None,
    placement: str | None = None,
) -> LiftTest:
    se = round(shop.settings.lift_test_se * float(rng.uniform(*_SE_SPREAD)), 4)
    measured = float(np.clip(rng.normal(truth, se), 0.0, 1.0).round(4))
    start, end = shop.calendar.date_of(int(first)), shop.calendar.date_of(int(first) + SHORTEST - 1)
    return LiftTest(
        promotion, placement, start.isoformat(), end.isoformat(), measured, max(se, 1e-4), truth
    )


def _caused(shop: Shop, history: History, items: Bools, first: int) -> float:
    """Share of the conversions of some line items that promotions caused in two weeks."""
    window = slice(first, first + SHORTEST)
    weight: Floats = history.conversions[window][:, items].sum(axis=0)
    caused = shop.catalog.incrementality[shop.catalog.promotion[items]]
    return float(np.average(caused, weights=weight if weight.sum() > 0 else None))
