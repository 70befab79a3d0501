"""explanations.json: which promotions, where they are shown, and what is said of them."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.example import write_example
from promopilot.experiments.explanations import CONTEXTS, MOST, explain_plan
from promopilot.experiments.tables import Tables, read_tables
from promopilot.predictors import Prediction, PredictorSettings, Rows


class Host:
    """Halves the click rate in the second placement; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Rows] = []

    def predict(self, rows: Rows) -> Prediction:
        self.asked.append(rows)
        ctr = np.where(rows.placement == 1, 0.01, 0.02)
        return Prediction(ctr=ctr, cvr=np.full(len(rows), 0.1), ctcvr=0.1 * ctr)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    write_example(folder, seed=1)
    return read_tables(folder / "data")


@pytest.fixture(scope="module")
def plan(tables: Tables) -> pd.DataFrame:
    """Money grows with the promotion's place in the table; exposures only in two placements."""
    items = (
        tables.promotions[["promotion_id"]]
        .merge(tables.placements[["placement_id"]], how="cross")
        .merge(tables.segments[["segment_id"]], how="cross")
        .merge(pd.DataFrame({"date": ["2025-04-22", "2025-04-23"]}), how="cross")
    )
    number = items["promotion_id"].map({p: n for n, p in enumerate(items["promotion_id"].unique())})
    place = items["placement_id"].map({p: n for n, p in enumerate(items["placement_id"].unique())})
    shown = np.select([place == 0, place == 1], [300.0, 100.0], 0.0)
    return items.assign(planned_budget=number * 1.0, expected_impressions=shown)


def explained(host: Host, tables: Tables, plan: pd.DataFrame) -> dict[str, object]:
    tokenizer = SimpleNamespace(is_fast=False)
    return explain_plan(host, tokenizer, tables, plan, PredictorSettings(), seed=0)


def test_promotions_come_by_planned_money(tables: Tables, plan: pd.DataFrame) -> None:
    found = explained(Host(), tables, plan)
    ids = [each["promotion_id"] for each in found["promotions"]]
    assert ids == list(tables.promotions["promotion_id"])[::-1]
    assert found["promotions_in_plan"] == len(ids)
    json.dumps(found, allow_nan=False)


def test_contexts_are_drawn_as_often_as_they_are_shown(tables: Tables, plan: pd.DataFrame) -> None:
    host = Host()
    found = explained(host, tables, plan)
    shown = host.asked[0]  # the stages' names are told from the rows themselves
    per_promotion = shown.placement.reshape(-1, CONTEXTS)
    assert (np.sort(per_promotion) == [0] * (3 * CONTEXTS // 4) + [1] * (CONTEXTS // 4)).all()
    assert len(np.unique(shown.day)) == 2
    rate = np.exp((3 * np.log(0.02) + np.log(0.01)) / 4)
    assert found["promotions"][0]["rates"]["ctr"] == pytest.approx(rate)


def test_a_promotion_that_is_never_shown_is_explained_everywhere(
    tables: Tables, plan: pd.DataFrame
) -> None:
    found = explained(Host(), tables, plan.assign(expected_impressions=0.0))
    assert len(found["promotions"]) == plan["promotion_id"].nunique()


def test_only_so_many_promotions_are_explained(tables: Tables) -> None:
    many = pd.concat(
        [
            tables.promotions.iloc[[0]].assign(promotion_id=f"p{n}", text=f"offer number {n}")
            for n in range(MOST + 15)
        ],
        ignore_index=True,
    )
    plan = pd.DataFrame(
        {
            "promotion_id": many["promotion_id"],
            "placement_id": tables.placements["placement_id"].iloc[0],
            "segment_id": tables.segments["segment_id"].iloc[0],
            "date": "2025-04-22",
            "planned_budget": np.arange(len(many), dtype=float),
            "expected_impressions": 1.0,
        }
    )
    shop = SimpleNamespace(promotions=many, placements=tables.placements, segments=tables.segments)
    found = explained(Host(), shop, plan)
    assert len(found["promotions"]) == MOST
    assert found["promotions_in_plan"] == MOST + 15
    assert found["promotions"][0]["promotion_id"] == f"p{MOST + 14}"
    # No word does anything here, and the test must not say that words can be trusted.
    assert found["texts_tested"] == MOST
    assert not any(test["holds"] for test in found["comprehensiveness"].values())
