"""From files to `ope.json` and `estimates.csv`: what `promopilot ope` does."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit import files as bandit
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.columns import column_names
from promopilot.experiments.ope.continuous import files as continuous
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.sequential import files as sequential
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate import files as slate

# Kinds by the column that only their logs have, and who reads them; bandit logs have none.
_READERS: dict[str, Callable[[Inputs, OpeSettings, int], Case[Any]]] = {
    "episode_id": sequential.read_case,
    "position": slate.read_case,
    "propensity_density": continuous.read_case,
}

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


def evaluate_files(inputs: Inputs, out: Path, settings: OpeSettings, seed: int) -> dict[str, Any]:
    """Evaluates a policy from a log and writes `ope.json` and `estimates.csv` into `out`.

    Args:
        inputs: the files and the estimators to report; the log's columns tell its kind.
        out: folder for the results, made if need be; each file appears only when complete.
        settings: settings of the evaluation.
        seed: seed of fitted models and the bootstrap.

    Returns:
        The content of `ope.json`.

    Raises:
        LogError: a fault in a file with its row and value, an unknown name, a folder not writable.
    """
    case = read_case(inputs, settings, seed)
    result = evaluate(case, parse_requests(inputs.estimators, case.kind), settings, seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(out / "estimates.csv", _table(result["estimates"]))
        write_text_atomic(out / "ope.json", json.dumps(result, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise LogError(f"cannot write into {out}: {error.strerror or error}.") from None
    return result


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[Any]:
    """Reads a log of whatever kind its columns say.

    Raises:
        LogError: a fault in a file, with its row and value.
    """
    names = column_names(inputs.log)
    readers = [reader for column, reader in _READERS.items() if column in names]
    return (readers or [bandit.read_case])[0](inputs, settings, seed)


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
