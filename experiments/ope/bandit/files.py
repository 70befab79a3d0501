"""Files of a bandit log as a case, read in blocks: tables of actions are never held whole."""

from dataclasses import replace

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.behavior_file import open_behavior
from promopilot.experiments.ope.bandit.database import open_database
from promopilot.experiments.ope.bandit.extra_weights import extra_weights
from promopilot.experiments.ope.bandit.log_file import LogBlock, open_log
from promopilot.experiments.ope.bandit.nuisances import fit_nuisances
from promopilot.experiments.ope.bandit.policy_file import open_policy
from promopilot.experiments.ope.bandit.reduction import case_of, reduced
from promopilot.experiments.ope.bandit.reward_file import open_rewards
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for, rows_for_logged
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

# Decisions x actions of a block: 20 MB for each table of them.
_CELLS = 2_500_000


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[BanditRows]:
    """Reads `decision_id, action, reward, propensity` and what comes with them.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    tolerance = settings.probability_tolerance
    with open_database(settings.reading_mb) as database:
        log = open_log(database, inputs.log)
        log, policy = open_policy(inputs.policy, log, tolerance)
        behavior = given = None
        if inputs.behavior is not None:
            log, behavior = open_behavior(inputs.behavior, log, tolerance)
        if inputs.qhat is not None:
            given = open_rewards(inputs.qhat, log)
        extra = extra_weights(inputs, log, settings)
        size = max(1, _CELLS // len(log.actions))
        models = fit_nuisances(
            log,
            size,
            settings,
            seed,
            rewards=given is None,
            propensities=behavior is None
            and (not log.has_propensity or extra.categories is not None),
        )
        parts = []
        for block in log.blocks(size):
            shares = None if policy is None else policy(block)
            logging = models.propensities(block) if behavior is None else behavior(block)
            if logging is not None and not log.has_propensity:
                block = _with_propensity(block, logging)
            qhat = models.rewards(block) if given is None else given(block, shares)
            rows = (
                rows_for_logged(block.log, qhat)
                if shares is None
                else rows_for(block.log, shares, qhat)
            )
            rows = extra.add(rows, block, shares, logging, models.fold)
            parts.append(reduced(block, rows, shares))
            inputs.progress("read", (block.start + len(block.decision)) / log.count)
        case = case_of(
            parts,
            log.actions,
            log.evidence,
            "cross-fitted" if given is None else "given",
            "logged" if log.has_propensity or behavior is not None else "estimated",
        )
        case = replace(case, extra={**case.extra, "ignored_columns": list(log.ignored)})
        return extra.complete(case, log, size, models.fold)


def _with_propensity(block: LogBlock, logging: FloatArray) -> LogBlock:
    """The block with the propensity that the logging policy's probabilities [b, A] give."""
    taken = np.take_along_axis(logging, block.log.action[:, None], axis=1)[:, 0]
    return replace(block, log=replace(block.log, propensity=taken))
