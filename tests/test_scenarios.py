"""Other budgets, targets and limits: what is told agrees with the plan, and with being tried."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.plan.reference import TablePolicy
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.scenarios.break_even import break_even
from promopilot.experiments.scenarios.budgets import grid, scenarios
from promopilot.experiments.scenarios.document import (
    read_scenarios,
    scenarios_csv,
    scenarios_of,
    write_scenarios,
)
from promopilot.experiments.scenarios.limit_costs import limit_costs
from promopilot.experiments.scenarios.next_unit import next_unit
from promopilot.experiments.scenarios.planner import Planner, open_planner
from promopilot.experiments.scenarios.target import Target
from promopilot.experiments.scenarios.targets import answer

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=4)
FLIGHTS = 16


def planner_of(world: World) -> Planner:
    return Planner(world, Replanner, "replanner", seed=3, flights=FLIGHTS)


@pytest.fixture(scope="module")
def planner() -> Planner:
    """Money is short: the plan spends all of its budget, and would like more."""
    world = synthetic_world(SIZE)
    return planner_of(world.with_budget(round(world.budget / 3, 2)))


def line_items(world: World) -> pd.DataFrame:
    """The ids of a world's line items, all learnt from data."""
    catalog = world.catalog
    names = ("promotion", "placement", "segment")
    ids = {
        f"{name}_id": np.array(getattr(catalog, f"{name}_ids"))[getattr(catalog, name)]
        for name in names
    }
    return pd.DataFrame(ids | {"basis": "data"})


def write_scenario_run(path: Path, world: World) -> Path:
    """A run folder as far as `scenarios` reads it."""
    config = make_config(
        {
            "data": {"build": "synthetic"},
            "flight": {"start": world.start.isoformat(), "days": world.days},
            "objective": world.objective,
        }
    )
    folder = RunFolder.open(path, config)
    with folder.stage("market") as work:
        (work / "market").mkdir()
        save_world(world, work / "market")
        line_items(world).to_csv(work / "market" / "line_items.csv", index=False)
    with folder.stage("simulate") as work:
        document = {"recommended": "replanner", "flights_test": FLIGHTS}
        (work / "simulations.json").write_text(json.dumps(document), encoding="utf-8")
    return path


def test_the_flights_are_those_of_the_plan(planner: Planner) -> None:
    budget = planner.world.budget
    told = planner.played(budget)
    plan = roll_out(
        TablePolicy(planner.table(budget)), planner.world, planner.seed, np.arange(FLIGHTS)
    )
    np.testing.assert_allclose(told.net_profit, plan.value)
    np.testing.assert_allclose(told.profit, plan.profit.sum(axis=1))
    np.testing.assert_allclose(told.mean().value("conversions"), plan.by_day.conversions.sum())


def test_more_budget_brings_more_and_each_unit_less(planner: Planner) -> None:
    found, refused = scenarios(planner, {"run": planner.world.budget}, (), silent)
    rows = [one.as_row() for one in found]
    assert refused == []
    assert [row["role"] for row in rows].count("run") == 1
    for name in ("budget", "planned_budget", "profit", "conversions"):
        values = [row[name] for row in rows]
        assert values == sorted(values)
    margins = [row["marginal_poas"] for row in rows if row["marginal_poas"] is not None]
    assert margins[0] > margins[-1]
    for row in rows:
        assert row["net_profit"] == pytest.approx(row["profit"] - row["spend"], abs=0.011)
        assert row["poas"] == pytest.approx(row["profit"] / row["planned_budget"], abs=1e-3)
        assert row["net_profit_p10"] <= row["net_profit"] <= row["net_profit_p90"]
        assert row["kept"] == pytest.approx(row["budget"] - row["planned_budget"], abs=0.011)


def test_the_margin_is_what_a_little_more_budget_brings(planner: Planner) -> None:
    budget = planner.world.budget
    following = next_unit(planner, budget)
    less, more = planner.expected(budget), planner.expected(round(1.05 * budget, 2))
    slope = (more.value("profit") - less.value("profit")) / (more.planned - less.planned)
    assert following is not None
    assert following.poas == pytest.approx(slope, rel=0.1)


def test_budgets_of_the_grid() -> None:
    assert grid(100, {"run": 100.0}) == [25, 50, 75, 100, 125, 150, 200]
    beyond = grid(100, {"run": 100.0, "break_even": 500.0})[6:]
    assert (beyond[0], beyond[-1]) == (200, 500)
    assert all(b <= 1.4 * a + 0.01 for a, b in pairwise(beyond))
    assert grid(100, {"run": 100.0, "current_mix": 100.2}, [60, 90]) == [60, 90, 100, 100.2]


def test_no_other_budget_earns_more_than_the_break_even(planner: Planner) -> None:
    found = break_even(planner, silent)
    assert found.kind in ("crosses", "no_use")
    assert found.budget > planner.world.budget  # money is short
    most = planner.expected(found.budget).value("net_profit")
    for share in (0.5, 0.8, 1.25, 2.0):
        other = planner.expected(round(share * found.budget, 2))
        assert other.value("net_profit") <= most * 1.005


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda world: replace(world, objective="revenue"), "crosses"),
        (lambda world: replace(world, unit_cost=world.unit_cost * 1e4), "never_pays"),
    ],
)
def test_kinds_of_break_even(change: Callable[[World], World], kind: str) -> None:
    world = synthetic_world(SIZE)
    planner = planner_of(change(world.with_budget(round(world.budget, 2))))
    found = break_even(planner, silent)
    assert found.kind == kind
    if kind == "crosses":
        assert found.marginal_poas == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("measure", ["conversions", "revenue", "profit", "roas", "poas", "cpa"])
def test_a_target_that_a_budget_just_meets_gives_that_budget(
    planner: Planner, measure: str
) -> None:
    budget = planner.world.budget
    value = Target(measure, 0).of(planner.played(budget).mean())
    found = answer(planner, Target(measure, value), silent)
    assert found["met"]
    assert found["budget"] == pytest.approx(budget, rel=0.1)  # few flights, a few orders each
    assert found["value"] == pytest.approx(value, rel=0.03)
    assert 0 < found["share_of_flights"] < 1


@pytest.mark.parametrize(("measure", "value"), [("profit", 1e12), ("roas", 1e6), ("cpa", 1e-6)])
def test_a_target_out_of_reach_tells_the_best(planner: Planner, measure: str, value: float) -> None:
    found = answer(planner, Target(measure, value), silent)
    assert not found["met"]
    others = [
        Target(measure, value).of(planner.played(planner.world.budget * k).mean())
        for k in (0.25, 1)
    ]
    best = min(others) if measure == "cpa" else max(others)
    assert found["value"] <= best * 1.1 if measure == "cpa" else found["value"] >= best * 0.9


def limited(world: World, **limits: object) -> World:
    return replace(world, limits=replace(Limits.none(world.catalog.num_line_items), **limits))


def first_promotion(world: World) -> np.ndarray:
    return np.asarray(world.catalog.promotion == 0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: replace(w, per_day_max=w.budget / 10), "a day: at most"),
        (lambda w: replace(w, max_spend=np.full(len(w.max_spend), w.budget / 100)), "any one"),
        (
            lambda w: replace(w, max_spend=np.where(first_promotion(w), w.budget / 100, np.inf)),
            "promotion promotion-0: its line items at most",
        ),
        (
            lambda w: limited(w, groups=(Group("Tea", ~first_promotion(w), max=w.budget / 60),)),
            "Tea may spend at most",
        ),
        (
            lambda w: limited(w, groups=(Group("Tea", first_promotion(w), max_share=0.01),)),
            "Tea may have at most 1.0%",
        ),
        (lambda w: limited(w, max_step=0.02), "may change by at most 2%"),
        (lambda w: limited(w, locked=~first_promotion(w)), "is locked"),
    ],
)
def test_a_limit_costs_what_dropping_it_gains(
    planner: Planner, change: Callable[[World], World], named: str
) -> None:
    own = planner_of(change(planner.world))
    found = limit_costs(own, silent)
    row = next(row for row in found if named in row["limit"])
    assert row["cost"] > 0
    assert row["per_unit"] is None or row["per_unit"] > 0
    free, bound = planner.value(planner.world), own.value(own.world)
    if named not in ("is locked",):  # of several promotions, each a limit of its own
        assert row["cost"] == pytest.approx(free - bound, rel=0.01)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda w: replace(w, max_spend=np.where(first_promotion(w), 0.0, np.inf)),
            "promotion promotion-0: its line items at most 0 a day",
        ),
        (
            lambda w: limited(w, groups=(Group("Tea", first_promotion(w), max=0.0),)),
            "Tea may spend at most 0",
        ),
        (
            lambda w: limited(w, groups=(Group("Tea", first_promotion(w), max_share=0.0),)),
            "Tea may have at most 0.0%",
        ),
        (
            lambda w: limited(
                replace(w, budget=4 * w.budget, current_spend=np.ceil(w.current_spend)),
                max_step=0.0,
            ),
            "may change by at most 0%",
        ),
    ],
)
def test_a_limit_of_nothing_costs_too_and_has_no_price_per_unit(
    planner: Planner, change: Callable[[World], World], named: str
) -> None:
    found = limit_costs(planner_of(change(planner.world)), silent)
    row = next(row for row in found if named in row["limit"])
    assert row["cost"] > 0
    assert row["per_unit"] is row["unit"] is None


def test_limits_that_do_not_bind_are_not_told(planner: Planner) -> None:
    wide = Group("Tea", first_promotion(planner.world), min=0.0, max=planner.world.budget)
    own = planner_of(limited(planner.world, groups=(wide,)))
    assert [row["limit"].split()[1] for row in limit_costs(own, silent)] == ["budget"]


def test_json_and_csv_hold_the_same_figures_and_the_same_bytes(
    planner: Planner, tmp_path: Path
) -> None:
    asked = [100.0, 200.0]
    document = scenarios_of(planner, asked, [Target("roas", 1.0)], silent)
    write_scenarios(document, tmp_path / "scenarios.json")
    again = scenarios_of(planner_of(planner.world), asked, [Target("roas", 1.0)], silent)
    assert read_scenarios(tmp_path) == document == again
    table = pd.read_csv(tmp_path / "scenarios.csv", keep_default_na=False, na_values=[""])
    assert list(table["budget"]) == [row["budget"] for row in document["scenarios"]]
    for name in ("net_profit", "roas", "profit_p90"):
        assert list(table[name]) == [row[name] for row in document["scenarios"]]
    assert scenarios_csv(document).count("\n") == len(table) + 1


def test_budgets_below_the_minima_are_left_out(planner: Planner) -> None:
    world = planner.world
    least = np.full(world.catalog.num_line_items, world.budget / 40)
    own = planner_of(limited(world, min_spend=least))
    found, refused = scenarios(own, {"run": world.budget}, (), silent)
    assert refused
    assert max(one.budget for one in refused) < min(one.budget for one in found)
    assert all("cannot all hold" in one.why for one in refused)


def test_the_command_writes_and_tells(planner: Planner, tmp_path: Path) -> None:
    run = write_scenario_run(tmp_path / "run", planner.world)
    arguments = ["scenarios", str(run), "--budget", "50", "--target-cpa", "1000", "--flights", "4"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "the run's budget" in result.stdout
    assert "keeps CPA of at most 1,000.00 USD" in result.stdout
    assert read_scenarios(run)["flights"] == 4
    told = CliRunner().invoke(app, [*arguments, "--json", "--out", str(tmp_path / "other.json")])
    assert json.loads(told.stdout) == read_scenarios(run)
    assert (tmp_path / "other.csv").is_file()
    assert open_planner(run).flights == FLIGHTS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "is not a folder"),
        (["."], "is not a run folder"),
        (["run", "--budget", "-5"], "--budget is -5: it must be a finite number greater than 0"),
        (["run", "--target-roas", "-1"], "Invalid value for '--target-roas'"),
        (["run", "--flights", "1"], "Invalid value for '--flights'"),
        (["run", "--out", "table.csv"], "--out table.csv: name a file that ends in .json"),
    ],
)
def test_mistakes(
    planner: Planner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    write_scenario_run(tmp_path / "run", planner.world)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["scenarios", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "run" / "scenarios.json").exists()


def test_an_unfinished_run_is_told_so(planner: Planner, tmp_path: Path) -> None:
    run = write_scenario_run(tmp_path / "run", planner.world)
    (run / "simulations.json").unlink()
    result = CliRunner().invoke(app, ["scenarios", str(run)])
    assert result.exit_code == 2
    assert "has no comparison of policies yet" in result.stderr
