"""A small finished run folder, its files written by the code that writes them in a real run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.backtests import judged_days

from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import CurrentMix, RoasProportional, Uniform
from promopilot.agents.static_optimum import StaticOptimum
from promopilot.envs.stress import STRESSES
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world
from promopilot.experiments.backtest.run import AFTERWARDS, BACKTEST
from promopilot.experiments.config import make_config
from promopilot.experiments.evidence import write_evidence
from promopilot.experiments.explanations import EXPLANATIONS, explain_plan
from promopilot.experiments.figures import figures
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import read_limits
from promopilot.experiments.limits.of_run import save_unlimited
from promopilot.experiments.metrics import write_metrics
from promopilot.experiments.plan.export import make_plan, write_plan
from promopilot.experiments.plan.judgement import (
    read_expected_impressions,
    read_values,
    write_judgement,
)
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.scenarios.limit_costs import write_limit_costs
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import summarise
from promopilot.experiments.tables import read_tables
from promopilot.predictors import Prediction, PredictorSettings, Rows

FLIGHTS = 32
# Policies made up from the re-planner: its values times a factor, on how many flights, and the
# share of decisions that they left to it.
BETTER: dict[str, tuple[float, int, float | None]] = {
    "replanner_tuned": (1.0005, FLIGHTS, None),
    "mpc": (1.02, 16, None),
    "ppo": (1.001, FLIGHTS, 0.0125),
    "dqn": (0.999, FLIGHTS, 0.0),
    "clairvoyant": (1.1, 16, None),
}
# Names as users may write them: markup, Chinese, a formula's first sign.
NAMES = ("<script>alert(1)</script>", "火锅满100减30", '=1+1 & "quoted"', "Pizza", "Tea", "Milk")
# Promotions that ran before the flight; one was called as one of the flight's is.
EARLIER = ("Pizza", "Coffee", "Two loaves of bread", "Rice", "Juice", "Soap", "Cheese", "Fish")
SCORES = {
    "log_loss": 0.0291,
    "log_loss_base": 0.0312,
    "baselines": {"one_hot": 0.0290, "tfidf": 0.0293, "frozen": 0.0297},
    "spearman": 0.81,
    "ece": 0.00042,
    "rows": 1204,
    "impressions": 812345,
    "differences": {
        name: {"log_loss": -0.0002, "ci95": [-0.0004, 0.0001]}
        for name in ("base", "one_hot", "tfidf", "frozen")
    },
    "reliability": [
        {
            "stage": "ctcvr",
            "bin": at,
            "trials": 81234.0,
            "predicted": 0.001 * (at + 1),
            "observed": 0.00098 * (at + 1) + 0.0001,
            "binomial_low": 0.0008 * (at + 1),
            "binomial_high": 0.0013 * (at + 1),
            "low": None if at == 3 else 0.0007 * (at + 1),
            "high": None if at == 3 else 0.0012 * (at + 1),
        }
        for at in range(10)
    ],
    "coverage": [
        {
            "stage": "ctcvr",
            "which": which,
            "items": items,
            "promotions": 9,
            "coverage": 0.79,
            "low": 0.71,
            "high": 0.86,
            "pit": [0.12, 0.08, 0.1, 0.1, 0.1, 0.1, 0.11, 0.09, 0.11, 0.09],
        }
        for which, items in (("all", 64), ("seen", 52), ("new", 4), ("unknown_group", 12))
    ],
}
# The deletion test of the explanations, which six texts are too few for.
TESTED = {
    "raising_pct": -31.4,
    "lowering_pct": 22.9,
    "random_pct": -0.8,
    "raising_vs_random_pct": -30.8,
    "raising_vs_random_ci95": [-40.2, -20.1],
    "lowering_vs_random_pct": 23.9,
    "lowering_vs_random_ci95": [9.5, 40.0],
    "holds": True,
}
SOURCES = {
    "rates": "data: predicted by the model fitted on `performance`",
    "price": "data",
    "margin": "assumption: 0.5 (config, assumptions.margin)",
    "incrementality": "assumption: 1 (config, assumptions.incrementality)",
    "supply": "estimate: impressions a day before the flight x 1.5 (assumption: supply_headroom)",
    "saturation": "prior: exponential reach; a line item can reach 40% of its pool",
    "price of placement-0": "5.00 per 1000; assumption: config, assumptions.cpm",
    "conversion_value": "price x (1 - discount)",
}

# One of every kind of limit; the synthetic shop spends about 30 a day on each promotion.
LIMITS = """
bounds:
  - {promotion: promotion-0, max: 45}
  - {promotion: promotion-1, placement: placement-0, segment: segment-0, min: 1}
  - {promotion: promotion-2, min: 18}
  - {placement: placement-2, max_share: 0.7}
locks:
  - {promotion: promotion-5}
groups:
  - {promotions: [promotion-3, promotion-4], max: 40}
step: {max_change: 0.5, min_change: 0.02}
"""

RunMaker = Callable[..., Path]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> RunMaker:
    """Makes a run folder; `make(scores=None)` one whose flight is in the future."""

    def make(
        *, scores: dict[str, Any] | None = SCORES, incrementality: float = 1.0, **world: Any
    ) -> Path:
        made = synthetic_world(SyntheticSize(days=7), **world)
        catalog = replace(made.catalog, incrementality=np.full(6, incrementality))
        return write_run(
            tmp_path_factory.mktemp("run") / "run", replace(made, catalog=catalog), scores
        )

    return make


@pytest.fixture(scope="session")
def run(make_run: RunMaker) -> Path:
    """The folder that tests only read."""
    return make_run()


@pytest.fixture
def changed(run: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the run in which files of JSON were changed."""

    def change(**files: Change) -> Path:
        copied = Path(shutil.copytree(run, tmp_path / "run"))
        for name, alter in files.items():
            path = copied / f"{name.replace('__', '/')}.json"
            document = json.loads(path.read_text(encoding="utf-8"))
            alter(document)
            path.write_text(json.dumps(document), encoding="utf-8")
        return copied

    return change


def write_run(
    path: Path, world: World, scores: dict[str, Any] | None, limits: str = LIMITS
) -> Path:
    file = path.parent / "limits.yaml"
    file.write_text(limits, encoding="utf-8")
    config = make_config(
        {
            "data": {"build": "complete-journey"},
            "flight": {"start": "2024-01-01", "days": world.days},
            "objective": world.objective,
            "limits": {"file": str(file)},
        }
    )
    items, unlimited = line_items(world), world
    world = limited(world, read_limits(file), items["basis"].tolist())
    folder = RunFolder.open(path, config)
    seeds = Seeds.of(config.seed)
    with folder.stage("data") as work:
        write_tables(work / "data")
    with folder.stage("market") as work:
        (work / "market").mkdir()
        save_world(world, work / "market")
        save_unlimited(SimpleNamespace(unlimited=unlimited), file, work / "market")
        items.to_csv(work / "market" / "line_items.csv", index=False)
        pd.DataFrame({"promotion_id": []}).to_csv(work / "market" / "rates.csv", index=False)
        (work / "market" / "sources.json").write_text(json.dumps(SOURCES), encoding="utf-8")
    with folder.stage("backtest") as work:
        days = config.backtest.days
        judged = judged_days(world.start - timedelta(days=days), days)
        (work / BACKTEST).write_text(json.dumps(judged), encoding="utf-8")
    with folder.stage("simulate") as work:
        document = simulations(world, seeds)
        assert document["recommended"] == "replanner"
        (work / "simulations.json").write_text(json.dumps(document), encoding="utf-8")
    with folder.stage("plan") as work:
        plan = make_plan(Replanner(world), world, items, seeds.test, FLIGHTS)
        write_plan(plan, world, work / "plan.csv")
        write_judgement(plan, document, seeds.bootstrap, work)
        planner = Planner(world, Replanner, "replanner", seeds.test, FLIGHTS)
        write_limit_costs(planner, work, silent)
    with folder.stage("ope") as work:
        (work / "ope").mkdir()
        write_evidence(
            world,
            read_expected_impressions(path, world),
            read_values(path),
            config.ope,
            seeds.log,
            seeds.bootstrap,
            work / "ope",
        )
    with folder.stage("score") as work:
        document = {} if scores is None else {"test": scores}
        (work / "scores.json").write_text(json.dumps(document), encoding="utf-8")
        if scores is not None:
            judged = judged_days(world.start, world.days, promotions=6)
            (work / AFTERWARDS).write_text(json.dumps(judged), encoding="utf-8")
        (work / EXPLANATIONS).write_text(json.dumps(explanations(path)), encoding="utf-8")
    write_metrics(folder)
    return path


def simulations(world: World, seeds: Seeds) -> dict[str, Any]:
    """What `simulations.json` holds, of simple policies played and better ones made up."""
    simple = (CurrentMix(), Uniform(), RoasProportional(), StaticOptimum(world))
    played = {
        policy.name: roll_out(policy, world, seeds.test, np.arange(FLIGHTS))
        for policy in (*simple, Replanner(world))
    }
    base = played["replanner"]
    for name, (factor, flights, left) in BETTER.items():
        value = base.value[:flights] * factor
        played[name] = replace(base, policy=name, value=value, fallback_share=left)
    usable = {n: played[n] for n in played if n not in ("mpc", "clairvoyant")}
    figures_there = figures(usable, world, seeds.bootstrap)
    return summarise(
        *(usable, played, dict.fromkeys(STRESSES, figures_there), world, seeds.bootstrap),
        bound=base.value[:16] * 1.2,
    )


class KnownHost:
    """Rates that grow with the letters of the text and fall with the number of the placement."""

    def predict(self, rows: Rows) -> Prediction:
        letters = np.array([len(text) for text in rows.promotions.text])[rows.promotion]
        ctr = np.exp(-4.0 + 0.05 * letters - 0.2 * rows.placement)
        cvr = np.exp(-2.0 - 0.02 * letters)
        return Prediction(ctr=ctr, cvr=cvr, ctcvr=ctr * cvr)


def explanations(run: Path) -> dict[str, Any]:
    plan = pd.read_csv(run / "plan.csv")
    found = explain_plan(
        KnownHost(),
        SimpleNamespace(is_fast=False),
        read_tables(run / "data"),
        plan,
        PredictorSettings(),
        seed=0,
    )
    assert found["comprehensiveness"] == {}
    tested = {rate: TESTED for rate in found["rates"]}
    return found | {"comprehensiveness": tested, "texts_tested": 23}


def line_items(world: World) -> pd.DataFrame:
    catalog = world.catalog
    return pd.DataFrame(
        {
            "promotion_id": [catalog.promotion_ids[i] for i in catalog.promotion],
            "placement_id": [catalog.placement_ids[i] for i in catalog.placement],
            "segment_id": [catalog.segment_ids[i] for i in catalog.segment],
            "name": [NAMES[i] for i in catalog.promotion],
            "basis": ["prior" if i == 5 else "data" for i in catalog.promotion],
        }
    )


def write_tables(folder: Path) -> None:
    folder.mkdir()
    names = (*NAMES, *EARLIER)
    promotions = pd.DataFrame(
        {
            "promotion_id": [f"promotion-{i}" for i in range(len(names))],
            "text": [f"Save on {name}" for name in names],
            "name": names,
        }
    )
    promotions.to_csv(folder / "promotions.csv", index=False)
    places = [f"placement-{i}" for i in range(3)]
    texts = ["Home page", "Search <b>results</b>", "A block in the weekly email to all customers"]
    pd.DataFrame({"placement_id": places, "text": texts}).to_csv(
        folder / "placements.csv", index=False
    )
    pd.DataFrame(
        {"segment_id": ["segment-0", "segment-1"], "text": ["Regulars", "Everybody else"]}
    ).to_csv(folder / "segments.csv", index=False)
    pd.DataFrame(
        {
            "date": pd.date_range("2023-10-01", "2023-12-31").strftime("%Y-%m-%d"),
            "promotion_id": "promotion-0",
            "placement_id": "placement-0",
            "segment_id": "segment-0",
            "impressions": 1000,
            "clicks": 30,
            "conversions": 3,
        }
    ).to_csv(folder / "performance.csv", index=False)
    about = {
        "about": "Made-up tables & <i>nothing</i> else.",
        "first_event_label": "clicked",
        "second_event_label": "ordered",
        "promotions.text": "data",
    }
    (folder / "sources.json").write_text(json.dumps(about), encoding="utf-8")
