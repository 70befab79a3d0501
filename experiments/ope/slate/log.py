"""A slate log as arrays, and the faults that no number may be made from.

A slate is an ordered list of items, shown together. m is the number of rows (one per slate and
position), n the number of slates, L the length of the longest, A the number of items by name.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import (
    USABLE_REWARD,
    BoolArray,
    FloatArray,
    IntArray,
    unusable,
)
from promopilot.experiments.ope.log_rules import check_evidence, check_lengths, one_only
from promopilot.experiments.ope.log_table import Place
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities, check_probabilities


@dataclass(frozen=True)
class SlateLog:
    """Slates that were shown, how likely each was, and what each position brought.

    Slates may differ in length: it counts as part of what was known before choosing. Two slates
    with the same cluster are not independent; intervals resample clusters whole.
    """

    slate: IntArray  # [m] 0 to n - 1, each of them once at least
    position: IntArray  # [m] 0 to the slate's length - 1
    action: IntArray  # [m] item at the position, index into `actions`
    reward: FloatArray  # [m] what the position brought, in the reward's own unit
    propensity: SlateProbabilities  # [m] under the policy that wrote the log, all above 0
    cluster: IntArray  # [n] any whole numbers; `numpy.arange(n)` where slates are independent
    evidence: str  # "logged", or "simulated" where a market and not people answered
    actions: tuple[str, ...]  # [A] names; may hold items that the log never shows
    first: int = 0  # what the first position is called in messages

    @property
    def count(self) -> int:
        """The number of slates, n."""
        return len(self.cluster)

    @property
    def length(self) -> IntArray:
        """[n] positions of each slate."""
        return np.bincount(self.slate, minlength=self.count).astype(np.int64)

    def by_position(self, values: FloatArray, beyond: float) -> FloatArray:
        """Values [m] as a table [n, L]; `beyond` where a slate has no such position."""
        table = np.full((self.count, int(self.position.max()) + 1), beyond)
        table[self.slate, self.position] = values
        return table


def check_log(log: SlateLog, tolerance: float, place: Place) -> None:
    """Refuses a log that no estimate may be made from.

    Args:
        log: the log in the order of its file.
        tolerance: how far, relatively, probabilities may be from what they must equal.
        place: what to call the log and its rows.

    Raises:
        LogError: naming the first row at fault, its column, its value and the rule.
    """
    columns = {"position": log.position, "action": log.action, "reward": log.reward}
    check_lengths(place.name, len(log.slate), "slate", columns)
    if not np.array_equal(np.unique(log.slate), np.arange(log.count)):
        raise LogError(
            f"{place.name} has clusters for {log.count} slates; its rows must name each of the "
            f"slates 0 to {log.count - 1}, and no other."
        )
    check_evidence(place.name, log.evidence)
    beyond = (log.action < 0) | (log.action >= len(log.actions))
    place.refuse(beyond, "action", log.action, "no such item is named")
    place.refuse(unusable(log.reward), "reward", log.reward, USABLE_REWARD)
    check_positions(log.slate, log.position, place, 0)
    check_probabilities(log.propensity, log.slate, log.position, tolerance, place, "propensity")
    if _one_slate_only(log):
        what = "slate only, the same items in the same places"
        raise one_only(place.name, what, log.count)


def check_positions(slate: IntArray, position: IntArray, place: Place, first: int) -> None:
    """Refuses slates with a position that is missing or stands there twice.

    Args:
        slate: [m] slate of each row, 0 to n - 1.
        position: [m] position of each row.
        place: what to call the rows.
        first: the first position of every slate.

    Raises:
        LogError: naming the row at fault.
    """
    place.refuse(position < first, "position", position, f"positions count from {first}")
    pairs = slate * (int(position.max()) + 1) + position
    again = np.ones(len(pairs), dtype=bool)
    again[np.unique(pairs, return_index=True)[1]] = False
    place.refuse(again, "position", position, "the slate has that position twice")
    # Positions differ, so those of a slate of length l are the first l unless one is beyond.
    place.refuse(
        position - first >= np.bincount(slate)[slate],
        "position",
        position,
        f"the slate lacks one before it: a slate's positions are {first}, {first + 1}, "
        f"{first + 2} and so on without a gap",
    )


def _one_slate_only(log: SlateLog) -> bool:
    if (log.action == log.action[0]).all():
        return True
    items = log.by_position(log.action.astype(np.float64), -1.0)
    same: BoolArray = items == items[0]
    return bool(same.all())
