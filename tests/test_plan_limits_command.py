"""`promopilot plan` on a finished run: other windows, other budgets, other files of limits."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config import load_config
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.stages import Stages
from tests.small_shop import write_small_shop

LIMITS = """\
budget: {total: 700}
bounds: [{promotion: pizza-30, min: 140, per: flight}, {placement: email, max_share: 0.4}]
step: {max_change: 0.2}
"""
runner = CliRunner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with limits, as far as a plan needs it; the file of limits was edited since."""
    folder = tmp_path_factory.mktemp("limited")
    config = write_small_shop(folder)
    (folder / "limits.yaml").write_text(LIMITS)
    config.write_text(config.read_text() + "limits: {file: limits.yaml}\n")
    read, out = load_config(config), folder / "run"
    run_folder = RunFolder.open(out, read)
    stages = Stages(read, run_folder, silent)
    run_folder.run_stage("predictor", stages.predictor, silent)
    run_folder.run_stage("market", stages.market, silent)
    (out / "policy").mkdir()
    (out / "simulations.json").write_text('{"recommended": "replanner", "flights_test": 2}')
    (folder / "limits.yaml").write_text("exploration: 2")  # and broken
    return out


def plan(run: Path, *arguments: object) -> tuple[dict, pd.DataFrame]:
    out = run.parent / "out.csv"
    result = runner.invoke(
        app, ["plan", str(run), "--out", str(out), *map(str, arguments), "--json"]
    )
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), pd.read_csv(out)


def spent(frame: pd.DataFrame, promotion: str) -> float:
    return float(frame.loc[frame["promotion_id"] == promotion, "planned_budget"].sum())


def refusal(run: Path, *arguments: object) -> str:
    before = sorted(run.rglob("*"))
    result = runner.invoke(app, ["plan", str(run), *map(str, arguments)])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert sorted(run.rglob("*")) == before
    return result.stderr


def test_the_run_s_own_limits_are_those_that_it_keeps(run: Path) -> None:
    told, frame = plan(run)
    assert (told["budget"], told["days"]) == (700, 7)
    assert spent(frame, "pizza-30") == pytest.approx(140, abs=0.05)


def test_amounts_over_the_flight_are_scaled_to_a_shorter_window(run: Path) -> None:
    told, frame = plan(run, "--days", 3)
    assert (told["budget"], told["days"]) == (300, 3)
    assert spent(frame, "pizza-30") == pytest.approx(60, abs=0.05)
    assert told["notes"] == [
        "amounts over the flight in the run's limits are for 7 days, and were taken times 3/7; "
        "give a file with --limits to set them yourself"
    ]


def test_a_later_window_of_the_same_length_keeps_them(run: Path) -> None:
    told, frame = plan(run, "--start", "2025-05-06")
    assert (told["start"], told["budget"], told["notes"]) == ("2025-05-06", 700, [])
    assert frame["date"].min() == "2025-05-06"
    assert frame["date"].nunique() == 7
    email = frame[frame["placement_id"] == "email"].groupby("date")["planned_budget"].sum()
    assert (email <= 0.4 * frame.groupby("date")["planned_budget"].sum() + 1e-9).all()


def test_a_file_that_is_given_is_for_the_window_as_it_stands(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("budget: {total: 500}\nlocks: [{promotion: milk-0}]\n")
    told, frame = plan(run, "--days", 3, "--limits", other)
    assert (told["budget"], told["notes"]) == (500, [])
    locked = frame[frame["promotion_id"] == "milk-0"]
    assert (locked["planned_budget"] == locked["current_budget"]).all()


def test_multiples_of_what_is_spent_now_are_of_the_budget_asked_for(
    run: Path, tmp_path: Path
) -> None:
    same = tmp_path / "same.yaml"
    same.write_text("bounds: [{promotion: pizza-30, relative: [1, 1]}]")
    told, frame = plan(run, "--limits", same, "--budget", 150)
    assert told["current_budget"] <= 150
    pizza = frame[frame["promotion_id"] == "pizza-30"].groupby("date")
    sums = pizza[["planned_budget", "current_budget"]].sum().round(2)
    assert (sums["planned_budget"] == sums["current_budget"]).all()


def test_an_empty_file_lifts_all_limits_and_says_so(run: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    told, frame = plan(run, "--limits", empty)
    assert told["notes"] == [f"{empty} limits nothing: it has no entries"]
    assert told["budget"] != 700
    assert spent(frame, "pizza-30") < 140


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "locks: [{promotion: pizza-3}]",
            "`$.locks[0].promotion` is 'pizza-3': no promotion of the flight has that id; "
            "nearest: pizza-30",
        ),
        (
            "bounds: [{promotion: pizza-30, min: 50}, {placement: '*', max_share: 0.4}]",
            "These limits cannot all hold on 2025-04-22: bounds[0]: promotion pizza-30 needs at "
            "least 50 a day; bounds[1]: placement * may have at most 40.0% of a day's spend.",
        ),
        ("budget: {total: -1}", "`$.budget.total` is -1"),
        ("bounds: [", "line 1, column 10"),
        (None, "cannot read the limits"),
    ],
)
def test_limits_that_cannot_be_kept_are_one_sentence_and_leave_nothing_behind(
    run: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "limits.yaml"
    if text is not None:
        file.write_text(text)
    told = refusal(run, "--limits", file)
    assert message in " ".join(told.split())


def test_a_window_before_the_flight_is_refused(run: Path) -> None:
    assert "lies before the run's own flight" in refusal(run, "--start", "2025-04-01")


def test_a_plan_of_a_market_that_failed_its_backtest_says_so(run: Path) -> None:
    backtest = run / "backtest.json"
    for passes in (True, False):
        backtest.write_text(json.dumps({"passes": passes}))
        notes = " ".join(plan(run)[0]["notes"])
        assert ("failed its backtest" in notes) is not passes
    backtest.unlink()
