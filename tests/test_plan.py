import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import CurrentMix
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.plan.aggregate import aggregate
from promopilot.experiments.plan.columns import COLUMNS, columns_md
from promopilot.experiments.plan.export import make_plan, write_plan
from promopilot.experiments.plan.frame import file_faults, summary_frame
from promopilot.experiments.plan.rounding import days_in_cents, to_cents

WORLD = synthetic_world(SyntheticSize(promotions=4, days=10))
EXPECTED = [
    c for c in COLUMNS if c.startswith("expected_") and c[9:] not in ("roas", "poas", "cpa")
]


def items_of(world):
    c = world.catalog
    return pd.DataFrame(
        {
            "promotion_id": [c.promotion_ids[i] for i in c.promotion],
            "placement_id": [c.placement_ids[i] for i in c.placement],
            "segment_id": [c.segment_ids[i] for i in c.segment],
            "basis": "data",
        }
    )


def plan_of(world, policy=None):
    return make_plan(policy or Replanner(world), world, items_of(world), seed=1, flights=30)


@pytest.fixture(scope="module")
def plan():
    return plan_of(WORLD)


def test_a_plan_has_the_contracts_columns_and_a_row_for_every_day_and_line_item(plan) -> None:
    assert list(plan.frame.columns) == list(COLUMNS)
    assert len(plan.frame) == 10 * WORLD.catalog.num_line_items
    key = ["date", "promotion_id", "placement_id", "segment_id"]
    assert not plan.frame.duplicated(key).any()
    assert plan.frame["date"].iloc[0] == "2024-01-01"


def test_money_sums_to_the_cent_and_never_exceeds_the_budget(plan) -> None:
    written = pd.read_csv(io.StringIO(file_faults(plan.frame)), dtype=str)
    cents = written["planned_budget"].str.replace(".", "").astype(int)
    assert cents.sum() <= round(WORLD.budget * 100)
    assert (cents.groupby(written["date"]).sum() > 0).all()
    assert cents.sum() == round(plan.table.spend.sum() * 100)


def test_expectations_come_from_playing_the_table_as_it_stands(plan) -> None:
    books = plan.rollout.by_day
    assert plan.frame["expected_conversions"].sum() == pytest.approx(
        books.conversions.sum(), abs=0.5
    )
    assert plan.frame["expected_profit"].sum() == pytest.approx(books.profit.sum(), abs=0.1)
    assert plan.rollout.policy == "plan"
    unfunded = plan.frame[plan.frame["planned_budget"] == 0]
    assert (unfunded[EXPECTED].to_numpy() == 0).all()


def test_ratios_follow_from_the_columns_beside_them(plan) -> None:
    funded = plan.frame[plan.frame["planned_budget"] > 1]
    ratio = funded["expected_profit"] / funded["planned_budget"]
    np.testing.assert_allclose(funded["expected_poas"], ratio, atol=1e-4)
    shares = plan.frame.groupby("date")["budget_share"].sum()
    np.testing.assert_allclose(shares, 1.0, atol=1e-3)
    change = funded["planned_budget"] / funded["current_budget"] * 100 - 100
    np.testing.assert_allclose(funded["change_pct"], change, atol=0.06)


def test_what_is_funded_returns_more_at_the_margin_than_what_is_not(plan) -> None:
    frame = plan.frame[plan.frame["binding_limit"] != "pool supply"]
    funded = frame.loc[frame["planned_budget"] > 1, "marginal_poas"]
    stopped = frame.loc[frame["planned_budget"] == 0, "marginal_poas"]
    assert funded.median() > stopped.median()


def test_the_same_run_and_arguments_give_the_same_bytes(plan, tmp_path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_plan(plan_of(WORLD), WORLD, tmp_path / name / "plan.csv")
    for file in ("plan.csv", "plan_summary.csv", "columns.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_plan_has_another_id(plan) -> None:
    other = plan_of(WORLD.with_budget(WORLD.budget / 2))
    assert other.frame["plan_id"].nunique() == 1
    assert other.frame["plan_id"].iloc[0] != plan.frame["plan_id"].iloc[0]


def test_the_summary_is_the_sum_of_the_plan(plan) -> None:
    summary = summary_frame(plan.frame, WORLD, plan.rollout)
    assert list(summary["promotion_id"]) == [*WORLD.catalog.promotion_ids, "TOTAL"]
    total = summary.iloc[-1]
    assert total["planned_budget"] == pytest.approx(plan.frame["planned_budget"].sum())
    assert total["expected_profit"] == pytest.approx(plan.frame["expected_profit"].sum())
    assert total["profit_p10"] < total["profit_p50"] < total["profit_p90"]


@pytest.mark.parametrize("by", ["day", "week"])
@pytest.mark.parametrize("level", ["line_item", "promotion"])
def test_coarser_plans_hold_the_same_money(plan, by: str, level: str) -> None:
    coarse = aggregate(plan.frame, by, level)
    assert list(coarse.columns) == list(COLUMNS)
    for column in ("planned_budget", "current_budget", *EXPECTED):
        assert coarse[column].sum() == pytest.approx(plan.frame[column].sum())
    assert coarse["date"].nunique() == (2 if by == "week" else 10)
    assert (coarse["placement_id"] == "all").all() == (level == "promotion")


def test_the_current_mix_plan_changes_nothing() -> None:
    plan = plan_of(WORLD, CurrentMix())
    np.testing.assert_allclose(
        plan.frame["planned_budget"], plan.frame["current_budget"], atol=0.02
    )


def test_a_line_items_own_maximum_holds_and_is_named() -> None:
    most = np.full(WORLD.catalog.num_line_items, 5.008)
    capped = plan_of(replace(WORLD, max_spend=most)).frame
    assert capped["planned_budget"].max() == 5.0  # the whole cent below
    at_cap = capped[capped["planned_budget"] == 5.0]
    assert (at_cap["binding_limit"] == "own maximum").all()
    assert at_cap["reason"].str.contains("at its cap").all()
    assert (capped["max_budget"] == 5.008).all()


def test_no_limit_is_named_where_the_next_unit_would_not_pay(plan) -> None:
    poor = plan.frame["marginal_poas"] <= 1
    assert 0 < poor.sum() < len(plan.frame)
    assert (plan.frame.loc[poor, "binding_limit"] == "").all()
    assert (plan.frame.loc[~poor, "binding_limit"] != "").all()


def test_a_budget_nobody_can_use_is_explained_row_by_row() -> None:
    rich = plan_of(WORLD.with_budget(WORLD.budget * 100)).frame
    assert rich["planned_budget"].sum() < WORLD.budget * 100
    would_pay = rich["marginal_poas"] > 1.02
    assert (rich.loc[would_pay, "binding_limit"] == "pool supply").all()


def test_every_column_is_explained() -> None:
    text = columns_md()
    assert all(f"| `{name}` |" in text for name in COLUMNS)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40))
def test_rounding_keeps_the_total_and_moves_nothing_by_a_whole_cent(amounts: list[float]) -> None:
    values = np.array(amounts)
    total = round(values.sum() * 100)
    cents = to_cents(values, total)
    assert cents.sum() == total
    assert (np.abs(cents - values * 100) < 1 + 1e-6).all()
    assert (cents >= 0).all()


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10_000), st.floats(0.01, 50.0), st.one_of(st.just(np.inf), st.floats(0.5, 20))
)
def test_rounded_days_pass_no_limit(seed: int, budget: float, most_a_day: float) -> None:
    rng = np.random.default_rng(seed)
    spend = rng.random((5, 7)) * (rng.random((5, 7)) < 0.5)
    spend *= budget / max(spend.sum(), 1e-9)
    spend *= np.minimum(1, most_a_day / np.maximum(spend.sum(axis=1, keepdims=True), 1e-9))
    cents = days_in_cents(spend, budget, most_a_day)
    assert cents.sum() <= budget * 100 + 1e-6
    assert (cents.sum(axis=1) <= most_a_day * 100 + 1e-6).all()
    assert (cents >= 0).all()
