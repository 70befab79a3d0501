"""Files of a sequential log as a case."""

from dataclasses import replace

import numpy as np

from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.propensity_model import estimated_propensity
from promopilot.experiments.ope.sequential.case import sequential_case
from promopilot.experiments.ope.sequential.log import SequentialLog
from promopilot.experiments.ope.sequential.log_file import LogFile, read_log
from promopilot.experiments.ope.sequential.policy_file import read_policy, read_qhat
from promopilot.experiments.ope.sequential.rows import SequentialRows
from promopilot.experiments.ope.settings import OpeSettings


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[SequentialRows]:
    """Reads `episode_id, step, action, reward[, propensity]` and what comes with them.

    Without propensities they are estimated from the step and the columns s_*.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    source = read_log(inputs.log)
    if source.propensities == "estimated":
        source = replace(source, log=_with_propensities(source, settings, seed))
    log, policy = read_policy(inputs.policy, source, settings.probability_tolerance)
    given = None
    if inputs.qhat is not None:
        given = read_qhat(inputs.qhat, source, log, None if isinstance(policy, str) else policy)
    case = sequential_case(
        log,
        policy,
        given,
        settings,
        seed,
        estimators=tuple(spec.partition(":")[0] for spec in inputs.estimators),
        fold=source.folds(settings.folds),
        propensities=source.propensities,
    )
    extra = {**case.extra, "ignored_columns": list(source.ignored)}
    return replace(case, timestamp=source.timestamp, extra=extra)


def _with_propensities(source: LogFile, settings: OpeSettings, seed: int) -> SequentialLog:
    """The log with estimated propensities, each by a model that did not see the episode."""
    log, episode = source.log, source.log.episode
    decisions = BanditLog(
        action=log.action,
        reward=log.reward,
        propensity=log.propensity,
        cluster=log.cluster[episode],
        evidence=log.evidence,
        actions=log.actions,
    )
    features = np.column_stack([log.step.astype(np.float64), log.state])
    fold = source.folds(settings.folds)[episode]
    return replace(log, propensity=estimated_propensity(decisions, features, fold, settings, seed))
