"""Budgets and limits that have no plan are told in their place, and end nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.cli.app import app
from promopilot.experiments.progress import silent
from promopilot.experiments.scenarios.document import read_scenarios, scenarios_csv, scenarios_of
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.scenarios.told import told
from tests.test_scenarios import FLIGHTS, SIZE, write_scenario_run

WORLD = synthetic_world(SIZE)
WORLD = WORLD.with_budget(round(WORLD.budget / 3, 2))


def refusing(*budgets: float) -> Planner:
    """A planner whose plans of these budgets only turn out to be impossible when they are made."""

    def make(world: World) -> Policy:
        if round(world.budget, 2) in budgets:
            raise InfeasibleError("No plan was found that keeps every limit: Tea needs a cup.")
        return Replanner(world)

    return Planner(WORLD, make, "replanner", seed=3, flights=FLIGHTS)


def test_a_budget_without_a_plan_is_told_in_its_row() -> None:
    document = scenarios_of(refusing(50.0), [50.0, 90.0], [], silent)
    assert [row["budget"] for row in document["refused"]] == [50.0]
    assert 50.0 not in [row["budget"] for row in document["scenarios"]]
    text = told(document, [])
    line = next(line for line in text.splitlines() if line.strip().startswith("50.00"))
    assert "cannot be kept at this budget: No plan was found" in line
    rows = scenarios_csv(document).splitlines()
    assert rows[0].endswith(",refused")
    assert rows[1].startswith("50.0,")
    assert "Tea needs a cup" in rows[1]


def test_the_run_s_own_budget_must_have_a_plan() -> None:
    with pytest.raises(InfeasibleError, match="Tea needs a cup"):
        scenarios_of(refusing(WORLD.budget), [50.0], [], silent)


def test_a_limit_without_which_there_is_no_plan_is_told_in_its_row() -> None:
    group = Group("Tea", np.asarray(WORLD.catalog.promotion == 0), max=WORLD.budget / 60)
    limits = replace(Limits.none(WORLD.catalog.num_line_items), groups=(group,))

    def make(world: World) -> Policy:
        if world.limits is not None and np.isinf(world.limits.groups[0].max):
            raise InfeasibleError("No plan was found that keeps every limit.")
        return Replanner(world)

    own = Planner(replace(WORLD, limits=limits), make, "replanner", seed=3, flights=4)
    document = scenarios_of(own, [50.0], [], silent)
    row = document["limits"][-1]  # behind those with a cost
    assert (row["cost"], row["per_unit"]) == (None, None)
    assert "No plan was found" in row["refused"]
    assert f"{row['limit']}: what it costs cannot be told" in told(document, [])


def run_with(tmp_path: Path, text: str) -> tuple[Path, Path]:
    run = write_scenario_run(tmp_path / "run", WORLD)
    limits = tmp_path / "tight.yaml"
    limits.write_text(text, encoding="utf-8")
    return run, limits


def test_other_limits_are_tried_without_touching_what_the_report_shows(tmp_path: Path) -> None:
    run, limits = run_with(tmp_path, "bounds: [{promotion: promotion-0, max: 3}]\n")
    arguments = ["scenarios", str(run), "--limits", str(limits), "--budget", "60", "--flights", "4"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "promotion promotion-0 may spend at most 3 a day: without it" in result.stdout
    assert read_scenarios(run) == {}
    document = json.loads((run / "scenarios-tight.json").read_text(encoding="utf-8"))
    assert (run / "scenarios-tight.csv").is_file()
    planned = CliRunner().invoke(
        app, ["plan", str(run), "--limits", str(limits), "--budget", "60", "--json"]
    )
    assert planned.exit_code == 0, planned.output
    row = next(row for row in document["scenarios"] if row["budget"] == 60)
    assert row["planned_budget"] == json.loads(planned.stdout)["planned_budget"]


def test_limits_relative_to_today_follow_the_budget_as_in_a_plan(tmp_path: Path) -> None:
    """Today's mix is scaled down to a smaller budget, and such limits with it."""
    run, limits = run_with(tmp_path, "bounds: [{promotion: promotion-0, relative: [0.9, 1.1]}]\n")
    own = ["--limits", str(limits), "--budget", "30", "--json"]
    told = CliRunner().invoke(app, ["scenarios", str(run), *own, "--flights", "4"])
    assert told.exit_code == 0, told.output
    planned = CliRunner().invoke(app, ["plan", str(run), *own])
    row = next(row for row in json.loads(told.stdout)["scenarios"] if row["budget"] == 30)
    assert row["planned_budget"] == json.loads(planned.stdout)["planned_budget"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "tight.yaml"),
        ("bounds: [{promotion: nobody, max: 3}]\n", "nobody"),
        ("bounds: [{promotion: promotion-0, min: 1000000}]\n", "cannot all hold"),
        ("bonds: []\n", "unknown key"),
    ],
)
def test_limits_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    run, limits = run_with(tmp_path, text or "")
    if text is None:
        limits.unlink()
    result = CliRunner().invoke(app, ["scenarios", str(run), "--limits", str(limits)])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert list(run.glob("scenarios*")) == []
