"""The market against what happened: a made-up shop is foreseen, and a shuffled one is not."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.backtest.actual import actual_days
from promopilot.experiments.backtest.judge import judge, wape
from promopilot.experiments.backtest.replay import Replay, replay
from promopilot.experiments.backtest.run import backtest_metrics, judged
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.sources.synthetic.build import build
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.tables import Tables, read_tables
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.readable import Readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread

DAYS = 14
SHOP = SyntheticSettings(
    **{"promotions": 8, "placements": 3, "segments": 2, "days": 100, "always_on": 1.0, "new": 0.0},
    **{"log_flights": 0, "stocked": 0.0, "promotion_sd": 0.4, "daily_supply": 6000.0},
)
KEY = ["promotion_id", "placement_id", "segment_id"]


@dataclass
class Averages:
    """Predicts what each promotion's clicks and conversions were before, for all its line items.

    A line item's own rate differs; the spreads say by how much.
    """

    tables: Tables
    cut: pd.Timestamp
    settings = PredictorSettings()
    spreads = (
        StageSpread(0.05, 0.25, 0.4, 0.0, 0.0, 0.0),
        StageSpread(0.05, 0.2, 0.4, 0.0, 0.0, 0.0),
    )

    def readability(self, texts: list[str]) -> Readability:
        return Readability(len(texts), 0.0, 0.0, 64, "")

    def predict(self, rows) -> Prediction:
        known = self.tables.performance
        known = known[known["date"] < self.cut]
        sums = known.groupby(KEY)[["impressions", "clicks", "conversions"]].sum()
        every = known.groupby("promotion_id")[["impressions", "clicks", "conversions"]].sum()
        names = (rows.promotions.promotion_id, rows.placement_ids, rows.segment_ids)
        index = (rows.promotion, rows.placement, rows.segment)
        items = pd.MultiIndex.from_arrays(
            [np.array(n, dtype=object)[i] for n, i in zip(names, index, strict=True)]
        )
        own = sums.reindex(items).fillna(0.0)
        shared = every.reindex(items.get_level_values(0))
        first = (shared["clicks"] / shared["impressions"]).to_numpy()
        second = (shared["conversions"] / shared["clicks"]).to_numpy()
        ctr = (own["clicks"] + 2000 * first).to_numpy() / (own["impressions"] + 2000).to_numpy()
        cvr = (own["conversions"] + 500 * second).to_numpy() / (own["clicks"] + 500).to_numpy()
        sd = [np.hypot(s.shared, s.own) for s in self.spreads]
        return Prediction(
            *(ctr, ctr * (1 - ctr) * sd[0], cvr, cvr * (1 - cvr) * sd[1]),
            *(ctr * cvr, ctr * cvr * 0.3),
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("backtest") / "shop"
    build(folder, SHOP, seed=5)
    return read_tables(folder)


def foreseen(tables: Tables, truth: Tables, given: str = "spend") -> dict:
    """Judge the market fitted on `tables` by what `truth` says of the last days of the history."""
    start = SHOP.start + timedelta(days=SHOP.days)
    cut = start - timedelta(days=DAYS)
    config = make_config({"backtest": {"flights": 64}, "assumptions": {"reach_share": SHOP.reach}})
    then: RunConfig = config.model_copy(
        update={
            "flight": config.flight.model_copy(update={"start": cut, "days": DAYS}),
            "budget": config.budget.model_copy(update={"total": 1.0}),
        }
    )
    later = truth
    if given == "exposures":
        later = replace(truth, performance=truth.performance.drop(columns="spend"))
    return judged(tables, later, Averages(tables, pd.Timestamp(cut)), then, cut, config)


def shuffled(tables: Tables) -> Tables:
    """Rates of clicks and conversions drawn anew from those of all rows."""
    rows = tables.performance
    order = np.random.default_rng(0).permutation(len(rows))
    clicks = (rows["clicks"] / rows["impressions"].clip(lower=1)).to_numpy()[order]
    conversions = (rows["conversions"] / rows["clicks"].clip(lower=1)).to_numpy()[order]
    new = np.rint(clicks * rows["impressions"])
    return replace(
        tables,
        performance=rows.assign(clicks=new, conversions=np.rint(conversions * new)),
        readings=None,
    )


@pytest.mark.parametrize("given", ["spend", "exposures"])
def test_a_market_fitted_to_history_foresees_the_weeks_after_it(shop: Tables, given: str) -> None:
    found = foreseen(shop, shop, given)
    assert found["given"] == given
    assert found["days"] == DAYS
    assert found["passes"]
    assert found["wape"] < 0.2
    assert found["wape_by_promotion"] < 0.5 * found["naive_wape_by_promotion"]
    assert found["coverage_80"] >= 0.6
    assert found["share_covered"] == pytest.approx(1.0)


@pytest.mark.parametrize("given", ["spend", "exposures"])
def test_a_market_fitted_to_shuffled_history_fails(shop: Tables, given: str) -> None:
    found = foreseen(shuffled(shop), shop, given)
    assert not found["passes"]
    assert found["wape_by_promotion"] > 2 * foreseen(shop, shop, given)["wape_by_promotion"]


def test_the_truth_of_a_world_is_covered_as_often_as_is_said() -> None:
    """Flights of the market itself stand for what happened: 80 % of them lie in its ranges."""
    world = synthetic_world(SyntheticSize(promotions=5, days=10))
    actual = _actual(world, spend=np.full(world.live.shape, 4.0))
    held = []
    for truth in range(20):
        played = replay(world, actual, seed=1000 + truth, flights=1)
        happened = replace(actual, conversions=_spread(world, played))
        result = judge(world, happened, replay(world, actual, seed=0, flights=128), 1.0)
        held.append(result["coverage_80"])
    assert 0.72 < np.mean(held) < 0.9  # whole numbers: ends are counted in


def test_conversions_that_were_not_read_yet_are_not_expected() -> None:
    world = synthetic_world(SyntheticSize(promotions=3, days=6))
    actual = _actual(world, spend=np.full(world.live.shape, 8.0))
    early = replace(actual, age=np.full_like(actual.age, 1.0))
    late, soon = (replay(world, a, seed=0, flights=64).by_day.mean() for a in (actual, early))
    assert soon / late == pytest.approx(float(world.dynamics.delay.seen(np.array(1.0))), rel=0.03)


def test_a_miss_is_the_sum_of_errors_over_what_happened() -> None:
    assert wape(np.array([10.0, 30.0]), np.array([12.0, 26.0])) == pytest.approx(6 / 40)


def test_metrics_take_the_figures_and_leave_the_days(tmp_path: Path) -> None:
    assert backtest_metrics(tmp_path) == {}
    (tmp_path / "backtest.json").write_text(json.dumps({"absent": "too short"}))
    assert backtest_metrics(tmp_path) == {}
    full = {"wape": 0.1, "coverage_80": 0.8, "days": 28, "by_day": [{"day": "2025-01-01"}]}
    (tmp_path / "backtest.json").write_text(json.dumps(full))
    (tmp_path / "afterwards.json").write_text(json.dumps(full))
    figures = {"wape": 0.1, "coverage_80": 0.8, "days": 28}
    assert backtest_metrics(tmp_path) == figures | {"flight": figures}


def _actual(world, spend):
    rows = pd.DataFrame(columns=["date", *KEY, "impressions", "conversions"]).astype(
        {"date": "datetime64[us]", "impressions": float, "conversions": float}
    )
    empty = actual_days(rows, world)
    ones = np.ones_like(spend)
    return replace(empty, given="spend", spend=spend, recorded=ones, age=np.full_like(ones, np.inf))


def _spread(world, played: Replay):
    """Conversions by day and line item whose sums by day and by promotion are a replay's."""
    catalog = world.catalog
    first = catalog.by_promotion.order[catalog.by_promotion.starts]
    table = np.zeros(world.live.shape)
    day, promotion = played.by_day[0].copy(), played.by_promotion[0].copy()
    for d in range(world.days):
        for p in range(catalog.num_promotions):
            table[d, first[p]] = min(day[d], promotion[p])
            day[d] -= table[d, first[p]]
            promotion[p] -= table[d, first[p]]
    return table
