"""What a backtest writes, judged by the code that judges real ones, on made-up days."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.backtest.actual import Actual
from promopilot.experiments.backtest.judge import judge
from promopilot.experiments.backtest.replay import Replay

FLIGHTS = 256
SPREAD = 0.3  # of the log of a promotion's orders
NOISE = 0.12  # of the log of a day's


def judged_days(
    first: date,
    days: int,
    *,
    promotions: int = 16,
    given: str = "spend",
    level: float = 1.0,
    sure: bool = False,
    noise: float = NOISE,
) -> dict[str, Any]:
    """The content of `backtest.json`.

    Args:
        first: First day judged.
        days: How many.
        promotions: How many ran then.
        given: What the market was told: `spend` or `exposures`.
        level: What the market predicts, in terms of what is true.
        sure: Whether it takes its own numbers for known, so that its ranges are too narrow.
        noise: Of the log of a day's orders.
    """
    size = SyntheticSize(promotions=promotions, placements=2, segments=2, days=days)
    world = replace(synthetic_world(size, seed=3), start=first)
    catalog, rng = world.catalog, np.random.default_rng(5)
    impressions = np.rint(world.current_spend / world.unit_cost)
    expected = impressions * (world.rates.first * world.rates.second)  # [D, L]
    by_promotion = np.exp(rng.normal(0.0, SPREAD, promotions))[catalog.promotion]
    by_day = np.exp(rng.normal(0.0, noise, (days, 1)))
    actual = Actual(
        given=given,
        spend=world.current_spend if given == "spend" else np.zeros_like(expected),
        impressions=impressions,
        conversions=rng.poisson(expected * by_promotion * by_day).astype(float),
        recorded=np.ones_like(expected),
        age=np.full_like(expected, np.inf),
        share_covered=0.97,
    )
    doubt = 0.0 if sure else 1.0
    log = doubt * SPREAD * rng.normal(size=(FLIGHTS, 1, promotions))[:, :, catalog.promotion]
    log = log + doubt * noise * rng.normal(size=(FLIGHTS, days, 1))
    drawn = rng.poisson(level * expected * np.exp(log))  # [F, D, L]
    played = Replay(
        by_day=drawn.sum(axis=2).astype(float),
        by_promotion=np.asarray(catalog.by_promotion.sum(drawn.sum(axis=1).astype(float))),
    )
    told = actual.spend if given == "spend" else impressions
    return {
        "from": first.isoformat(),
        "to": world.dates[-1].isoformat(),
        "days": days,
        "flights": FLIGHTS,
        "given": given,
        "share_covered": actual.share_covered,
        **judge(world, actual, played, float(expected.sum() / told.sum())),
    }
