"""The studio: what a set of wishes comes to, and the page that asks for them."""

import re
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
from promopilot.experiments.config_yaml import to_yaml
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.file import parse_limits
from promopilot.experiments.studio import controls, page
from promopilot.experiments.studio.plan_file import plan_csv
from promopilot.experiments.studio.scenarios import Scenario, figures_beside, money_beside
from promopilot.experiments.studio.what_if import SCALES, Shop, WhatIf, open_shop, what_if
from promopilot.experiments.studio.wishes import PromotionWish, Wishes, standing


@pytest.fixture(scope="module")
def shop(run: Path) -> Shop:
    opened = open_shop(run)
    return replace(opened, planner=replace(opened.planner, flights=8))


def test_without_wishes_it_is_the_plan_of_the_run(shop: Shop, run: Path) -> None:
    assert shop.own  # the run was made under limits
    found = what_if(shop, shop.start)
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


OWN = {
    "budget": {"total": 900, "per_day": {"max": 70}, "covers": ["spend"]},
    "bounds": [
        {"promotion": "promotion-0", "max": 2.0},
        {"promotion": "promotion-*", "max": 60.0},
        {"promotion": "promotion-0", "placement": "placement-0", "max": 1.0},
    ],
    "locks": [{"promotion": "promotion-2"}, {"placement": "placement-9"}],
    "step": {"max_change": 0.3, "min_change": 0.05},
    "exploration": 0.1,
}


def test_a_runs_own_limits_are_where_the_controls_stand(shop: Shop) -> None:
    wishes, rest = standing(OWN, 800.0, shop.world.catalog.promotion_ids)
    assert (wishes.budget, wishes.per_day, wishes.max_change) == (800.0, 70, 0.3)
    assert wishes.promotions == {
        "promotion-0": PromotionWish(most=2.0),
        "promotion-2": PromotionWish(locked=True),
    }
    assert rest == {
        "budget": {"covers": ["spend"]},
        "bounds": OWN["bounds"][1:],
        "locks": [{"placement": "placement-9"}],
        "step": {"min_change": 0.05},
        "exploration": 0.1,
    }
    # Put together again they are the run's own, and each can be lifted or moved.
    first, *others = OWN["bounds"]
    own = OWN | {
        "budget": OWN["budget"] | {"total": 800.0},
        "bounds": [*others, first],
        "locks": OWN["locks"][::-1],
    }
    assert wishes.limits(rest).model_dump() == parse_limits(to_yaml(own), "it").model_dump()
    free = replace(wishes, per_day=None, max_change=None, promotions={}).limits(rest)
    assert (free.budget.per_day.max, free.step.max_change, free.step.min_change) == (
        *(None, None, 0.05),
    )
    assert len(free.bounds) == 2


def test_a_runs_own_limits_hold_until_they_are_moved(shop: Shop) -> None:
    own = {
        "bounds": [{"promotion": "promotion-0", "max": 2.0}, {"placement": "*", "max": 40.0}],
        "step": {"min_change": 0.05},
    }
    kept = replace(shop, own=own)
    wishes = replace(kept.start, promotions={**kept.start.promotions, "promotion-1": MOST_3})
    spend = what_if(kept, wishes).table.spend
    by_promotion = shop.world.catalog.by_promotion.sum(spend)
    assert by_promotion[:, 0].max() <= 2.0 + 1e-9
    assert by_promotion[:, 1].max() <= 3.0 + 1e-9
    assert spend.sum(axis=1).max() <= 40.0 + 1e-9
    lifted = what_if(kept, replace(kept.start, promotions={"promotion-0": PromotionWish()}))
    assert shop.world.catalog.by_promotion.sum(lifted.table.spend)[:, 0].max() > 2.0


def test_scenarios_stand_side_by_side(shop: Shop) -> None:
    half = what_if(shop, Wishes(shop.world.budget / 2))
    whole = what_if(shop, shop.start)
    kept = {"half": Scenario.of(half), "whole": Scenario.of(whole)}
    figures = figures_beside(kept)
    assert list(figures.columns) == ["half", "whole"]
    assert figures.loc["Budget", "half"] == round(shop.world.budget / 2, 2)
    assert figures.loc["Net profit", "whole"] == round(whole.plan.value("net_profit"), 2)
    money = money_beside(kept, shop.names)
    for name, found in (("half", half), ("whole", whole)):
        shown = found.by_promotion(shop.names).set_index("promotion")["planned"].round(2)
        assert money[name].to_dict() == shown.to_dict()
    spread = (money["half"] - money["whole"]).abs().tolist()
    assert spread == sorted(spread, reverse=True)


MOST_3 = PromotionWish(most=3.0)
FAULTS = [
    (Wishes(0.0), ConfigError, "budget.total"),
    (Wishes(100.0, promotions={"nobody": PromotionWish(most=1.0)}), ConfigError, "nobody"),
    (
        Wishes(100.0, promotions={"promotion-0": PromotionWish(least=5.0, most=1.0)}),
        ConfigError,
        "promotion-0 shall get at least 5 and at most 1 a day",
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


@pytest.mark.parametrize("own", [{"step": {"min_change": 0.1}}, {"targets": {"cpa": 2.4}}])
def test_downloads_are_what_is_shown_and_what_the_command_line_makes(
    shop: Shop, run: Path, tmp_path: Path, own: dict
) -> None:
    shop = replace(shop, own=own, planner=replace(shop.planner, flights=32))
    wishes = Wishes(shop.world.budget * 0.7, promotions={"promotion-1": PromotionWish(most=2.0)})
    found = what_if(shop, wishes)
    (tmp_path / "mine.csv").write_text(plan_csv(shop, found))
    mine = pd.read_csv(tmp_path / "mine.csv")
    spent = ["date", "promotion_id", "placement_id", "segment_id", "planned_budget"]
    # Shown: by promotion, by day, and in all; to the cent.
    names = [shop.names[one] for one in mine["promotion_id"]]
    shown = found.by_promotion(shop.names).set_index("promotion")
    for column in ("current", "planned"):
        of_file = mine.groupby(names)[f"{column}_budget"].sum()
        assert of_file.round(2).to_dict() == shown[column].round(2).to_dict()
        of_day = mine.groupby("date")[f"{column}_budget"].sum().round(2)
        assert of_day.tolist() == found.by_day()[column].round(2).tolist()
    assert round(found.plan.planned, 2) == round(mine["planned_budget"].sum(), 2)
    # The other download makes the same plan from the command line.
    limits, out = tmp_path / "limits.yaml", tmp_path / "plan.csv"
    limits.write_text(wishes.as_yaml(shop.rest))
    result = CliRunner().invoke(app, ["plan", str(run), "--limits", str(limits), "--out", str(out)])
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(mine[spent], pd.read_csv(out)[spent])


def show(folder: str) -> None:
    from promopilot.experiments.studio.page import main

    main(folder)


@pytest.fixture
def visit(run: Path) -> AppTest:
    return AppTest.from_function(show, args=(str(run),), default_timeout=120).run()


@pytest.fixture
def opened(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[Shop]:
    """What the page opens in place of a run; put another shop into it."""
    given = [shop]
    monkeypatch.setattr(page, "opened", lambda run: (given[0], what_if(given[0], given[0].start)))
    return given


def metrics(visit: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in visit.metric}


def test_the_page_shows_plan_and_gain_and_follows_the_budget(visit: AppTest) -> None:
    assert not visit.exception
    assert visit.title[0].value.startswith("What if?")
    before = metrics(visit)
    assert set(before) == {"Planned media", "Net profit", "Conversions", "ROAS"}
    visit.sidebar.number_input[0].set_value(visit.sidebar.number_input[0].value / 2).run()
    assert metrics(visit)["Planned media"] != before["Planned media"]


def test_a_budget_of_cents_is_a_budget(visit: AppTest) -> None:
    visit.sidebar.number_input[0].set_value(0.5).run()
    assert not visit.exception
    assert visit.sidebar.number_input[0].value == 0.5


def test_the_tile_of_media_says_what_the_table_of_promotions_adds_up_to(visit: AppTest) -> None:
    table = visit.dataframe[-1].value
    tile = next(one for one in visit.metric if one.label == "Planned media")
    now, planned = table["current"].sum(), table["planned"].sum()
    assert tile.value == f"{planned:,.0f} USD"
    by = f"{round(planned - now) + 0:+,d}".replace("-", "\N{MINUS SIGN}")
    assert tile.delta == f"{by} against the current mix"


def test_scenarios_are_kept_compared_and_forgotten(visit: AppTest) -> None:
    visit.button[0].click().run()
    visit.sidebar.number_input[0].set_value(visit.sidebar.number_input[0].value / 2).run()
    visit.text_input[0].set_value("half").run()
    visit.button[0].click().run()
    figures, money = (table.value for table in visit.dataframe[-2:])
    assert list(figures.columns) == list(money.columns) == ["scenario 1", "half", "the plan above"]
    assert figures["half"].tolist() == figures["the plan above"].tolist()
    assert figures.loc["Budget", "scenario 1"] > figures.loc["Budget", "half"]
    visit.button[1].click().run()
    assert "promotion" in visit.dataframe[-1].value  # the plan's own table is the last again


def test_the_sidebar_shows_the_limits_in_force_and_moves_them(
    run: Path, shop: Shop, opened: list[Shop]
) -> None:
    own = {"budget": {"per_day": {"max": 60}}, "step": {"max_change": 1, "min_change": 0.05}}
    opened[0] = replace(shop, own=own)
    visit = AppTest.from_function(show, args=(str(run),), default_timeout=120).run()
    assert not visit.exception
    _, per_day, change = visit.sidebar.number_input
    assert (per_day.value, change.value) == (60.0, 100.0)
    assert visit.sidebar.code[0].value.strip() == "step:\n  min_change: 0.05"
    before = metrics(visit)
    change.set_value(1.0).run()
    assert metrics(visit) != before


def test_only_other_wishes_are_planned_anew(
    run: Path, opened: list[Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[Wishes]()

    def counted(shop: Shop, wishes: Wishes) -> WhatIf:
        made.append(wishes)
        return what_if(shop, wishes)

    monkeypatch.setattr(page, "what_if", counted)
    visit = AppTest.from_function(show, args=(str(run),), default_timeout=120).run()
    made.clear()  # opening the run is a plan too
    visit.selectbox[0].select_index(0).run()
    visit.text_input[0].set_value("mine").run()
    visit.sidebar.number_input[0].set_value(visit.sidebar.number_input[0].value / 2).run()
    visit.selectbox[0].select_index(1).run()
    assert not visit.exception
    assert len(made) == 1


def test_wishes_that_cannot_be_are_said_and_the_last_plan_stays(
    visit: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.sidebar.number_input[0].set_value(visit.sidebar.number_input[0].value / 2).run()
    before = metrics(visit)
    wishes = Wishes(1.0, promotions={"promotion-0": PromotionWish(least=5.0)})
    monkeypatch.setattr(controls, "asked", lambda shop: wishes)
    visit.run()
    assert not visit.exception
    assert "cannot all hold" in visit.error[0].value
    assert any("last plan that was possible" in text.value for text in visit.markdown)
    assert metrics(visit) == before


def test_the_studio_speaks_the_language_of_the_report(
    run: Path, shop: Shop, opened: list[Shop]
) -> None:
    opened[0] = replace(shop, language="zh", own={"exploration": 0.1})
    visit = AppTest.from_function(show, args=(str(run),), default_timeout=120).run()
    visit.button[0].click().run()
    assert not visit.exception
    # Kinds of elements that hold words of the page; names and files are the users'.
    told = [*visit.title, *visit.header, *visit.markdown, *visit.metric, *visit.expander]
    told += [*visit.number_input, *visit.text_input, *visit.selectbox, *visit.button]
    words = [str(getattr(one, "label", None) or getattr(one, "value", "")) for one in told]
    bare = [re.sub(r"`[^`]*`|run\b|ROAS|limits\.yaml|CSV|YAML|USD|EUR", "", one) for one in words]
    assert len(words) > 15
    assert [one for one in bare if re.search("[a-z]{3}", one)] == []
    assert visit.dataframe[-2].value.index[0] == "预算"


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
