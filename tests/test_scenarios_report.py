"""The report's section on other budgets, and the pages of comparisons: figures, words, escapes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from promopilot.envs.synthetic import synthetic_world
from promopilot.experiments.atomic import digest
from promopilot.experiments.progress import silent
from promopilot.experiments.report.compared import render_comparison
from promopilot.experiments.report.compared_actuals import render_actuals
from promopilot.experiments.report.finished_run import FinishedRun
from promopilot.experiments.report.language import speaking
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.scenario_curves import has_scenarios, scenario_section
from promopilot.experiments.report.section import Page
from promopilot.experiments.scenarios.document import scenarios_of, write_scenarios
from promopilot.experiments.scenarios.target import Target
from tests.test_scenarios import SIZE, planner_of

WORLD = synthetic_world(SIZE)
MARKED = re.compile(r'<data class="n" data-key="([^"]+)" value="([^"]+)">')
# What the page may not call things: analysts do not know these.
JARGON = re.compile(r"\b(dual|shadow price|policy gradient|bisect\w*|lagrang\w*|replanner)\b", re.I)


def page_of(folder: Path, **world: object) -> Page:
    run = SimpleNamespace(path=folder, world=replace(WORLD, **world))
    return Page(cast(FinishedRun, run), Numbers("USD"))


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    targets = [Target("roas", 1.0), Target("cpa", 1e-6), Target("profit", 20.0)]
    planner = planner_of(WORLD.with_budget(round(WORLD.budget / 3, 2)))
    (folder / "simulations.json").write_text("{}")
    planner.rests_on = digest(folder / "simulations.json")
    document = scenarios_of(planner, [100.0, 200.0], targets, silent)
    write_scenarios(document, folder / "scenarios.json")
    return folder, document


def rendered(folder: Path, budget: float) -> str:
    section = scenario_section(page_of(folder, budget=budget))
    return render_page([section], "title", "kind", "heading").split("<main>")[1].split("</main>")[0]


def at(document: dict[str, Any], place: str) -> float:
    node: Any = document
    for part in place.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return float(node)


def test_every_figure_of_the_section_is_the_one_in_the_file(
    scenarios: tuple[Path, dict[str, Any]],
) -> None:
    folder, document = scenarios
    found = MARKED.findall(rendered(folder, document["budget"]))
    assert len(found) > 30
    for key, value in found:
        assert float(value) == at(document, key.removeprefix("scenarios:"))


def test_the_section_tells_budgets_and_targets(
    scenarios: tuple[Path, dict[str, Any]],
) -> None:
    folder, document = scenarios
    text = re.sub(r"<[^>]+>", "", rendered(folder, document["budget"]))
    for part in (
        "more would not pay",
        "CPA of at most $0.00 is out of reach",
        "ROAS of at least 1.00",
        "more money brings more profit than its media costs; beyond it, less",
    ):
        assert part in text
    assert not JARGON.search(text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_budget_that_pays_for_discounts_has_its_next_unit_per_unit_of_budget(
    tmp_path: Path, language: Literal["en", "zh"]
) -> None:
    planner = planner_of(synthetic_world(SIZE, covers=("spend", "subsidy")))
    (tmp_path / "simulations.json").write_text("{}")
    planner.rests_on = digest(tmp_path / "simulations.json")
    document = scenarios_of(planner, [], [], silent)
    write_scenarios(document, tmp_path / "scenarios.json")
    with speaking(language):
        page = rendered(tmp_path, document["budget"])
    text = re.sub(r"<[^>]+>", "", page)
    for part in {
        "en": ("What the next $1 of budget brings", "Next $1 of budget brings", "line, at 0, it"),
        "zh": ("再花 $1 预算带来什么", "再花 $1 预算带来", "媒体费和折扣"),
    }[language]:
        assert part in text
    assert "marginal_poas" not in page
    keys = [key for key, _ in MARKED.findall(page) if key.endswith("marginal_net_profit")]
    assert len(keys) > len(document["scenarios"]) / 2
    for key, value in MARKED.findall(page):
        assert float(value) == at(document, key.removeprefix("scenarios:"))


def test_scenarios_of_an_earlier_run_are_not_shown(
    scenarios: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, document = scenarios
    simulations = tmp_path / "simulations.json"
    simulations.write_text("{}")
    assert not has_scenarios(page_of(tmp_path))
    write_scenarios(document | {"rests_on": digest(simulations)}, tmp_path / "scenarios.json")
    assert has_scenarios(page_of(tmp_path))
    simulations.write_text("[]")
    assert not has_scenarios(page_of(tmp_path))


HOSTILE = "<script>alert(1)</script> 火锅"


def comparison() -> dict[str, Any]:
    measures = ("planned_budget", "expected_conversions", "expected_profit")
    rows = [
        {"level": "total", "key": "", "measure": name, "values": [10.0, 8.0], "differences": [-2.0]}
        for name in (*measures, "expected_net_profit", "expected_cpa")
    ]
    rows += [
        {"level": level, "key": key, "measure": name}
        | {"values": [10.0, 8.0], "differences": [-2.0]}
        for level, key in (("promotion", "a"), ("day", "2024-01-01"), ("day", "2024-01-02"))
        for name in measures
    ]
    return {
        "sides": ["one", "other"],
        "currency": "CNY",
        "first": "2024-01-01",
        "last": "2024-01-02",
        "days": 2,
        "weekly": False,
        "notes": ["one: 1 day is not in every plan and left out"],
        "names": {"a": HOSTILE},
        "rows": rows,
        "paired": {
            "objective": "net_profit",
            "flights": 16,
            "values": {},
            "differences": {"other": {"to": "one", "mean": -2.0, "ci95": [-3.0, 1.0]}},
        },
    }


def test_a_comparison_escapes_names_and_marks_figures() -> None:
    page = render_comparison(comparison(), "en").split("<main>")[1].split("</main>")[0]
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "that may be nothing" in page
    document = {"compare": comparison()}
    for key, value in MARKED.findall(page):
        assert float(value) == at(document, key.replace(":", ".", 1))


def test_a_page_of_actuals_without_ranges_or_spend() -> None:
    cell = {"planned": 10.0, "due": 10.0, "actual": None}
    orders = {"planned": 5.0, "due": 5.0, "actual": 9.0} | {"low": 3.0, "high": 7.0}
    orders |= {"outside": "above"}
    row = {"spend": cell, "conversions": orders, "conversion_value": cell, "profit": cell}
    document = {
        "plan": "one",
        "actuals": "seen.csv",
        "currency": "EUR",
        "first": "2024-01-01",
        "last": "2024-01-01",
        "days": 1,
        "days_planned": 4,
        "names": {"a": HOSTILE},
        "rows": [row | {"promotion_id": "a"}, row | {"promotion_id": "TOTAL"}],
        "by_day": [
            {"date": "2024-01-01", "planned_budget": 10.0, "spend": None}
            | {"due_conversions": 5.0, "conversions": 9.0}
        ],
        "notes": [],
    }
    whole = render_actuals(json.loads(json.dumps(document)), "en")
    page = whole.split("<main>")[1].split("</main>")[0]
    assert HOSTILE not in page
    assert "above the 3 to 7 of 8 in 10 flights" in page
    assert "1 of the plan&#39;s 4 days" in page or "1 of the plan's 4 days" in page
