"""The whole pipeline on a small shop: what it leaves behind, and what it must not have read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.envs.world_files import load_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.metrics import write_metrics
from promopilot.experiments.plan.columns import COLUMNS
from promopilot.experiments.policies import POLICIES
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import OUTPUTS, RunFolder
from promopilot.experiments.stages import Stages
from tests.small_shop import START, write_small_shop

runner = CliRunner()


def promopilot(*arguments: object) -> dict:
    """Run a command with --json and return its summary."""
    result = runner.invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_shop(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def run(shop: Path) -> Path:
    out = shop.parent / "run"
    promopilot("run", shop, "--out", out)
    return out


@pytest.fixture(scope="module")
def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def test_metrics_hold_the_contracts_keys(metrics: dict) -> None:
    assert set(metrics) == {
        "predictor",
        "backtest",
        "policies",
        "plan",
        "recommended",
        "verdict",
        "reasons",
        "evidence",
        "ope",
        "seconds",
        "peak_rss_mb",
    }
    test = metrics["predictor"]["test"]
    assert {"log_loss", "log_loss_base", "baselines", "ece", "rows", "impressions"} <= set(test)
    assert set(test["baselines"]) == {"one_hot", "tfidf", "frozen"}
    always = {"current_mix", "uniform", "roas_proportional", "static_optimum", "replanner"}
    always |= {"replanner_tuned", "ppo"}
    ahead = {"mpc", "clairvoyant", "clairvoyant_bound"}
    assert always | ahead <= set(metrics["policies"]) <= {*POLICIES, "clairvoyant_bound"}
    assert set(metrics["policies"]["clairvoyant_bound"]) == {"value_mean"}
    common = {"value_mean", "value_ci95", "vs_replanner_pct", "vs_replanner_ci95"}
    common |= {"overspend_max", "flights", "decision_ms", "pct_of_clairvoyant"}
    optional = {"gap_closed", "gap_closed_ci95", "fallback_share", "value_all_flights"}
    for name in set(metrics["policies"]) - {"clairvoyant_bound"}:
        figures = metrics["policies"][name]
        assert common <= set(figures) <= common | optional
        assert figures["overspend_max"] <= 1e-6
        assert figures["flights"] == (2 if POLICIES[name].slow else 8)
    assert "fallback_share" in metrics["policies"]["ppo"]
    assert metrics["evidence"] == "simulated"
    assert metrics["verdict"] in ("test_first", "insufficient_support")
    assert {row["estimator"] for row in metrics["ope"]} >= {"ipw", "snipw", "dm", "dr"}
    assert list(metrics["seconds"]) == [
        *("data", "predictor", "market", "backtest", "train", "simulate", "plan", "ope", "score"),
        "report",
    ]


@pytest.mark.parametrize("passes", [True, False])
def test_a_market_that_failed_its_backtest_says_so_in_the_verdict(
    run: Path, tmp_path: Path, passes: bool
) -> None:
    copy, work = tmp_path / "run", tmp_path / "work"
    shutil.copytree(run, copy)
    work.mkdir()
    (copy / "backtest.json").write_text(json.dumps({"passes": passes}))
    folder = RunFolder.existing(copy)
    Stages(folder.config, folder, silent).ope(work)
    found = json.loads((work / "ope" / "ope.json").read_text())
    assert found["verdict"] != "ship"
    assert any("failed its backtest" in reason for reason in found["reasons"]) is not passes
    shutil.copytree(work / "ope", copy / "ope", dirs_exist_ok=True)
    assert write_metrics(folder)["reasons"] == found["reasons"]


def test_the_plan_on_disk_keeps_the_budget_to_the_cent(run: Path) -> None:
    plan = pd.read_csv(run / "plan.csv", dtype={"planned_budget": str})
    assert list(plan.columns) == list(COLUMNS)
    cents = plan["planned_budget"].str.replace(".", "").astype(int)
    assert 0 < cents.sum() <= round(load_world(run / "market").budget * 100)
    summary = pd.read_csv(run / "plan_summary.csv").set_index("promotion_id")
    assert summary.loc["TOTAL", "planned_budget"] == pytest.approx(cents.sum() / 100)


def test_the_manifest_names_every_file_and_every_parameters_source(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    for name in ("plan.csv", "report.html", "metrics.json", "market/world.safetensors"):
        assert len(manifest["outputs"][name]) == 64
    assert "data/performance.csv" in manifest["inputs"]
    assert manifest["parameter_sources"]["saturation"].startswith("prior")
    assert manifest["parameter_sources"]["weekday season"].startswith("data")
    assert manifest["parameter_sources"]["current mix"].startswith("data")
    assert manifest["parameter_sources"]["incrementality"].startswith("assumption")


def test_the_model_of_a_run_has_its_scores_and_card_beside_it(run: Path, metrics: dict) -> None:
    beside = json.loads((run / "predictor" / "metrics.json").read_text())
    assert beside == {"predictor": metrics["predictor"]}
    card = (run / "predictor" / "model_card.md").read_text(encoding="utf-8")
    assert f"| this model | {metrics['predictor']['test']['log_loss']:.6f} |" in card


def test_the_promotions_of_the_plan_are_explained(run: Path) -> None:
    found = json.loads((run / "explanations.json").read_text(encoding="utf-8"))
    planned = set(pd.read_csv(run / "plan.csv")["promotion_id"])
    assert {part["promotion_id"] for part in found["promotions"]} == planned
    for part in found["promotions"]:
        assert set(part["rates"]) == {"ctr", "cvr", "ctcvr"}
    assert "explanations.json" in json.loads((run / "manifest.json").read_text())["outputs"]


def test_overwrite_knows_every_name_that_a_finished_run_holds(run: Path) -> None:
    assert {path.name for path in run.iterdir()} <= set(OUTPUTS)


def test_resume_after_a_change_in_a_table_is_refused(shop: Path, run: Path) -> None:
    table = shop.parent / "shop" / "data" / "performance.csv"
    original, manifest = table.read_bytes(), (run / "manifest.json").read_bytes()
    frame = pd.read_csv(table)
    frame.loc[0, "impressions"] += 1
    arguments = ["run", str(shop), "--out", str(run), "--resume"]
    try:
        frame.to_csv(table, index=False)
        refused = runner.invoke(app, arguments)
    finally:
        table.write_bytes(original)
    assert refused.exit_code == 2
    assert f"{table} has changed since the run in {run} began" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert (run / "manifest.json").read_bytes() == manifest
    assert runner.invoke(app, arguments).exit_code == 0


def test_the_log_on_disk_gives_the_estimates_of_the_run(run: Path, tmp_path: Path) -> None:
    folder = run / "ope"
    again = promopilot(
        *("ope", folder / "log.parquet", "--policy", folder / "policy.parquet"),
        *("--qhat", folder / "qhat.parquet", "--out", tmp_path / "ope"),
    )
    before = json.loads((folder / "ope.json").read_text())
    assert again["evidence"] == "simulated"
    for ours, theirs in zip(before["estimates"], again["estimates"], strict=True):
        assert ours["estimator"] == theirs["estimator"]
        assert theirs["estimate"] == pytest.approx(ours["estimate"], rel=1e-9)


def test_a_plan_for_another_budget_leaves_the_runs_own_alone(run: Path, tmp_path: Path) -> None:
    own = (run / "plan.csv").read_bytes()
    half = load_world(run / "market").budget / 2
    summary = promopilot("plan", run, "--budget", half, "--out", tmp_path / "half.csv")
    assert summary["planned_budget"] <= half
    assert (tmp_path / "columns.md").is_file()
    assert (tmp_path / "half_summary.csv").is_file()
    stored = promopilot("plan", run, "--budget", half)
    assert Path(stored["plan"]).read_bytes() == (tmp_path / "half.csv").read_bytes()
    assert promopilot("plan", run)["plan"] == str(run / "plan.csv")
    assert promopilot("plan", run, "--seed", 5)["plan"] != str(run / "plan.csv")
    assert promopilot("plan", run, "--by", "week", "--level", "promotion")["rows"] == 8
    assert (run / "plan.csv").read_bytes() == own


def test_simulate_repeats_the_figures_of_the_run(run: Path, metrics: dict) -> None:
    found = promopilot("simulate", run, "--flights", 8)["policies"]
    for name, figures in metrics["policies"].items():
        if figures.get("flights") == 8:  # those that look ahead played fewer in the run
            assert found[name]["value_mean"] == pytest.approx(figures["value_mean"])
    assert {row.get("flights", 8) for row in found.values()} == {8}


def test_nothing_before_the_plan_reads_anything_dated_in_the_flight(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    """The cut: other outcomes, supply and spend in the flight's days leave the plan as it is."""
    table = shop.parent / "shop" / "data" / "performance.csv"
    original = table.read_bytes()
    frame = pd.read_csv(table)
    inside = frame["date"] >= START
    assert 0 < inside.sum() < len(frame)
    frame.loc[inside, "clicks"] = (frame.loc[inside, "impressions"] * 0.9).astype(int)
    frame.loc[inside, "impressions"] *= 3
    frame.loc[inside, "spend"] *= 5
    frame.loc[inside, "conversions"] = frame.loc[inside, "clicks"]
    try:
        frame.to_csv(table, index=False)
        promopilot("run", shop, "--out", tmp_path / "run")
    finally:
        table.write_bytes(original)
    for name in (
        "market/world.safetensors",
        "market/rates.csv",
        "policy/policy.safetensors",
        "plan.csv",
        "plan_summary.csv",
        "ope/log.parquet",
    ):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes(), name
    scores = [json.loads((r / "scores.json").read_text()) for r in (run, tmp_path / "run")]
    assert scores[0]["test"]["log_loss"] != scores[1]["test"]["log_loss"]


def test_without_clicks_the_funnel_has_one_stage(shop: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for table in (shop.parent / "shop" / "data").glob("*.csv"):
        frame = pd.read_csv(table)
        frame.drop(columns="clicks", errors="ignore").to_csv(data / table.name, index=False)
    promopilot("run", shop, "--set", f"data.folder={data}", "--out", tmp_path / "run")
    world = load_world(tmp_path / "run" / "market")
    assert not world.rates.has_clicks
    assert (world.rates.second == 1).all()
    rates = pd.read_csv(tmp_path / "run" / "market" / "rates.csv")
    assert rates["ctr"].isna().all()
    assert np.isfinite(rates["ctcvr"]).all()
