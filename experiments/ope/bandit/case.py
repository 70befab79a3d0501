"""A bandit log and a policy as a case to evaluate."""

from typing import Literal

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.estimators import (
    DirectMethod,
    DoublyRobust,
    InverseProbabilityWeighting,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInverseProbabilityWeighting,
)
from promopilot.experiments.ope.bandit.log import (
    BanditLog,
    check_log,
    check_matrix,
    check_probabilities,
)
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for, rows_for_logged
from promopilot.experiments.ope.case import Case, Model, Support
from promopilot.experiments.ope.estimator import Family, Kind

BANDIT: Kind[BanditRows] = Kind(
    name="bandit",
    unit="decision",
    families={
        "dm": Family(DirectMethod),
        "ipw": Family(InverseProbabilityWeighting),
        "snipw": Family(SelfNormalizedInverseProbabilityWeighting),
        "dr": Family(DoublyRobust),
        "sndr": Family(SelfNormalizedDoublyRobust),
    },
    default=("dm", "ipw", "snipw", "dr", "sndr"),
    primary="dr",
    second="snipw",
    notes=(
        "The value is that of the policy's choices at the logged moments. What its own earlier "
        "choices would have changed (tired audiences, used-up supply) is not in it.",
    ),
)


def bandit_case(
    log: BanditLog,
    policy: FloatArray | Literal["logged"],
    qhat: FloatArray,
    tolerance: float = 1e-4,
    reward_model: Model = "given",
    propensities: Literal["logged", "estimated"] = "logged",
) -> Case[BanditRows]:
    """A case from arrays.

    Args:
        log: the decisions, n of them over A actions.
        policy: [n, A] probability of each action in each decision, or "logged" for the policy that
            wrote the log.
        qhat: [n, A] estimated reward of each action in each decision.
        tolerance: how far a decision's probabilities may sum from 1.
        reward_model: where `qhat` comes from.
        propensities: whether the log's propensities were logged.

    Raises:
        LogError: a fault in the arrays, with row and value.
    """
    check_log(log)
    check_matrix(qhat, log, "the reward estimates")
    support = Support()
    if isinstance(policy, str):
        if policy != "logged":
            raise LogError(f"policy is {policy!r}; give probabilities, or the name logged.")
        rows = rows_for_logged(log, qhat)
    else:
        check_probabilities(policy, log, tolerance)
        rows = rows_for(log, policy, qhat)
        support = _support(log, policy)
    return Case(BANDIT, rows, log.cluster, log.evidence, support, reward_model, propensities)


def _support(log: BanditLog, policy: FloatArray) -> Support:
    unseen = np.flatnonzero(np.bincount(log.action, minlength=len(log.actions)) == 0)
    share = policy[:, unseen].mean(axis=0)
    taken = tuple(log.actions[i] for i, part in zip(unseen, share, strict=True) if part > 0.0)
    return Support(float(share.sum()), taken)
