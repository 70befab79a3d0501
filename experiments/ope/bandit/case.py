"""A bandit log and a policy as a case to evaluate."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.balanced import BalancedInverseProbabilityWeighting
from promopilot.experiments.ope.bandit.doubly_robust import (
    DirectMethod,
    DoublyRobust,
    SelfNormalizedDoublyRobust,
)
from promopilot.experiments.ope.bandit.grids import (
    clip_grid,
    shrinkage_grid,
    sub_gaussian_dr_grid,
    sub_gaussian_grid,
    switch_grid,
)
from promopilot.experiments.ope.bandit.log import (
    BanditLog,
    check_log,
    check_matrix,
    check_probabilities,
)
from promopilot.experiments.ope.bandit.marginal import (
    MarginalizedInverseProbabilityWeighting,
    SelfNormalizedMarginalizedInverseProbabilityWeighting,
)
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for, rows_for_logged
from promopilot.experiments.ope.bandit.shrinkage import (
    ClippedInverseProbabilityWeighting,
    DoublyRobustWithShrinkage,
    SubGaussianDoublyRobust,
    SubGaussianInverseProbabilityWeighting,
    SwitchDoublyRobust,
)
from promopilot.experiments.ope.bandit.weighting import (
    InverseProbabilityWeighting,
    SelfNormalizedInverseProbabilityWeighting,
)
from promopilot.experiments.ope.case import Case, Choices, Model, Support
from promopilot.experiments.ope.distribution import normalised
from promopilot.experiments.ope.estimator import Family, Kind

BANDIT: Kind[BanditRows] = Kind(
    name="bandit",
    unit="decision",
    families={
        "dm": Family(DirectMethod),
        "ipw": Family(InverseProbabilityWeighting),
        "ipw_clip": Family(ClippedInverseProbabilityWeighting, clip_grid),
        "snipw": Family(SelfNormalizedInverseProbabilityWeighting),
        "dr": Family(DoublyRobust),
        "sndr": Family(SelfNormalizedDoublyRobust),
        "switch_dr": Family(SwitchDoublyRobust, switch_grid),
        "dros": Family(DoublyRobustWithShrinkage, shrinkage_grid),
        "sg_ipw": Family(SubGaussianInverseProbabilityWeighting, sub_gaussian_grid),
        "sg_dr": Family(SubGaussianDoublyRobust, sub_gaussian_dr_grid),
        "balanced_ipw": Family(BalancedInverseProbabilityWeighting),
        "mipw": Family(MarginalizedInverseProbabilityWeighting),
        "snmipw": Family(SelfNormalizedMarginalizedInverseProbabilityWeighting),
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
    choices = None
    if isinstance(policy, str):
        if policy != "logged":
            raise LogError(f"policy is {policy!r}; give probabilities, or the name logged.")
        rows = rows_for_logged(log, qhat)
    else:
        check_probabilities(policy, log, tolerance)
        policy = normalised(policy)
        rows = rows_for(log, policy, qhat)
        choices = Choices(log.actions, log.action, policy.mean(axis=0))
    return case_of_rows(rows, log.cluster, log.evidence, choices, reward_model, propensities)


def case_of_rows(
    rows: BanditRows,
    cluster: IntArray,
    evidence: str,
    choices: Choices | None,
    reward_model: Model,
    propensities: Literal["logged", "estimated"],
    timestamp: NDArray[np.datetime64] | None = None,
) -> Case[BanditRows]:
    """A case from checked rows, however they were read.

    Args:
        rows: n decisions.
        cluster: [n] decisions of one cluster are not independent.
        evidence: "logged" or "simulated".
        choices: what was done and what the policy does; None for the policy that wrote the log.
        reward_model: where reward estimates come from.
        propensities: whether they were logged.
        timestamp: [n] when, where the log tells.
    """
    return Case(
        BANDIT,
        rows,
        cluster,
        evidence,
        Support() if choices is None else _support(choices),
        reward_model,
        propensities,
        timestamp=timestamp,
        predicted=rows.q_logged,
        choices=choices,
        clip=clipped,
    )


def clipped(rows: BanditRows, cap: float) -> BanditRows:
    """The same decisions with their weights cut at `cap`."""
    return replace(rows, weight=np.minimum(rows.weight, cap))


def _support(choices: Choices) -> Support:
    unseen = np.flatnonzero(np.bincount(choices.taken, minlength=len(choices.names)) == 0)
    share = choices.policy_share[unseen]
    taken = tuple(choices.names[i] for i, part in zip(unseen, share, strict=True) if part > 0.0)
    return Support(float(share.sum()), taken)
