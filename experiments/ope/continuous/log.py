"""A log of numeric actions as arrays, and the faults that no number may be made from."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import USABLE_REWARD, FloatArray, IntArray, unusable
from promopilot.experiments.ope.log_rules import (
    SMALLEST_PROPENSITY,
    check_evidence,
    check_lengths,
    one_only,
)
from promopilot.experiments.ope.log_table import Place


@dataclass(frozen=True)
class ContinuousLog:
    """Decisions whose action is a number, such as a discount or a bid; n of them, all [n].

    Two decisions with the same cluster are not independent; intervals resample clusters whole.
    """

    action: FloatArray  # the number chosen, in the action's own unit
    reward: FloatArray  # what the decision brought, in the reward's own unit
    density: FloatArray  # the logging policy's density at `action`, per unit of action, above 0
    cluster: IntArray  # any whole numbers; `numpy.arange(n)` where decisions are independent
    evidence: str  # "logged", or "simulated" where a market and not people answered


def check_log(log: ContinuousLog, place: Place) -> None:
    """Refuses a log that no estimate may be made from.

    Args:
        log: the log in the order of its file.
        place: what to call the log and its rows.

    Raises:
        LogError: naming the first row at fault, its column, its value and the rule.
    """
    count = len(log.action)
    columns = {"reward": log.reward, "density": log.density, "cluster": log.cluster}
    check_lengths(place.name, count, "decision", columns)
    check_evidence(place.name, log.evidence)
    place.refuse(~np.isfinite(log.action), "action", log.action, "it must be a finite number")
    place.refuse(unusable(log.reward), "reward", log.reward, USABLE_REWARD)
    place.refuse(
        ~((log.density >= SMALLEST_PROPENSITY) & np.isfinite(log.density)),
        "propensity_density",
        log.density,
        "the density of an action that was taken must be above 0, and finite",
    )
    if (log.action == log.action[0]).all():
        raise one_only(place.name, f"action only, {log.action[0]:.12g}", count)
