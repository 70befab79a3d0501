"""A bandit log as arrays, and the faults that no number may be made from."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import (
    USABLE_REWARD,
    BoolArray,
    FloatArray,
    IntArray,
    TextArray,
    unusable,
)
from promopilot.experiments.ope.distribution import check_sums
from promopilot.experiments.ope.log_rules import (
    PROPENSITY_RULE,
    check_evidence,
    check_lengths,
    impossible,
    one_action_only,
)


@dataclass(frozen=True)
class BanditLog:
    """Decisions that were taken, how likely each was, and what it brought.

    n is the number of decisions, A the number of actions. Two decisions with the same cluster are
    not independent (the same customer, the same day); intervals resample clusters whole.
    """

    action: IntArray  # [n] index into `actions`
    reward: FloatArray  # [n] what the decision brought, in the reward's own unit
    propensity: (
        FloatArray  # [n] probability with which the logging policy chose `action`, in (0, 1]
    )
    cluster: IntArray  # [n] any whole numbers; `numpy.arange(n)` where decisions are independent
    evidence: str  # "logged", or "simulated" where a market and not people answered
    actions: tuple[str, ...]  # [A] names; may hold actions that the log never shows


def check_log(
    log: BanditLog,
    name: str = "the log",
    decisions: TextArray | None = None,
    first_row: int = 1,
) -> None:
    """Refuses a log that no estimate may be made from.

    Args:
        log: the log in the order of its file.
        name: what to call the log in a message, such as the file's name.
        decisions: [n] ids to name beside the row, where there are any.
        first_row: number of the first decision's row (2 in a file, whose header is row 1).

    Raises:
        LogError: naming the first row at fault, its column, its value and the rule.
    """
    count = len(log.action)
    columns = {"reward": log.reward, "propensity": log.propensity, "cluster": log.cluster}
    check_lengths(name, count, "decision", columns)
    check_evidence(name, log.evidence)

    def refuse(bad: BoolArray, column: str, rule: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            value = getattr(log, column)[row]
            of = "" if decisions is None else f" (decision {decisions[row]})"
            raise LogError(f"{name}, row {row + first_row}{of}: {column} is {value:.12g}; {rule}.")

    refuse((log.action < 0) | (log.action >= len(log.actions)), "action", "no such action is named")
    refuse(unusable(log.reward), "reward", USABLE_REWARD)
    refuse(impossible(log.propensity), "propensity", PROPENSITY_RULE)
    if (log.action == log.action[0]).all():
        raise one_action_only(name, log.actions[log.action[0]], count)


def check_matrix(values: FloatArray, log: BanditLog, what: str) -> None:
    """Refuses an [n, A] matrix of another shape or with anything but finite numbers.

    Raises:
        LogError: naming the first decision and action at fault.
    """
    shape = (len(log.action), len(log.actions))
    if values.shape != shape:
        raise LogError(f"{what} has shape {values.shape}; the log needs {shape}.")
    if not (bad := ~np.isfinite(values)).any():
        return
    row, column = (int(i) for i in np.argwhere(bad)[0])
    raise LogError(
        f"{what}, decision {row + 1}, action {log.actions[column]!r}: {values[row, column]} "
        "is not a finite number."
    )


def check_probabilities(values: FloatArray, log: BanditLog, tolerance: float) -> None:
    """Refuses policy probabilities [n, A] outside 0 to 1, or not summing to 1 in a decision.

    Raises:
        LogError: naming the first decision at fault and its value.
    """
    check_matrix(values, log, "the policy")
    if (bad := (values < 0.0) | (values > 1.0)).any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise LogError(
            f"the policy, decision {row + 1}, action {log.actions[column]!r}: probability is "
            f"{values[row, column]:.12g}; it must be from 0 to 1."
        )
    check_sums(values, tolerance, lambda row: f"the policy, decision {row + 1}")
