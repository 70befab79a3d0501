"""Files of a log of numeric actions as a case."""

from dataclasses import replace
from typing import Literal

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.continuous.case import continuous_case
from promopilot.experiments.ope.continuous.log_file import (
    ContinuousFile,
    read_by_decision,
    read_log,
)
from promopilot.experiments.ope.continuous.reward_model import cross_fitted
from promopilot.experiments.ope.continuous.rows import ContinuousRows
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.folds import folds_of_units
from promopilot.experiments.ope.policy_name import policy_path
from promopilot.experiments.ope.settings import OpeSettings

_NAMES = ("logged", "always:<number>")


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[ContinuousRows]:
    """Reads `decision_id, action, reward, propensity_density` and what comes with them.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    source = read_log(inputs.log)
    case = _case(inputs, source, settings, seed)
    return replace(case, extra={**case.extra, "ignored_columns": list(source.ignored)})


def _case(
    inputs: Inputs, source: ContinuousFile, settings: OpeSettings, seed: int
) -> Case[ContinuousRows]:
    log = source.log
    policy = _policy(inputs.policy, source)
    if inputs.qhat is not None:
        given = read_by_decision(inputs.qhat, "q", source)
        return continuous_case(log, policy, given, "given", timestamp=source.timestamp)
    fold = folds_of_units(source.unit, source.decision, settings.folds)
    wanted = log.action if isinstance(policy, str) else policy
    made, predicted = cross_fitted(
        source.features, log.action, log.reward, wanted, fold, settings, seed
    )
    return continuous_case(log, policy, made, "cross-fitted", predicted, source.timestamp)


def _policy(policy: str, source: ContinuousFile) -> FloatArray | Literal["logged"]:
    """The policy's actions [n], by file or by name."""
    if policy == "logged":
        return "logged"
    if policy.startswith("always:"):
        text = policy.removeprefix("always:")
        try:
            number = float(text)
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise LogError(f"policy {policy!r}: {text!r} is not a number, as actions are here.")
        return np.full(len(source.log.action), number)
    if policy == "uniform":
        raise LogError(
            f"policy {policy!r}: the actions of {source.name} are numbers, and there is no even "
            "choice over all numbers; give a file with the action of every decision."
        )
    path = policy_path(policy, _NAMES)
    return read_by_decision(path, "action", source)
