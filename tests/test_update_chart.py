"""Control charts: how often they cry wolf, and whether they see one."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.update.alarms import alarms
from promopilot.experiments.update.brought import promotions, total
from promopilot.experiments.update.chart import FALSE_ALARMS, WEIGHT, count_scores, limit, watch
from promopilot.experiments.update.days import happened
from promopilot.experiments.update.foreseen import Series, all_series, count_range
from promopilot.experiments.update.ledger import Ledger
from promopilot.experiments.update.prices import paid
from promopilot.experiments.update.standing import stand
from promopilot.experiments.update.taking import take_flight
from tests.update_flights import fly


@pytest.mark.parametrize(("charts", "days"), [(1, 28), (20, 14)])
def test_the_limit_keeps_its_false_alarm_rate(charts: int, days: int) -> None:
    rng = np.random.default_rng(0)
    average, out = np.zeros((20_000, charts)), np.zeros((20_000, charts), dtype=bool)
    for day in range(days):
        average = (1 - WEIGHT) * average + WEIGHT * rng.normal(size=average.shape)
        sd = np.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * (day + 1))))
        out |= np.abs(average) > limit(charts, days) * sd
    assert out.any(axis=1).mean() == pytest.approx(FALSE_ALARMS, abs=0.006)


def test_the_limit_grows_with_charts_and_days() -> None:
    assert limit(1, 7) < limit(1, 28) < limit(40, 28) < limit(80, 28)


@given(
    mean=st.floats(0.2, 500.0),
    spread=st.floats(0.02, 0.8),
    count=st.integers(0, 1500),
)
def test_a_score_is_that_of_the_middle_of_a_counts_chance(
    mean: float, spread: float, count: int
) -> None:
    size = spread**-2
    of = nbinom(size, size / (size + mean))
    middle = of.cdf(count) - of.pmf(count) / 2
    score = count_scores(np.array([float(count)]), np.array([mean]), np.array([spread]))[0]
    if 1e-9 < middle < 1 - 1e-9:
        assert norm.cdf(score) == pytest.approx(middle, rel=1e-5, abs=1e-10)


def test_nothing_foreseen_and_nothing_known_score_nothing() -> None:
    assert count_scores(np.array([3.0]), np.zeros(1), np.zeros(1))[0] == 0
    exact = count_scores(np.array([100.0]), np.array([100.0]), np.zeros(1))[0]
    assert abs(exact) < 0.05


def test_a_range_holds_eight_in_ten() -> None:
    drawn = np.random.default_rng(1).poisson(np.random.default_rng(2).gamma(25, 2, 40_000))
    low, high = count_range(50.0, 50.0 + 100.0)
    assert np.mean((drawn >= low) & (drawn <= high)) == pytest.approx(0.8, abs=0.03)
    assert count_range(0.0, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("scores", "since"),
    [
        ([0.1, -0.2, 0.3, 0.1, 0.0, -0.1], None),
        ([0.5, -0.5, 0.3, *[3.0] * 5], 3),
        ([*[-4.0] * 6], 0),
        ([*[4.0] * 3, *[-3.0] * 3], None),  # gone again
    ],
)
def test_since_when_is_the_likeliest_start_of_the_shift(
    scores: list[float], since: int | None
) -> None:
    assert watch(np.array(scores), charts=8, days=14).since == since


@pytest.fixture(scope="module")
def world() -> World:
    return synthetic_world(SyntheticSize(promotions=4, placements=2, days=14))


def read_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of an export as they are kept."""
    dates = {
        name: pd.to_datetime(rows[name]).astype("datetime64[us]") for name in ("date", "as_of")
    }
    return rows.assign(**dates, conversion_value=np.nan, subsidy=np.nan)


def series_of(world: World, seed: int, factor: float = 1.0) -> list[Series]:
    """Charts of a flight in which promotion 0 converts by a factor from the sixth day on."""
    flight = fly(world, Replanner(world), seed)
    rows = pd.concat([flight.export(day) for day in range(world.days)], ignore_index=True)
    if factor != 1.0:
        hit = (rows["promotion_id"] == "promotion-0") & (rows["date"] >= world.dates[5].isoformat())
        rows["conversions"] = np.where(hit, factor * rows["conversions"], rows["conversions"])
    found = happened(Ledger(read_rows(rows)), world)
    cost = paid(world, found, 1.0)
    return all_series(world, found, cost, take_flight(world, found, cost, 1.0))


def test_a_promotion_that_stops_converting_is_told_with_its_day_and_numbers(world: World) -> None:
    found = alarms(world, series_of(world, seed=4, factor=0.1))
    (alarm,) = [a for a in found if a["id"] == "promotion-0"]
    assert alarm["what"] == "conversions"
    assert alarm["direction"] == "less"
    assert alarm["observed"] < alarm["foreseen_low"]
    day = pd.Timestamp(alarm["since"])
    assert abs((day - pd.Timestamp(world.dates[5])).days) <= 3
    assert alarm["text"] == (
        f"promotion-0 converts less than foreseen since {alarm['since']}: "
        f"{alarm['observed']:,.0f} where {alarm['foreseen_low']:,.0f} to "
        f"{alarm['foreseen_high']:,.0f} were foreseen"
    )


def test_clicks_conversions_and_prices_are_watched(world: World) -> None:
    watched = {(one.kind, one.id) for one in series_of(world, seed=4)}
    promotions, placements = world.catalog.promotion_ids, world.catalog.placement_ids
    assert {("price", name) for name in placements} <= watched
    both = {("clicks", name) for name in promotions[:3]}
    assert both | {("conversions", name) for name in promotions[:3]} <= watched
    assert not any(name == promotions[3] for _, name in watched)  # it was never shown


@pytest.mark.parametrize("read", [2, 12])  # days after the flight's first
def test_what_is_foreseen_is_as_of_the_reading_however_late_it_was(read: int) -> None:
    """Two days of played flights, each order seen when the delay's own draw lets it come in."""
    world = synthetic_world(SyntheticSize(promotions=4, placements=2, days=3))
    delay, rng = world.dynamics.delay, np.random.default_rng(5)
    sums, inside, flights = np.zeros(4), 0, 120
    for seed in range(flights):
        flight = fly(world, Replanner(world), seed)
        rows, booked = flight.export(1), []
        for day in range(2):
            orders = flight.outcomes[day].conversions[0].astype(int)
            booked.append(orders[flight.outcomes[day].impressions[0].astype(int) > 0])
        of = np.concatenate(booked)
        age = read - (pd.to_datetime(rows["date"]) - pd.Timestamp(world.start)).dt.days.to_numpy()
        seen = []
        for count, days in zip(of, age, strict=True):
            fast = rng.random(count) < delay.fast_share
            wait = rng.exponential(np.where(fast, delay.fast_days, delay.slow_days))
            seen.append(float((wait <= days).sum()))
        as_of = (world.start + timedelta(days=read)).isoformat()
        rows = rows.assign(conversions=seen, as_of=as_of)
        today = stand(world, Ledger(read_rows(rows)), None, 1.0)
        found = total(today)
        to_come = sum(row["still_to_come"] for row in promotions(today, {}))
        sums += [sum(seen), found["foreseen"]["mean"], of.sum() - sum(seen), to_come]
        inside += found["foreseen"]["low"] <= found["conversions"] <= found["foreseen"]["high"]
    assert sums[0] == pytest.approx(sums[1], rel=0.06)
    assert sums[2] == pytest.approx(sums[3], rel=0.12)
    assert 0.7 <= inside / flights <= 0.92


@pytest.mark.slow
def test_flights_that_go_as_believed_raise_an_alarm_in_about_one_of_twenty(world: World) -> None:
    """No shock strikes in these; everything else moves as the market has it."""
    calm = replace(world, dynamics=replace(world.dynamics, shock_probability=0.0))
    alarmed = 0
    for seed in range(200):
        alarmed += any(
            (np.abs(one.watched.average) > one.watched.limit).any() for one in series_of(calm, seed)
        )
    assert alarmed / 200 <= 2 * FALSE_ALARMS
