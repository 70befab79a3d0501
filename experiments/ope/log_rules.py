"""Rules that hold for the logs of every kind."""

from collections.abc import Mapping, Sized

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray, FloatArray

EVIDENCE = ("logged", "simulated")
# Smaller propensities are zero in effect: weights of 1e100 leave no digits for anything else.
SMALLEST_PROPENSITY = 1e-100
PROPENSITY_RULE = "the probability of an action that was taken must be above 0 and at most 1"


def impossible(propensity: FloatArray) -> BoolArray:
    """Where propensities break `PROPENSITY_RULE`."""
    return np.asarray(~((propensity >= SMALLEST_PROPENSITY) & (propensity <= 1.0)))


def check_lengths(name: str, count: int, unit: str, columns: Mapping[str, Sized]) -> None:
    """Refuses a log without rows, or with columns of another length than `count`.

    Args:
        name: what to call the log.
        count: how many rows it has.
        unit: what a log needs one of at least.
        columns: by name.

    Raises:
        LogError: naming the column.
    """
    if count == 0:
        raise LogError(f"{name} is empty: it needs at least one {unit}.")
    for column, values in columns.items():
        if len(values) != count:
            raise LogError(f"{name} has {count} rows but {len(values)} values of {column}.")


def check_evidence(name: str, evidence: str) -> None:
    """Refuses evidence that is neither logged nor simulated.

    Raises:
        LogError: naming it.
    """
    if evidence not in EVIDENCE:
        raise LogError(f"{name}: evidence is {evidence!r}; it must be logged or simulated.")


def one_only(name: str, what: str, count: int) -> LogError:
    """The fault of a log that shows one thing only, such as `action, 'a'`, in all its decisions."""
    return LogError(
        f"{name} shows one {what}, in all {count} decisions: "
        "without a second one there is nothing to compare."
    )


def one_action_only(name: str, action: str, count: int) -> LogError:
    """The fault of a log that shows one action in all its `count` decisions."""
    return one_only(name, f"action only, {action!r}", count)
