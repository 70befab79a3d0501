"""What the page tells of the plan itself: changes, every line item, days, limits and caveats."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from promopilot.envs.rates import Rates, Stage
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.report import (
    allocation,
    caveats,
    curves,
    glossary,
    limits,
    render_report,
)
from promopilot.experiments.report.budget_table import budget_table
from promopilot.experiments.report.finished_run import FinishedRun, read_run
from promopilot.experiments.report.heatmap import heatmap
from promopilot.experiments.report.likely_range import likely_factors
from promopilot.experiments.report.moves import moves_chart
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.replay import both
from promopilot.experiments.report.response_curves import largest_curves
from promopilot.experiments.report.section import Page
from promopilot.experiments.report.waterfall import waterfall_chart


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page(read_run(run), Numbers("USD"))


def raw(cell: str) -> float:
    return float(str(re.findall(r'value="([^"]*)"', cell)[0]))


def test_every_line_item_with_money_stands_in_the_table_once(page: Page) -> None:
    table, plan = budget_table(page), page.run.plan
    for column, name in (("current_budget", "current"), ("planned_budget", "planned")):
        told = [raw(getattr(line, name)) for line in table.lines]
        assert sum(told) == pytest.approx(plan[column].sum())
    names = [(line.promotion, line.placement, line.segment) for line in table.lines]
    assert len(set(names)) == len(names)
    assert {line.placement for line in table.lines} == set(table.placements)
    signs = {"up": 1, "same": 0, "down": -1}
    assert all(np.sign(round(raw(x.change), 2)) == signs[x.direction] for x in table.lines)


def test_changes_are_drawn_from_most_added_to_most_taken(page: Page) -> None:
    bars = moves_chart(page).traces[0]["x"]
    plan = page.run.plan
    assert bars == sorted(bars, reverse=True)
    assert sum(bars) == pytest.approx(plan["planned_budget"].sum() - plan["current_budget"].sum())


def test_the_waterfall_leads_from_the_current_mix_to_the_plan(page: Page) -> None:
    (bars,) = waterfall_chart(page).traces
    first, *steps, last = bars["x"]
    assert bars["measure"] == ["absolute", *["relative"] * len(steps), "total"]
    assert first + sum(steps) == pytest.approx(last)
    flights = both(page.run).sum()
    assert (first, last) == pytest.approx((flights["before"], flights["after"]))


def test_the_heatmap_holds_the_plan_by_promotion_and_day(page: Page) -> None:
    (tiles,) = heatmap(page).traces
    by_day = page.run.plan.groupby("date")["planned_budget"].sum()
    assert np.sum(tiles["z"], axis=0) == pytest.approx(by_day.to_numpy())


def test_limits_are_told_with_the_money_at_them(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    plan = pd.read_csv(copied / "plan.csv", dtype=str, keep_default_na=False)
    plan["binding_limit"] = ["pool supply"] * 3 + ["our own cap"] * 4 + [""] * (len(plan) - 7)
    plan.to_csv(copied / "plan.csv", index=False)
    view = limits.section(Page(read_run(copied), Numbers("USD"))).view
    told = {row[0]: (row[1], raw(row[2])) for row in view["rows"]}
    money = plan["planned_budget"].astype(float)
    assert told == {
        limits.LIMITS["pool supply"]: ("3", pytest.approx(money[:3].sum())),
        "our own cap": ("4", pytest.approx(money[3:7].sum())),
    }
    assert f"For 7 of {len(plan)} rows" in view["note"]


def test_without_a_binding_limit_the_page_says_so(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    plan = pd.read_csv(copied / "plan.csv", dtype=str, keep_default_na=False)
    plan.assign(binding_limit="").to_csv(copied / "plan.csv", index=False)
    view = limits.section(Page(read_run(copied), Numbers("USD"))).view
    assert view["rows"] == []
    assert "No limit holds the plan back" in view["note"]


def told(run: FinishedRun) -> str:
    return " ".join(caveats.section(Page(run, Numbers("USD"))).view["caveats"])


def test_caveats_stand_where_they_apply(
    page: Page, make_run: Callable[..., Path], run: Path, tmp_path: Path
) -> None:
    assert "our own simulated market" in told(page.run)
    assert "Every order after an exposure counts" in told(page.run)
    assert "Every order after an exposure" not in told(read_run(make_run(incrementality=0.5)))
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    path = copied / "backtest.json"
    found = json.loads(path.read_text(encoding="utf-8")) | {"passes": False}
    assert "did not foresee days" not in told(page.run)
    path.write_text(json.dumps(found), encoding="utf-8")
    assert "did not foresee days" in told(read_run(copied))


def test_caveats_say_nothing_that_the_run_s_files_deny(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    assert "Media prices are assumed" in told(read_run(copied))
    sources = copied / "market" / "sources.json"
    found = json.loads(sources.read_text(encoding="utf-8"))
    found |= {"price of placement-0": "data", "price noise": "prior: AR(1)"}
    sources.write_text(json.dumps(found), encoding="utf-8")
    assert "Media prices are assumed" not in told(read_run(copied))  # only how they swing is
    for name, better in (("value_as_exported", True), ("value_with_daily_update", False)):
        path = copied / "plan_value.json"
        judged = json.loads(path.read_text(encoding="utf-8"))
        low = min(judged["value_as_exported"], judged["value_with_daily_update"])
        path.write_text(json.dumps(judged | {name: low - 1.0}), encoding="utf-8")
        assert ("does better than whoever lets it run" in told(read_run(copied))) == better


def test_the_glossary_tells_each_word_once(page: Page) -> None:
    terms = [term for term, _ in glossary.section(page).view["terms"]]
    assert len(set(terms)) == len(terms)
    assert {"Line item", "Daily re-optimiser", "Usable evidence"} <= set(terms)


def test_curves_show_what_may_be_spent_at_least_and_at_most(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    plan = pd.read_csv(copied / "plan.csv", dtype=str, keep_default_na=False)
    most = plan["planned_budget"].astype(float) * 1.2
    plan.assign(min_budget="0.5", max_budget=most.map("{:.2f}".format)).to_csv(
        copied / "plan.csv", index=False
    )
    html = render_report(copied).partition('<section id="curves"')[2].partition("</section>")[0]
    assert "least and most that may be spent" in html
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert any(len(json.loads(chart)["layout"]["shapes"]) == 2 for chart in found)
    assert "least and most that may be spent" not in render_report(run)


@pytest.mark.parametrize(("shared", "own"), [(0.3, 0.2), (0.6, 0.0), (0.0, 0.0)])
def test_eight_of_ten_line_items_lie_in_their_likely_range(shared: float, own: float) -> None:
    rng = np.random.default_rng(0)
    rates = Rates(
        Stage(np.full((3, 1), 0.02), np.array([shared]), np.array([own])),
        Stage(np.full((3, 1), 0.05), np.array([shared]), np.array([own])),
    )
    low, high = likely_factors(rates, 0, 0, np.ones(3, dtype=bool))
    sd = np.hypot(shared, own)
    drawn = np.ones(40_000)
    for rate in (0.02, 0.05):
        stage = expit(logit(rate) + sd * rng.standard_normal(40_000))
        drawn *= stage / stage.mean()
    inside = np.mean((low - 1e-9 <= drawn) & (drawn <= high + 1e-9))
    assert inside == (1.0 if sd == 0 else pytest.approx(0.8, abs=0.01))


def test_the_market_s_own_uncertainty_is_the_band(run: Path) -> None:
    world = load_world(run / "market")
    live = world.live[:, 0]
    low, high = likely_factors(world.rates, int(world.catalog.promotion[0]), 0, live)
    assert low < 1 < high


def test_a_cent_that_is_not_shown_is_no_movement(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    plan = pd.read_csv(copied / "plan.csv")
    plan["planned_budget"] = plan["current_budget"] = 10.0
    plan.loc[0, "planned_budget"] = 9.99
    plan.to_csv(copied / "plan.csv", index=False)
    charts = allocation.section(Page(read_run(copied), Numbers("USD"))).view["charts"]
    assert [chart.note for chart in charts] == ["The plan leaves this split as it is."] * 3
    plan.loc[0, "planned_budget"] = 8.5
    plan.to_csv(copied / "plan.csv", index=False)
    charts = allocation.section(Page(read_run(copied), Numbers("USD"))).view["charts"]
    assert all("Most is taken" in chart.note for chart in charts)


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (np.full(3, 0.4), "share its exposures, which the curves leave out."),
        (np.full(3, 1 / 6), "Each has exposures of its own"),
        (np.array([0.4, 1 / 6, 1 / 6]), "In Home page the line items of a segment share"),
    ],
)
def test_curves_say_who_shares_exposures(
    run: Path, tmp_path: Path, reach: np.ndarray, said: str
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "much"))
    plan = pd.read_csv(copied / "plan.csv", dtype={"promotion_id": str})
    plan.loc[plan["promotion_id"] == "promotion-0", "planned_budget"] += 50.0  # in all placements
    plan.to_csv(copied / "plan.csv", index=False)
    view = curves.section(with_reach(copied, tmp_path, reach)).view
    assert said in re.sub("<[^>]*>", "", view["note"])


def test_a_line_item_that_has_nearly_all_it_can_have_is_marked(run: Path, tmp_path: Path) -> None:
    few = with_reach(run, tmp_path, np.full(3, 1e-4))
    item = largest_curves(few.run)[0]
    most = curves.section(few).view["charts"][0]
    share = re.search(r"little more to be had: .*?value=\"([^\"]*)\"", str(most.note))
    assert share is not None
    assert 0.85 < float(share[1]) == item.bought <= 1
    many = with_reach(run, tmp_path / "many", np.full(3, 1.0))
    assert not any("little more" in str(one.note) for one in curves.section(many).view["charts"])


def with_reach(run: Path, folder: Path, reach: np.ndarray) -> Page:
    """The run in a market where the line items of each placement reach this share of their pool."""
    copied = Path(shutil.copytree(run, folder / "run"))
    world = load_world(copied / "market")
    world = replace(world, reach_share=reach[world.catalog.placement])
    save_world(world, copied / "market")
    return Page(read_run(copied), Numbers("USD"))
