"""Files of a slate log as a case."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.folds import folds_of_units
from promopilot.experiments.ope.policy_name import policy_path
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate.case import slate_case
from promopilot.experiments.ope.slate.log import SlateLog
from promopilot.experiments.ope.slate.log_file import SlateFile, read_log
from promopilot.experiments.ope.slate.policy_file import (
    read_estimates,
    read_policy,
    refuse_disagreement,
)
from promopilot.experiments.ope.slate.reward_model import cross_fitted
from promopilot.experiments.ope.slate.rows import ItemValues, SlateRows
from promopilot.experiments.ope.slate.uniform import uniform_choices, uniform_probabilities

_NAMES = ("uniform", "logged")


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[SlateRows]:
    """Reads `decision_id, position, action, reward`, propensities and what comes with them.

    Without reward estimates, they are fitted for the policy `uniform`, whose every choice is known;
    other policies are then evaluated without any.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    source = read_log(inputs.log, settings.probability_tolerance)
    case = _case(inputs, source, settings, seed)
    return replace(case, extra={**case.extra, "ignored_columns": list(source.ignored)})


def _case(inputs: Inputs, source: SlateFile, settings: OpeSettings, seed: int) -> Case[SlateRows]:
    tolerance = settings.probability_tolerance
    if inputs.policy == "logged":
        return _logged(inputs, source, tolerance)
    if inputs.policy == "uniform":
        return _uniform(inputs, source, settings, seed)
    policy = read_policy(_policy_path(inputs.policy), source, tolerance)
    if inputs.qhat is None:
        return slate_case(source.log, policy, None, tolerance, timestamp=source.timestamp)
    given = read_estimates(inputs.qhat, source, tolerance, _shown(source.log), weighed=True)
    refuse_disagreement(policy, given.items, source, inputs.qhat.name, tolerance)
    log = replace(source.log, actions=given.actions)
    return slate_case(log, policy, given.items, tolerance, "given", source.timestamp)


def _logged(inputs: Inputs, source: SlateFile, tolerance: float) -> Case[SlateRows]:
    """The policy that wrote the log; what was shown stands for its choices."""
    log, items = source.log, None
    if inputs.qhat is not None:
        given = read_estimates(inputs.qhat, source, tolerance, _shown(log), weighed=False)
        log = replace(log, actions=given.actions)
        items = ItemValues(_shown(log).astype(np.float64), given.items.q)
    return slate_case(log, "logged", items, tolerance, "given", source.timestamp)


def _uniform(
    inputs: Inputs, source: SlateFile, settings: OpeSettings, seed: int
) -> Case[SlateRows]:
    log, tolerance = source.log, settings.probability_tolerance
    choices = uniform_choices(log)
    policy = uniform_probabilities(log)
    if inputs.qhat is not None:
        needed = (choices > 0.0) | _shown(log)
        given = read_estimates(inputs.qhat, source, tolerance, needed, weighed=False)
        items = ItemValues(choices, given.items.q[:, : len(log.actions)])
        return slate_case(log, policy, items, tolerance, "given", source.timestamp)
    fold = folds_of_units(source.unit, source.decision, settings.folds)
    q = cross_fitted(log, choices, source.features, fold, settings, seed)
    return slate_case(
        log, policy, ItemValues(choices, q), tolerance, "cross-fitted", source.timestamp
    )


def _shown(log: SlateLog) -> BoolArray:
    """[m, A] the item shown at each row."""
    return np.asarray(log.action[:, None] == np.arange(len(log.actions)))


def _policy_path(policy: str) -> Path:
    if policy.startswith("always:"):
        raise LogError(
            f"policy {policy!r}: a slate shows several items, and one name does not say which "
            "stands where; give a file with the probabilities of the logged slates."
        )
    return policy_path(policy, _NAMES)
