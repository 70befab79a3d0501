import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from promopilot.predictors.calendar import Calendar
from promopilot.predictors.dataset import NO_DAY, Rows, line_item_rows, rows_from_tables
from promopilot.predictors.settings import PredictorSettings

PLACES = {"front": 0.5, "shelf": -0.5}


def shop(level: np.ndarray, group_of_week: bool = False, seed: int = 0) -> Rows:
    """Forty promotions in two placements; week w moves all log-odds by level[w].

    Groups differ by .5; with `group_of_week` good groups run in the first half of the weeks only.
    """
    rng = np.random.default_rng(seed)
    promotions = pd.DataFrame(
        {
            "promotion_id": [f"p{i}" for i in range(40)],
            "text": [f"offer number {i}" for i in range(40)],
            "group_id": [f"g{i // 2}" for i in range(40)],
        }
    )
    effect = 0.5 * rng.standard_normal(20)
    effect -= effect.mean()
    grid = pd.MultiIndex.from_product(
        [range(len(level)), range(40), PLACES], names=["week", "p", "placement_id"]
    ).to_frame(index=False)
    if group_of_week:
        good = effect[grid["p"].to_numpy() // 2] > 0
        grid = grid[good == (grid["week"].to_numpy() < len(level) / 2)]
    logit = (
        level[grid["week"]]
        + effect[grid["p"].to_numpy() // 2]
        + grid["placement_id"].map(PLACES).to_numpy()
    )
    shown = np.full(len(grid), 3000)
    performance = pd.DataFrame(
        {
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * grid["week"], unit="D"),
            "promotion_id": "p" + grid["p"].astype(str),
            "placement_id": grid["placement_id"],
            "impressions": shown,
            "clicks": rng.binomial(shown, 1 / (1 + np.exp(-logit))),
        }
    )
    return rows_from_tables(promotions, None, None, performance, PredictorSettings())


def fitted_level(calendar: Calendar) -> np.ndarray:
    return np.array(calendar.level[0])


def test_the_level_of_each_week_is_found() -> None:
    level = -3.0 + np.cumsum(0.2 * np.random.default_rng(1).standard_normal(20))
    calendar = Calendar.fit(shop(level), extra_sd=0.0)
    # The base is shared with placements and groups; what is told apart are the weeks.
    found = fitted_level(calendar) - fitted_level(calendar).mean()
    assert found == pytest.approx(level - level.mean(), abs=0.05)
    assert calendar.step_sd[0] == pytest.approx(0.2, rel=0.5)
    front, shelf = calendar.place[0]
    assert front - shelf == pytest.approx(1.0, abs=0.05)


def test_good_promotions_do_not_make_a_good_week() -> None:
    rows = shop(np.full(20, -3.0), group_of_week=True)
    assert rows.clicks is not None
    early = rows.day < np.median(rows.day)
    first, second = (
        np.log(rows.clicks[part].sum() / rows.impressions[part].sum()) for part in (early, ~early)
    )
    assert first - second > 0.5
    level = fitted_level(Calendar.fit(rows, extra_sd=0.0))
    assert abs(level[:10].mean() - level[10:].mean()) < 0.5 * (first - second)


def test_weeks_that_do_not_differ_hardly_move() -> None:
    calendar = Calendar.fit(shop(np.full(20, -3.0)), extra_sd=0.0)
    assert np.ptp(fitted_level(calendar)) < 0.1
    assert calendar.step_sd[0] < 0.05


def test_without_time_one_level_is_left() -> None:
    rows = shop(np.linspace(-4, -2, 10))
    calendar = Calendar.fit(rows, extra_sd=0.0, has_time=False)
    assert len(calendar.level[0]) == 1
    offset = calendar.offset(rows)[:, 0]
    assert len(np.unique(offset.round(9))) == len(PLACES)


def test_later_and_unknown_days_have_the_last_level() -> None:
    rows = shop(np.linspace(-4, -2, 10))
    calendar = Calendar.fit(rows, extra_sd=0.0)
    offset = calendar.offset(rows)
    last = offset[rows.day == rows.day.max()]
    later = dataclasses.replace(rows, day=rows.day + 10_000)
    unknown = dataclasses.replace(rows, day=np.full(len(rows), NO_DAY))
    for other in (later, unknown):
        assert set(calendar.offset(other)[:, 0]) == set(last[:, 0])
    earlier = dataclasses.replace(rows, day=rows.day - 10_000)
    assert set(calendar.offset(earlier)[:, 0]) == set(offset[rows.day == rows.day.min()][:, 0])


def test_an_unknown_placement_has_no_effect() -> None:
    calendar = Calendar.fit(shop(np.full(5, -3.0)), extra_sd=0.0)
    promotions = pd.DataFrame({"promotion_id": ["new"], "text": ["something new"]})
    items = pd.DataFrame(
        {
            "promotion_id": "new",
            "placement_id": ["front", "shelf", "roof"],
            "date": pd.Timestamp("2024-01-03"),
        }
    )
    front, shelf, roof = calendar.offset(line_item_rows(promotions, None, None, items))[:, 0]
    assert roof == pytest.approx(calendar.level[0][0])
    assert shelf < roof < front


def test_it_is_written_and_read() -> None:
    calendar = Calendar.fit(shop(np.linspace(-4, -2, 6)), extra_sd=0.3)
    assert Calendar.from_json(json.loads(json.dumps(calendar.to_json()))) == calendar
