"""The studio: what a set of wishes comes to, and the page that asks for them."""

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from promopilot.envs.errors import InfeasibleError
from promopilot.experiments.cli.app import app
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.studio import page
from promopilot.experiments.studio.plan_file import plan_csv
from promopilot.experiments.studio.what_if import SCALES, Shop, open_shop, what_if
from promopilot.experiments.studio.wishes import PromotionWish, Wishes


@pytest.fixture(scope="module")
def shop(run: Path) -> Shop:
    opened = open_shop(run)
    return replace(opened, planner=replace(opened.planner, flights=8))


def test_without_wishes_it_is_the_plan_of_the_run(shop: Shop, run: Path) -> None:
    found = what_if(shop, Wishes(shop.world.budget))
    plan = pd.read_csv(run / "plan.csv")
    by_promotion = plan.groupby("promotion_id")["planned_budget"].sum()
    frame = found.by_promotion(shop.names)
    planned = by_promotion.reindex(shop.world.catalog.promotion_ids).fillna(0.0)
    np.testing.assert_allclose(frame["planned"], planned, atol=0.005)
    assert found.by_day()["planned"].sum() == pytest.approx(found.plan.planned)


def test_more_money_is_never_planned_than_is_given_and_wishes_hold(shop: Shop) -> None:
    first, second = shop.world.catalog.promotion_ids[:2]
    days, budget = shop.world.days, shop.world.budget
    wishes = Wishes(
        budget / 2,
        per_day=budget / 2 / days * 1.5,
        promotions={first: PromotionWish(most=1.0), second: PromotionWish(locked=True)},
    )
    found = what_if(shop, wishes)
    by_day = found.table.spend.sum(axis=1)
    assert by_day.sum() <= budget / 2 + 1e-9
    assert by_day.max() <= wishes.per_day + 1e-9
    frame = found.by_promotion(shop.names)
    assert frame["planned"].iloc[0] <= days * 1.0 + 1e-9
    # A lock holds what is spent now, which the smaller budget scales down.
    np.testing.assert_allclose(frame["planned"].iloc[1], frame["current"].iloc[1], atol=0.05)


def test_a_curve_passes_through_nothing_and_the_plan(shop: Shop) -> None:
    found = what_if(shop, Wishes(shop.world.budget))
    frame = found.by_promotion(shop.names)
    at = int(frame["planned"].argmax())
    curve = found.curve(at)
    assert curve.iloc[0].tolist() == [0.0, 0.0]
    plan = curve.iloc[len(SCALES) // 2]
    assert plan["media"] == pytest.approx(frame["planned"][at])
    assert plan["profit"] == pytest.approx(frame["profit"][at])
    assert (curve["profit"].diff().dropna() > 0).all()
    assert (curve["profit"].diff().diff().dropna() < 1e-9).all()  # each unit brings less


def test_the_runs_own_limits_stay_in_force(shop: Shop) -> None:
    own = {"bounds": [{"promotion": "promotion-0", "max": 2.0}], "step": {"min_change": 0.05}}
    kept = replace(shop, own=own)
    wishes = Wishes(shop.world.budget, promotions={"promotion-1": PromotionWish(most=3.0)})
    spend = what_if(kept, wishes).table.spend
    by_promotion = shop.world.catalog.by_promotion.sum(spend)
    assert by_promotion[:, 0].max() <= 2.0 + 1e-9
    assert by_promotion[:, 1].max() <= 3.0 + 1e-9
    assert wishes.limits(own).step.min_change == 0.05
    asked = Wishes(10.0, max_change=0.1).limits(own).step
    assert (asked.max_change, asked.min_change) == (0.1, 0.05)


FAULTS = [
    (Wishes(0.0), ConfigError, "budget.total"),
    (Wishes(100.0, promotions={"nobody": PromotionWish(most=1.0)}), ConfigError, "nobody"),
    (
        Wishes(100.0, promotions={"promotion-0": PromotionWish(least=5.0, most=1.0)}),
        ConfigError,
        "min of 5 is above its max of 1",
    ),
    (
        Wishes(1.0, promotions={"promotion-0": PromotionWish(least=5.0)}),
        InfeasibleError,
        "cannot all hold",
    ),
]


@pytest.mark.parametrize(("wishes", "error", "message"), FAULTS)
def test_wishes_that_cannot_be_are_said(shop: Shop, wishes, error, message: str) -> None:
    with pytest.raises(error, match=message):
        what_if(shop, wishes)


def test_downloads_make_the_same_plan_from_the_command_line(
    shop: Shop, run: Path, tmp_path: Path
) -> None:
    wishes = Wishes(shop.world.budget * 0.7, promotions={"promotion-1": PromotionWish(most=2.0)})
    text = plan_csv(shop, what_if(shop, wishes))
    limits = tmp_path / "limits.yaml"
    limits.write_text(wishes.as_yaml())
    assert parse_limits(limits.read_text(), "it").model_dump() == wishes.limits().model_dump()
    out = tmp_path / "plan.csv"
    asked = ["plan", str(run), "--limits", str(limits), "--out", str(out)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    spent = ["date", "promotion_id", "placement_id", "segment_id", "planned_budget"]
    theirs = pd.read_csv(out)[spent]
    (tmp_path / "mine.csv").write_text(text)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "mine.csv")[spent], theirs)


@pytest.fixture
def visit(run: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    def show(folder: str) -> None:
        from promopilot.experiments.studio.page import main

        main(folder)

    return AppTest.from_function(show, args=(str(run),), default_timeout=120).run()


def test_the_page_shows_plan_and_gain_and_follows_the_budget(visit: AppTest) -> None:
    assert not visit.exception
    assert visit.title[0].value.startswith("What if?")
    before = {one.label: one.value for one in visit.metric}
    assert set(before) == {"Planned media", "Net profit", "Conversions", "ROAS"}
    visit.sidebar.number_input[0].set_value(visit.sidebar.number_input[0].value / 2).run()
    after = {one.label: one.value for one in visit.metric}
    assert after["Planned media"] != before["Planned media"]
    visit.button[0].click().run()
    assert visit.dataframe[-1].value.shape[0] == 1  # a scenario kept to compare


def test_wishes_that_contradict_each_other_are_an_error_on_the_page(
    visit: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = Wishes(1.0, promotions={"promotion-0": PromotionWish(least=5.0)})
    monkeypatch.setattr(page, "asked", lambda shop: wishes)
    visit.run()
    assert not visit.exception
    assert "cannot all hold" in visit.error[0].value
    assert not visit.metric


def test_the_command_refuses_what_is_no_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["studio", str(tmp_path), "--no-browser"])
    assert result.exit_code == 2
    assert "run" in result.output


def test_a_port_in_use_is_said(run: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["studio", str(run), "--no-browser", "--port", port])
    assert result.exit_code == 2
    assert f"port {port}: address already in use; name another --port" in result.output


def test_the_page_is_for_this_machine_alone_unless_told_otherwise(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit.web import bootstrap

    asked = {}
    monkeypatch.setattr(bootstrap, "run", lambda page, hello, run, given: asked.update(given))
    result = CliRunner().invoke(app, ["studio", str(run), "--no-browser"])
    assert result.exit_code == 0, result.output
    assert asked["server_address"] == "127.0.0.1"
    assert asked["browser_gatherUsageStats"] is False
    assert Path(page.__file__).name == "page.py"
