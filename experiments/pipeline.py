"""The whole pipeline, a stage a line; each stage reads files and writes files."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.config import RunConfig
from promopilot.experiments.manifest import input_digests
from promopilot.experiments.metrics import write_metrics
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.stages import Stages


def run(config: RunConfig, folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """Play every stage that is not finished yet; return what `metrics.json` holds.

    Only `score` and what comes after it reads anything dated in the flight, when the plan is
    written.

    Raises:
        RunFolderError: The run was begun with other tables, or the folder cannot be written.
        ConfigError, DataError, MarketError, PredictorDataError, ArtifactError, PolicyError: The
            user's input, said in one sentence; finished stages are kept.
    """
    stages = Stages(config, folder, progress)
    inputs = input_digests(config.data.folder, config.limits.file)
    folder.record_inputs(inputs)  # before they are read
    stages.begin()
    folder.run_stage("data", stages.data, progress)  # data/, where it is built
    folder.run_stage("predictor", stages.predictor, progress)  # predictor/
    folder.run_stage("market", stages.market, progress)  # market/
    folder.run_stage("backtest", stages.backtest, progress)  # backtest.json
    folder.run_stage("train", stages.train, progress)  # policy/
    folder.run_stage("simulate", stages.simulate, progress)  # simulations.json
    folder.run_stage("plan", stages.plan, progress)  # plan.csv, plan_summary.csv, columns.md
    folder.run_stage("ope", stages.ope, progress)  # ope/
    folder.run_stage("score", stages.score, progress)  # scores.json, explanations.json
    write_metrics(folder)
    folder.run_stage("report", stages.report, progress)  # report.html
    metrics = write_metrics(folder)
    stages.end()
    return metrics
