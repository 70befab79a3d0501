"""metrics.json: the contract's keys, from what the stages wrote."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.backtest.run import backtest_metrics
from promopilot.experiments.plan.judgement import read_judgement
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.simulation import read_simulations

METRICS = "metrics.json"
SCORES = "scores.json"
SOURCES = "sources.json"
_PLAN_KEYS = (
    "value_as_exported",
    "value_with_daily_update",
    "vs_current_mix_pct",
    "vs_current_mix_ci95",
)
_OPE_KEYS = ("estimator", "estimate", "ci95", "ess", "max_weight", "clip_share")


def write_metrics(folder: RunFolder) -> dict[str, Any]:
    """Put the stages' results together; what was not measured is absent."""
    run = folder.path
    scores = json.loads((run / SCORES).read_text(encoding="utf-8"))
    simulations, judged = read_simulations(run), read_judgement(run)
    ope = json.loads((run / "ope" / "ope.json").read_text(encoding="utf-8"))
    backtest = backtest_metrics(run)
    metrics: dict[str, Any] = {"predictor": scores} if scores else {}
    metrics |= {"backtest": backtest} if backtest else {}
    metrics |= {
        "policies": simulations["policies"],
        "plan": {key: judged[key] for key in _PLAN_KEYS if key in judged},
        "recommended": simulations["recommended"],
        "verdict": ope["verdict"],
        "reasons": ope["reasons"],
        "evidence": ope["evidence"],
        "ope": [{key: row[key] for key in _OPE_KEYS} for row in ope["estimates"]],
        "seconds": folder.seconds(),
        "peak_rss_mb": _peak_rss_mb(run / METRICS),
    }
    write_text_atomic(run / METRICS, json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    return metrics


def _peak_rss_mb(before: Any) -> float:
    """Peak memory of this process, or of an earlier one that did part of this run."""
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    megabytes = round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
    try:
        earlier = json.loads(before.read_text(encoding="utf-8")).get("peak_rss_mb", 0.0)
    except (OSError, ValueError):
        earlier = 0.0
    return max(megabytes, float(earlier))
