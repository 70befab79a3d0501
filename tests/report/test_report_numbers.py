"""Every figure of the page is the one in the run's files."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

from promopilot.envs import response
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.report import render_report, words
from promopilot.experiments.report.finished_run import read_run
from promopilot.experiments.report.replay import gains
from promopilot.experiments.report.response_curves import largest_curves


class Figures(HTMLParser):
    """Collects (key, raw value, what is read) of every marked number, and the charts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, float, str]] = []
        self.charts: dict[str, Any] = {}
        self._open: tuple[str, float] | None = None
        self._chart, self._json = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "data":
            self._open = (str(given["data-key"]), float(str(given["value"])))
        if tag == "figure":
            self._chart = str(given["id"]).removeprefix("chart-")
        self._json = tag == "script" and given.get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.found.append((*self._open, data))
            self._open = None
        if self._json:
            self.charts[self._chart] = json.loads(data)
            self._json = False


@pytest.fixture(scope="module", params=["en", "zh"])
def html(run: Path, request: pytest.FixtureRequest) -> str:
    return render_report(run, request.param)


@pytest.fixture(scope="module")
def figures(html: str) -> Figures:
    parser = Figures()
    parser.feed(html)
    return parser


class Files:
    """Works out the keys of marked numbers from nothing but the CSV and JSON files."""

    def __init__(self, run: Path) -> None:
        self.plan = pd.read_csv(run / "plan.csv", dtype={"promotion_id": str})
        summary = pd.read_csv(run / "plan_summary.csv").set_index("promotion_id")
        places = {
            **{
                name: run / f"{name}.json"
                for name in (
                    *("simulations", "plan_value", "scores", "explanations"),
                    *("backtest", "afterwards", "limit_costs"),
                )
            },
            **{"stages": run / "stages.json", "ope": run / "ope" / "ope.json"},
            "world": run / "market" / "world.json",
        }
        self.json = {n: json.loads(p.read_text(encoding="utf-8")) for n, p in places.items()}
        self.json["summary"] = {str(i): dict(row) for i, row in summary.iterrows()}

    def value(self, key: str) -> float:
        first, *rest = re.split(r" ([-+/]) ", key.removeprefix("abs "))
        value = self._atom(first)
        for sign, place in zip(rest[::2], rest[1::2], strict=True):
            other = self._atom(place)
            value = {"-": value - other, "+": value + other, "/": value / (other or 1)}[sign]
        return abs(value) if key.startswith("abs ") else value

    def _atom(self, key: str) -> float:
        file, _, path = key.partition(":")
        if file == "plan":
            return self._of_plan(path)
        node: Any = self.json[file]
        before, star, after = path.partition(".*.")
        for part in before.split("."):
            node = node[int(part)] if isinstance(node, list) else node[part]
        return float(sum(each[after] for each in node) if star else node)

    def _of_plan(self, path: str) -> float:
        column, _, query = path.partition("?")
        rows = self.plan
        for name, wanted in parse_qsl(query):
            late = name == "date_upto"
            rows = rows[rows["date"] <= wanted] if late else rows[rows[name] == wanted]
        if "@" not in column:
            return float(rows[column].sum())
        column, weight = column.split("@")
        if rows[weight].sum() == 0:
            return float(rows[column].mean())
        return float(np.average(rows[column], weights=rows[weight]))


def test_every_marked_figure_is_the_one_in_the_files(run: Path, figures: Figures) -> None:
    files = Files(run)
    marked = [(key, value) for key, value, _ in figures.found if not key.startswith("average:")]
    assert len(marked) > 150
    wrong = [
        (key, value, files.value(key))
        for key, value in marked
        if not np.isclose(value, files.value(key), rtol=1e-9, atol=1e-9)
    ]
    assert not wrong


# Where a budget owner looks for figures: (from, to) of the page, and at least how many are there.
PLACES = {
    "tiles": ('<dl class="tiles">', "</dl>", 11),
    "changes": ('<section id="changes"', "</table>", 12),
    "line items": ('<table id="lines"', "</tbody>", 100),
    "policies": ('id="chart-policies"', "</table>", 40),
    "days": ('id="chart-by-day"', "</table>", 7 * 3),
    "promotions by day": ('id="chart-heatmap"', "</table>", 5 * 7),
    "pace": ('id="chart-pace"', "</table>", 7),
    "limits": ('<section id="limits"', "</table>", 6 * 2),
}
# Figures of the run that are no results: counts of rows, names, days, one unit of money.
_NAMES = re.compile(r"<(th|dt|option|figcaption|caption|script|label)\b.*?</\1>|\$1\b", re.DOTALL)


@pytest.mark.parametrize("place", PLACES)
def test_every_figure_there_is_tied_to_a_file(run: Path, html: str, place: str) -> None:
    start, end, least = PLACES[place]
    assert html.count(start) == 1
    part = html.partition(start)[2].partition(end)[0]
    keys = re.findall(r'data-key="([^"]*)"', part)
    assert len(keys) >= least
    # What no file holds is checked on its own, below.
    assert {key for key in keys if key.startswith("average:")} <= {"average:gain"}
    untied = re.sub(r"<data .*?</data>", "", _NAMES.sub("", part))
    left = re.findall(r"\d[\d.,]*", re.sub(r"<[^>]*>", " ", untied))
    rows = pd.read_csv(run / "plan.csv", keep_default_na=False)["binding_limit"]
    counted = rows[rows != ""].value_counts().astype(str).tolist()
    told = {"tiles": ["10", "8"], "limits": counted}.get(place, [])  # 8 of 10 flights
    assert sorted(left) == sorted(told)


def test_what_is_read_is_the_raw_value_rounded(figures: Figures) -> None:
    wrong = []
    for key, value, shown in figures.found:
        digits = re.search(r"[\d,]*\d(?:\.\d+)?", shown)
        assert digits is not None, (key, shown)
        number = digits.group().replace(",", "")
        read = float(number) * (-1 if "\N{MINUS SIGN}" in shown else 1)
        scale = 1e4 if "in 10,000" in shown or "万分之" in shown else 1.0
        unit = 10.0 ** -len(number.partition(".")[2])
        close = [abs(value * s - read) <= 0.5 * unit + 1e-9 for s in (scale, 100.0)]
        if not (close[0] or (shown.endswith("%") and close[1])):
            wrong.append((key, value, shown))
    assert not wrong


@pytest.mark.parametrize(
    "key",
    [
        "plan_value:vs_current_mix_pct",
        "summary:TOTAL.planned_budget",
        "simulations:policies.ppo.vs_replanner_ci95.0",
        "simulations:policies.ppo.gap_closed_ci95.1",
        "simulations:policies.ppo.fallback_share",
        "simulations:policies.replanner.pct_of_clairvoyant",
        "simulations:policies.clairvoyant_bound.value_mean",
        "simulations:stress.shock.dqn.vs_replanner_pct",
        "simulations:stress.price_high.replanner.value_mean",
        "ope:estimates.3.estimate",
        "ope:market.true_value",
        "ope:market.rolled_out_value",
        "ope:diagnostics.ess",
        "ope:diagnostics.pareto_k",
        "ope:diagnostics.agreement.difference",
        "ope:diagnostics.weight_histogram.0.units",
        "ope:diagnostics.reward_calibration.0.observed",
        "ope:diagnostics.propensity_calibration.0.predicted",
        "ope:diagnostics.clip_sensitivity.0.estimate",
        "ope:estimates.4.diff_ci95.0",
        "ope:next_test.size_per_arm",
        "scores:test.log_loss_base",
        "scores:test.baselines.frozen",
        "scores:test.coverage.0.coverage",
        "scores:test.reliability.9.observed",
        "backtest:wape_by_day",
        "backtest:naive_wape_by_promotion",
        "backtest:coverage_80_by_promotion",
        "backtest:by_promotion.15.actual",
        "afterwards:by_day.6.high",
        "stages:stages.plan.seconds",
        "explanations:comprehensiveness.ctcvr.raising_pct",
        "explanations:promotions.0.vs_average_pct.ctcvr",
        "plan:planned_budget?placement_id=placement-1",
    ],
)
def test_what_analysts_ask_for_is_on_the_page(figures: Figures, key: str) -> None:
    assert key in {found for found, _, _ in figures.found}


def test_bars_add_up_to_the_plan(run: Path, figures: Figures) -> None:
    plan = pd.read_csv(run / "plan.csv")
    for name in ("allocation-placement", "allocation-segment", "allocation-promotion"):
        before, after = (sum(trace["x"]) for trace in figures.charts[name]["data"])
        assert before == pytest.approx(plan["current_budget"].sum())
        assert after == pytest.approx(plan["planned_budget"].sum())
    bars = [trace for trace in figures.charts["by-day"]["data"] if trace["type"] == "bar"]
    by_day = plan.groupby("date")["planned_budget"].sum()
    assert np.sum([bar["y"] for bar in bars], axis=0) == pytest.approx(by_day.to_numpy())
    assert figures.charts["pace"]["data"][2]["y"][1:] == pytest.approx(by_day.cumsum().to_numpy())


def test_dots_and_intervals_are_those_of_the_files(run: Path, figures: Figures) -> None:
    ope = json.loads((run / "ope" / "ope.json").read_text(encoding="utf-8"))
    dots = figures.charts["evidence"]["data"][0]
    low = np.array(dots["x"]) - dots["error_x"]["arrayminus"]
    assert dots["x"][:-1] == [row["estimate"] for row in ope["estimates"]]
    assert low[:-1] == pytest.approx([row["ci95"][0] for row in ope["estimates"]])
    assert dots["x"][-1] == ope["market"]["rolled_out_value"]
    lines = [shape["x0"] for shape in figures.charts["evidence"]["layout"]["shapes"]]
    assert lines == [ope["logged_value"], ope["market"]["true_value"]]


def test_curves_go_through_what_the_response_says(run: Path, figures: Figures) -> None:
    world = load_world(run / "market")
    plan = pd.read_csv(run / "plan.csv")
    sums = plan.groupby(["promotion_id", "placement_id", "segment_id"], sort=False)[
        ["planned_budget", "expected_conversions", "expected_impressions"]
    ].sum()
    ids = sums["planned_budget"].idxmax()
    top = sums.loc[ids]
    catalog = world.catalog
    item = next(
        i
        for i in range(catalog.num_line_items)
        if ids
        == (
            catalog.promotion_ids[catalog.promotion[i]],
            catalog.placement_ids[catalog.placement[i]],
            catalog.segment_ids[catalog.segment[i]],
        )
    )
    traces = {trace["name"]: trace for trace in figures.charts["curve-0"]["data"]}
    curve, plan_point = (
        next(traces[name] for name in names if name in traces)
        for names in (("response", "响应"), ("plan", "计划"))
    )
    reach = 0.4 * world.supply[:, catalog.pool[item]].mean()
    bought = response.impressions(
        np.array(curve["x"]), np.full(60, world.unit_cost[item]), np.full(60, reach)
    )
    rate = top["expected_conversions"] / top["expected_impressions"]
    worth = catalog.profit_per_conversion()[catalog.promotion[item]]
    assert curve["y"] == pytest.approx((bought * rate * worth).tolist())
    assert plan_point["x"][0] == pytest.approx(top["planned_budget"] / world.days)
    assert np.interp(plan_point["x"], curve["x"], curve["y"]) == pytest.approx(
        plan_point["y"], rel=1e-3
    )


SATURATIONS = [
    Saturation(),
    Saturation("michaelis_menten"),
    *(Saturation("hill", s) for s in (0.6, 2.5)),
]


@pytest.mark.parametrize("saturation", SATURATIONS, ids=str)
def test_curves_are_those_of_the_market_s_family(
    run: Path, tmp_path: Path, saturation: Saturation
) -> None:
    again = Path(shutil.copytree(run, tmp_path / "run"))
    world = load_world(run / "market")
    world = replace(world, dynamics=replace(world.dynamics, saturation=saturation))
    save_world(world, again / "market")
    finished = read_run(again)
    curves = largest_curves(finished)
    assert len(curves) == 8
    for curve in curves:
        spent, profit = curve.planned
        around = curve.spend[np.abs(curve.spend - spent).argsort()[:2]]
        near = np.interp(around, curve.spend, curve.profit)
        slope = (near[1] - near[0]) / (around[1] - around[0])
        assert curve.next_unit == pytest.approx(slope, rel=0.02)
        assert np.interp(spent, curve.spend, curve.profit) == pytest.approx(profit, rel=1e-2)
    note = render_report(again).partition('<section id="curves"')[2].partition("</section>")[0]
    assert f"family “{words.CURVES[saturation.family][0]}" in note
    assert ("brings little at first" in note) == (saturation.slope > 1)
    assert "its shape is an assumption" in note


def test_gains_are_the_difference_of_two_average_flights(run: Path, figures: Figures) -> None:
    finished = read_run(run)
    market = Market(finished.world, expected=True)
    total = []
    for column in ("planned_budget", "current_budget"):
        market.reset_to_mean()
        flights = [market.step(day[None]) for day in finished.spend(column)]
        total.append(sum(float(day.objective.sum()) for day in flights))
    found = gains(finished)
    assert found.sum() == pytest.approx(total[0] - total[1])
    shown = [value for key, value, _ in figures.found if key == "average:gain"]
    assert shown == sorted(shown, reverse=True)
    assert shown == pytest.approx(found[found > 0].head(len(shown)).tolist())


def test_a_changed_file_changes_the_page(changed: Callable[..., Path]) -> None:
    run = changed(plan_value=lambda judged: judged.update(vs_current_mix_pct=12.34))
    assert '<data class="n" data-key="plan_value:vs_current_mix_pct" value="12.34">+12.3' in (
        render_report(run)
    )
