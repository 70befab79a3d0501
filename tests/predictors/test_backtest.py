import dataclasses

import numpy as np
import pandas as pd
import pytest

from promopilot.predictors.backtest import look_back, stranger_spread
from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.settings import PredictorSettings

WEEKS = 32


def shop(
    group_sd: float, weekly_sd: np.ndarray, seed: int = 0, groups: int = 40
) -> tuple[Rows, Rows]:
    """Three promotions a group in two placements; each week shifts promotions by `weekly_sd`."""
    rng = np.random.default_rng(seed)
    products = [f"product{i}" for i in range(groups)]
    promotions = pd.DataFrame(
        [
            {"promotion_id": f"{p}-{d}", "text": f"{d} off {p}", "group_id": p, "brand": f"b{d}"}
            for p in products
            for d in (10, 20, 30)
        ]
    )
    count = len(promotions)
    base = -2.5 + np.repeat(group_sd * rng.standard_normal(groups), 3)
    frames = []
    for week in range(WEEKS):
        shift = base + weekly_sd[week] * rng.standard_normal(count)
        for place in range(2):
            rate = 1 / (1 + np.exp(-(shift + 0.3 * place)))
            frames.append(
                pd.DataFrame(
                    {
                        "date": pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week),
                        "promotion_id": promotions["promotion_id"],
                        "placement_id": f"l{place}",
                        "impressions": 3000,
                        "conversions": rng.binomial(3000, rate),
                    }
                )
            )
    table = pd.concat(frames, ignore_index=True)
    week = (table["date"] - table["date"].min()).dt.days // 7
    made = [
        rows_from_tables(promotions, None, None, table[chosen], PredictorSettings())
        for chosen in (week < WEEKS - 4, week >= WEEKS - 4)
    ]
    return made[0], made[1]


def test_calm_choose_weeks_are_known_for_luck() -> None:
    usual, calm = np.full(WEEKS, 0.4), np.full(WEEKS, 0.4)
    calm[-4:] = 0.2
    plain, lucky = look_back(*shop(0.5, usual)), look_back(*shop(0.5, calm))
    assert plain.windows == lucky.windows == 3
    assert 1.0 <= plain.shared[0] < 1.2
    assert 1.4 < lucky.shared[0] <= 2.0


def test_wild_choose_weeks_narrow_nothing() -> None:
    wild = np.full(WEEKS, 0.1)
    wild[-4:] = 0.8
    assert look_back(*shop(0.5, wild)).shared == pytest.approx((1.0,), abs=0.06)


def test_without_earlier_periods_nothing_is_said() -> None:
    train, choose = shop(0.5, np.full(WEEKS, 0.2))
    assert look_back(choose, train).windows == 0  # not parted by time
    short = train.pick(train.day > train.day.max() - 30)
    assert look_back(short, choose) == look_back(choose, train)
    undated = dataclasses.replace(train, day=np.full(len(train), -1))
    assert look_back(undated, choose).windows == 0


@pytest.mark.parametrize("group_sd", [0.3, 0.8])
def test_groups_left_out_tell_how_far_an_unknown_one_strays(group_sd: float) -> None:
    """Product names say nothing of other products, so that the whole spread is left."""
    train, _ = shop(group_sd, np.full(WEEKS, 0.1), groups=100)
    found = stranger_spread(train)
    assert found is not None
    assert found[0] == pytest.approx(group_sd, rel=0.2)


def test_a_column_that_spans_groups_explains_an_unknown_one() -> None:
    train, _ = shop(0.8, np.full(WEEKS, 0.1), groups=100)
    promotions = train.promotions
    mean = np.bincount(train.promotion, train.events) / np.bincount(train.promotion)
    quarter = np.digitize(mean, np.quantile(mean, [0.25, 0.5, 0.75])).astype(str).astype(object)
    told = dataclasses.replace(
        train,
        promotions=dataclasses.replace(promotions, fields={**promotions.fields, "kind": quarter}),
    )
    plain, explained = stranger_spread(train), stranger_spread(told)
    assert plain is not None
    assert explained is not None
    assert explained[0] < 0.6 * plain[0]


def test_few_groups_cannot_be_left_out() -> None:
    train, _ = shop(0.5, np.full(WEEKS, 0.1), groups=10)
    assert stranger_spread(train) is None
