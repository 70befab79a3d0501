"""From files to `ope.json` and `estimates.csv`: what `promopilot ope` does."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.evaluate import evaluate_log, named_estimators
from promopilot.experiments.ope.log_file import read_log
from promopilot.experiments.ope.policy_file import read_policy, read_qhat
from promopilot.experiments.ope.reward_model import cross_fitted, fold_of
from promopilot.experiments.ope.settings import OpeSettings

_COLUMNS = (
    "estimator",
    "params",
    "estimate",
    "ci95_low",
    "ci95_high",
    "diff_vs_logged",
    "diff_ci95_low",
    "diff_ci95_high",
    "ess",
    "max_weight",
    "clip_share",
)


def evaluate_files(
    log: Path,
    policy: str,
    out: Path,
    qhat: Path | None,
    estimators: Sequence[str],
    settings: OpeSettings,
    seed: int,
) -> dict[str, Any]:
    """Evaluates a policy from a log and writes `ope.json` and `estimates.csv` into `out`.

    Args:
        log: the logged decisions, CSV or Parquet.
        policy: a file `decision_id, action, probability`, or a name: `uniform`, `logged`,
            `always:<action>`.
        out: folder for the two files, made if need be; each appears only when complete.
        qhat: a file `decision_id, action, q`; without it a cross-fitted model estimates rewards.
        estimators: names to report; all where empty.
        settings: settings of the evaluation.
        seed: seed of the reward model and the bootstrap.

    Returns:
        The content of `ope.json`.

    Raises:
        LogError: a fault in a file with its row and value, an unknown name, a folder not writable.
    """
    named_estimators(estimators)
    source = read_log(log)
    decisions, probability = read_policy(policy, source, settings.probability_tolerance)
    if qhat is not None:
        matrix = None if isinstance(probability, str) else probability
        rewards, model = read_qhat(qhat, source, decisions, matrix), "given"
    else:
        fold = fold_of(source.unit, settings.folds)
        if (fold == fold[0]).all():  # one cluster, or very few: there is nothing else to split by
            fold = fold_of(source.decision, settings.folds)
        rewards, model = (
            cross_fitted(decisions, source.features, fold, settings, seed),
            "cross-fitted",
        )
    result = evaluate_log(decisions, probability, rewards, settings, seed, estimators)
    result["diagnostics"]["reward_model"] = model
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(out / "estimates.csv", _table(result["estimates"]))
        write_text_atomic(out / "ope.json", json.dumps(result, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise LogError(f"cannot write into {out}: {error.strerror or error}.") from None
    return result


def _table(estimates: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in estimates:
        flat = {key: value for key, value in row.items() if key in _COLUMNS}
        flat["params"] = json.dumps(row["params"])
        for interval in ("ci95", "diff_ci95"):
            flat[f"{interval}_low"], flat[f"{interval}_high"] = row[interval]
        writer.writerow(flat)
    return text.getvalue()
