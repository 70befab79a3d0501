"""From files to `ope.json`, tables and a page: what `promopilot ope` does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from promopilot.experiments.errors import LogError
from promopilot.experiments.manifest import MANIFEST
from promopilot.experiments.ope.bandit import files as bandit
from promopilot.experiments.ope.candidates import candidate_names, folders_of
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.columns import column_names
from promopilot.experiments.ope.continuous import files as continuous
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.out_folder import (
    OPE,
    REPORT,
    SELECTION,
    require_usable,
    write_evaluation,
)
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.selection import evaluate_candidates
from promopilot.experiments.ope.sequential import files as sequential
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate import files as slate
from promopilot.experiments.ope.tables import selection_table, tables_of
from promopilot.experiments.progress import silent, stage_of

# Kinds by the column that only their logs have, and who reads them; bandit logs have none.
_READERS: dict[str, Callable[[Inputs, OpeSettings, int], Case[Any]]] = {
    "episode_id": sequential.read_case,
    "position": slate.read_case,
    "propensity_density": continuous.read_case,
}
_Progress = Callable[[str, float], None]


def evaluate_files(
    inputs: Inputs, out: Path, settings: OpeSettings, seed: int, progress: _Progress = silent
) -> dict[str, Any]:
    """Evaluates a policy from a log and writes `ope.json`, its tables and `report.html`.

    Args:
        inputs: the files and the estimators to report; the log's columns tell its kind.
        out: folder for the results, made if need be; an earlier evaluation in it is replaced.
        settings: settings of the evaluation.
        seed: seed of fitted models and the bootstrap.
        progress: told what begins and ends.

    Returns:
        The content of `ope.json`.

    Raises:
        LogError: a fault in a file with its row and value, an unknown name, a folder not usable.
    """
    require_usable(out, inputs.paths)
    with stage_of(progress, "read"):
        case = read_case(replace(inputs, progress=progress), settings, seed)
    with stage_of(progress, "estimate"):
        result = evaluate(case, parse_requests(inputs.estimators, case.kind), settings, seed)
    with stage_of(progress, "report"):
        name = candidate_names([inputs.policy])[0]
        page = {REPORT: _page(inputs, {name: result}, None, settings, seed)}
        write_evaluation(out, _files(result) | page)
    return result


def evaluate_policies(
    inputs: Inputs,
    policies: Sequence[str],
    out: Path,
    settings: OpeSettings,
    seed: int,
    progress: _Progress = silent,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Evaluates several policies from one log, with intervals that hold for all of them at once.

    Writes `selection.json`, `selection.csv` and one `report.html` into `out`, and what
    `evaluate_files` writes of each, but for the page, into `candidates/<name>/`.

    Args:
        inputs: as in `evaluate_files`; its policy is not read.
        policies: files, runs or names, each another.
        out: as in `evaluate_files`.
        settings: as there.
        seed: as there.
        progress: as there.

    Returns:
        The content of each `ope.json` by candidate, and that of `selection.json`.

    Raises:
        LogError: as `evaluate_files`, or a policy named twice.
    """
    names = candidate_names(policies)
    given = [replace(inputs, policy=policy, progress=progress) for policy in policies]
    require_usable(out, [path for one in given for path in one.paths])
    cases = {}
    for name, one in zip(names, given, strict=True):
        with stage_of(progress, f"read for {name}"):
            cases[name] = read_case(one, settings, seed)
    with stage_of(progress, "estimate"):
        requests = parse_requests(inputs.estimators, cases[names[0]].kind)
        results, selection = evaluate_candidates(cases, requests, settings, seed)
    with stage_of(progress, "report"):
        folders = folders_of(names)
        files = {
            f"{folders[name]}/{file}": text
            for name, result in results.items()
            for file, text in _files(result).items()
        }
        files |= {SELECTION: _json(selection), "selection.csv": selection_table(selection)}
        files[REPORT] = _page(inputs, results, selection, settings, seed)
        write_evaluation(out, files)
    return results, selection


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[Any]:
    """Reads a log of whatever kind its columns say, and the policy: a file, a run or a name.

    Raises:
        LogError: a fault in a file, with its row and value.
    """
    names = column_names(inputs.log)
    kind = next((column for column in _READERS if column in names), None)
    if inputs.policy not in ("uniform", "logged") and Path(inputs.policy).is_dir():
        _require_plan(inputs.policy, kind)
    if kind is None:
        _require_probability(inputs)
    reader = bandit.read_case if kind is None else _READERS[kind]
    return reader(inputs, settings, seed)


def _require_plan(policy: str, kind: str | None) -> None:
    """Refuses a folder that is no run's, or a plan where the log's actions are no promotions."""
    if not (Path(policy) / MANIFEST).is_file():
        raise LogError(f"policy {policy!r} is a folder, but not that of a finished run.")
    if kind == "episode_id":
        raise LogError(
            f"policy {policy!r} is a run, and its plan names promotions; in this log each day's "
            "action is a way of planning: name one of them, as always:replanner."
        )
    if kind is not None:
        raise LogError(
            f"policy {policy!r} is a run, and its plan says nothing of this kind of log; give a "
            "policy file, or a name."
        )


def _require_probability(inputs: Inputs) -> None:
    """Refuses a policy of amounts, one a decision, where the log does not tell their density."""
    policy = Path(inputs.policy)
    names = column_names(policy)
    if "probability" not in names and {"decision_id", "action"} <= set(names):
        raise LogError(
            f"{policy.name} has no column 'probability', which a policy for one choice each needs. "
            f"If its actions are amounts, {inputs.log.name} needs a column 'propensity_density'."
        )


def _files(result: dict[str, Any]) -> dict[str, str]:
    return tables_of(result) | {OPE: _json(result)}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _page(
    inputs: Inputs,
    results: dict[str, dict[str, Any]],
    selection: dict[str, Any] | None,
    settings: OpeSettings,
    seed: int,
) -> str:
    # The page's modules know runs and their settings, which in turn know offline evaluation.
    from promopilot.experiments.report.evaluation_page import About, render_evaluation

    about = About(inputs, settings, seed)
    return render_evaluation(results, selection, about)
