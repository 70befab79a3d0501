"""A log of numeric actions and a policy as a case to evaluate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.case import Case, Model, Support
from promopilot.experiments.ope.continuous.bandwidth import candidates
from promopilot.experiments.ope.continuous.estimators import (
    KernelDoublyRobust,
    KernelInverseProbabilityWeighting,
    KernelSelfNormalizedInverseProbabilityWeighting,
)
from promopilot.experiments.ope.continuous.log import ContinuousLog, check_log
from promopilot.experiments.ope.continuous.rows import ContinuousRows
from promopilot.experiments.ope.estimator import Estimator, Family, Kind
from promopilot.experiments.ope.log_table import Place

CONTINUOUS: Kind[ContinuousRows] = Kind(
    name="continuous",
    unit="decision",
    families={
        "kernel_ipw": Family(KernelInverseProbabilityWeighting),
        "kernel_snipw": Family(KernelSelfNormalizedInverseProbabilityWeighting),
        "kernel_dr": Family(KernelDoublyRobust),
    },
    default=("kernel_ipw", "kernel_snipw", "kernel_dr"),
    primary="kernel_dr",
    second="kernel_snipw",
    notes=(
        "Actions are numbers, and no logged one is exactly the policy's: those near it stand for "
        "it. How near is chosen from the log: a quarter of the widest distance at which no error "
        "shows yet, so that what the distance hides is small beside the intervals.",
    ),
)
_AS_LOGGED = (
    "The policy is the one that wrote the log: its decisions stand for themselves, and the "
    "bandwidth plays no part."
)


def continuous_case(
    log: ContinuousLog,
    policy: FloatArray | Literal["logged"],
    qhat: FloatArray,
    reward_model: Model = "given",
    predicted: FloatArray | None = None,
    timestamp: NDArray[np.datetime64] | None = None,
) -> Case[ContinuousRows]:
    """A case from arrays.

    The weights by which the log's evidence is judged are those of `kernel_dr`, on which the verdict
    rests, at the bandwidth chosen for it.

    Args:
        log: the decisions, n of them.
        policy: [n] the action that the policy takes in each decision, or "logged" for the policy
            that wrote the log.
        qhat: [n] estimated reward of the policy's action in each decision.
        reward_model: where `qhat` comes from.
        predicted: [n] estimated reward of the logged action, where there are such estimates.
        timestamp: [n] when each decision was taken.

    Raises:
        LogError: a fault in the arrays, with row and value.
    """
    check_log(log, Place())
    _check(qhat, log, "the reward estimates")
    kind, support = CONTINUOUS, Support()
    wanted: FloatArray | None = None
    extra: dict[str, float] = {}
    if isinstance(policy, str):
        if policy != "logged":
            raise LogError(f"policy is {policy!r}; give its actions, or the name logged.")
        kind = replace(kind, notes=(*kind.notes, _AS_LOGGED))
    else:
        _check(policy, log, "the policy's actions")
        wanted = policy
    rows = ContinuousRows(
        log.reward, log.action, log.density, wanted, qhat, np.ones_like(log.reward)
    )
    group = np.unique(log.cluster, return_inverse=True)[1].astype(np.int64)
    choices = {name: candidates(family.make, rows, group) for name, family in kind.families.items()}
    if wanted is not None:
        used = choices[kind.primary][-1]
        rows = replace(rows, weight=used.used_weight(rows))
        bandwidth = float(used.params["bandwidth"])
        support = support_of(log.action, wanted, bandwidth)
        extra = {"bandwidth": bandwidth}
    return Case(
        kind=_with_choices(kind, choices),
        rows=rows,
        cluster=log.cluster,
        evidence=log.evidence,
        support=support,
        reward_model=reward_model,
        extra=extra,
        timestamp=timestamp,
        predicted=predicted,
        clip=with_weights_cut,
    )


def _with_choices(
    kind: Kind[ContinuousRows], choices: Mapping[str, Sequence[Estimator[ContinuousRows]]]
) -> Kind[ContinuousRows]:
    """The kind with the candidates that were found for one log."""

    def family(name: str) -> Family[ContinuousRows]:
        return replace(kind.families[name], grid=lambda _: choices[name], tuned_by="slope")

    return replace(kind, families={name: family(name) for name in kind.families})


def with_weights_cut(rows: ContinuousRows, cap: float) -> ContinuousRows:
    """The rows with every weight cut at a cap."""
    return replace(rows, weight=np.minimum(rows.weight, cap), largest=min(rows.largest, cap))


def support_of(logged: FloatArray, wanted: FloatArray, bandwidth: float) -> Support:
    """The policy's actions [n] outside the range of the logged ones [m], or far from any.

    Far is more than a bandwidth from the nearest logged action, whatever the decision.
    """
    known = np.sort(logged)
    below, above = wanted < known[0], wanted > known[-1]
    after = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
    nearest = np.minimum(np.abs(wanted - known[after - 1]), np.abs(wanted - known[after]))
    apart = (nearest > bandwidth) & ~below & ~above
    named = [f"below {known[0]:.6g}"] if below.any() else []
    named += [f"above {known[-1]:.6g}"] if above.any() else []
    gaps = np.unique(after[apart])
    named += [f"between {known[i - 1]:.6g} and {known[i]:.6g}" for i in gaps]
    return Support(float((below | above | apart).mean()), tuple(named))


def _check(values: FloatArray, log: ContinuousLog, what: str) -> None:
    if values.shape != log.action.shape:
        raise LogError(f"{what} have shape {values.shape}; the log needs {log.action.shape}.")
    if (bad := ~np.isfinite(values)).any():
        row = int(np.argmax(bad))
        raise LogError(f"{what}, decision {row + 1}: {values[row]} is not a finite number.")
