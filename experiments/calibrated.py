"""What the shop's history says of its market, for the world builder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.calibration import Calibration, LiftTests, calibrate
from promopilot.envs.settings import MarketSettings
from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import Economics
from promopilot.experiments.history import event_factors, history_of
from promopilot.experiments.tables import Tables


def calibrated(
    tables: Tables,
    start: date,
    people: Floats,
    given: pd.Series[float],
    assumptions: AssumptionsConfig,
    laws: MarketSettings,
) -> Calibration:
    """Fit levels and dynamics to what was known before a flight.

    Args:
        tables: The contract's tables.
        start: First day of the flight.
        people: Size of each segment in the business `[S]`.
        given: Impressions a day of pools that the user states, else not a number.
        assumptions: Reach share and panel projection.
        laws: What the config says of the market; all else is fitted under its curve and half-life.

    Raises:
        MarketError: The history is too short.
    """
    history = history_of(
        *(tables, start, people, given, assumptions.reach_share, assumptions.panel_projection),
        laws,
    )
    with threadpool_limits(1):  # its matrices are small: more threads make it slower
        return calibrate(history, _lift_tests(tables, start))


def _lift_tests(tables: Tables, start: date) -> LiftTests | None:
    """Tests that had ended before the flight."""
    tests = tables.lift_tests
    tests = tests[tests["end_date"] < pd.Timestamp(start)]
    if tests.empty:
        return None
    ids = pd.Index(tables.promotions["promotion_id"])
    return LiftTests(
        promotion=ids.get_indexer(pd.Index(tests["promotion_id"])).astype(np.int64),
        incrementality=tests["incrementality"].to_numpy(dtype=np.float64),
        se=tests["se"].to_numpy(dtype=np.float64),
    )


def with_lift(
    money: Economics, found: Calibration, promotions: Ints, stated: Bools
) -> tuple[Economics, Floats]:
    """Incrementality, sd `[P]`: of a promotion's own tests, else as stated, else the shop's.

    Args:
        money: Per promotion of the flight.
        found: The calibration.
        promotions: Index of each of the flight's promotions in the table.
        stated: Promotions of the flight whose table says their incrementality `[P]`, and which had
            no test of their own.
    """
    if found.incrementality is None:
        return money, np.zeros(len(promotions))
    said = found.sources["incrementality"]
    if stated.any():
        said += f"; as stated for {int(stated.sum())} promotions without one"
    return (
        replace(
            money,
            incrementality=np.where(
                stated, money.incrementality, found.incrementality.value[promotions]
            ),
            sources=money.sources | {"incrementality": said},
        ),
        np.where(stated, 0.0, found.incrementality.sd[promotions]),
    )


def stated_incrementality(tables: Tables, promotions: pd.DataFrame, start: date) -> Bools:
    """[P] promotions whose incrementality the table states, and no test has measured."""
    if "incrementality" not in promotions:
        return np.zeros(len(promotions), dtype=bool)
    tests = tables.lift_tests
    tested = tests.loc[tests["end_date"] < pd.Timestamp(start), "promotion_id"]
    own = promotions["promotion_id"].isin(tested)
    return np.asarray(promotions["incrementality"].notna() & ~own, dtype=bool)


def flight_supply(
    found: Calibration,
    pools: Ints,
    level: pd.Series[float],
    events: pd.DataFrame,
    start: date,
    days: int,
) -> Floats:
    """Expected supply of each pool on each day of a flight `[D, Q]`, known events included.

    Args:
        found: The calibration: season, growth and how uncertain they are.
        pools: Placement and segment of each pool `[Q, 2]`.
        level: What the flight's promotions can buy on an average day, one entry a pool.
        events: The contract's table.
        start: First day of the flight.
        days: Its length.
    """
    shape = found.supply.value.shape
    usual = found.supply.value[pools[:, 0], pools[:, 1]]
    scale = level.to_numpy().reshape(shape)[pools[:, 0], pools[:, 1]] / usual
    expected = found.expected_supply(pools, start, days) * scale
    return np.asarray(expected * event_factors(events, start, days)[:, None])
