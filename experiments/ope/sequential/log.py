"""A log of episodes as arrays, and the faults that no number may be made from."""

from collections.abc import Callable
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
from promopilot.experiments.ope.distribution import check_sums
from promopilot.experiments.ope.log_rules import (
    PROPENSITY_RULE,
    check_evidence,
    check_lengths,
    impossible,
    one_action_only,
)


@dataclass(frozen=True)
class SequentialLog:
    """Episodes of decisions, each of which may change what comes after it.

    n is the number of episodes, m that of all their decisions, A that of actions, d that of state
    columns, T the length of the longest episode. Decisions stand episode by episode, in each from
    step 0 to its last; episodes may differ in length, and bring nothing after their end.
    """

    action: IntArray  # [m] index into `actions`
    reward: FloatArray  # [m] what the decision brought, in the reward's own unit
    propensity: FloatArray  # [m] probability with which `action` was chosen, in (0, 1]
    state: FloatArray  # [m, d] what was known before the decision; NaN where missing; d may be 0
    length: IntArray  # [n] number of steps, at least 1
    cluster: IntArray  # [n] any whole numbers; `numpy.arange(n)` where episodes are independent
    evidence: str  # "logged", or "simulated" where a market and not people answered
    actions: tuple[str, ...]  # [A] names; may hold actions that the log never shows

    @property
    def episode(self) -> IntArray:
        """[m] the episode of each decision."""
        return np.repeat(np.arange(len(self.length)), self.length)

    @property
    def step(self) -> IntArray:
        """[m] the step of each decision, from 0."""
        start = np.cumsum(self.length) - self.length
        return np.arange(len(self.action)) - np.repeat(start, self.length)

    def padded(self, values: FloatArray, after: float = 0.0) -> FloatArray:
        """Values of decisions [m] as [n, T], `after` where an episode has ended."""
        out = np.full((len(self.length), int(self.length.max())), after)
        out[self.episode, self.step] = values
        return out


def check_log(log: SequentialLog, name: str = "the log") -> None:
    """Refuses a log that no estimate may be made from.

    Raises:
        LogError: naming the first decision at fault, its column, its value and the rule.
    """
    count, episodes = len(log.action), len(log.length)
    columns = {"reward": log.reward, "propensity": log.propensity, "state": log.state}
    check_lengths(name, count, "episode", columns)
    if (log.length < 1).any() or int(log.length.sum()) != count:
        raise LogError(
            f"{name} has {count} decisions, but its episodes' lengths sum to "
            f"{int(log.length.sum())}; each must be at least 1 and all decisions must be in one."
        )
    if len(log.cluster) != episodes:
        raise LogError(f"{name} has {episodes} episodes but {len(log.cluster)} clusters.")
    check_evidence(name, log.evidence)
    wrong = (log.action < 0) | (log.action >= len(log.actions))
    refuse(wrong, log.action, "action", "no such action is named", places(log, name))
    check_decisions(log.reward, log.propensity, places(log, name))
    check_choice(log.action, log.actions, name)


def check_decisions(
    reward: FloatArray, propensity: FloatArray | None, where: Callable[[int], str]
) -> None:
    """Refuses rewards [m] that are not finite and propensities [m] that cannot be.

    Raises:
        LogError: the first decision at fault, placed by `where`.
    """
    refuse(unusable(reward), reward, "reward", USABLE_REWARD, where)
    if propensity is not None:
        refuse(impossible(propensity), propensity, "propensity", PROPENSITY_RULE, where)


def check_choice(action: IntArray, actions: tuple[str, ...], name: str) -> None:
    """Refuses a log of one action only, decisions [m].

    Raises:
        LogError: naming the action.
    """
    if (action == action[0]).all():
        raise one_action_only(name, actions[action[0]], len(action))


def check_matrix(values: FloatArray, log: SequentialLog, what: str) -> None:
    """Refuses an [m, A] matrix of another shape or with anything but finite numbers.

    Raises:
        LogError: naming the first episode, step and action at fault.
    """
    shape = (len(log.action), len(log.actions))
    if values.shape != shape:
        raise LogError(f"{what} has shape {values.shape}; the log needs {shape}.")
    _refuse_cell(~np.isfinite(values), values, log, what, "it must be a finite number")


def check_probabilities(values: FloatArray, log: SequentialLog, tolerance: float) -> None:
    """Refuses policy probabilities [m, A] outside 0 to 1, or not summing to 1 in a decision.

    Raises:
        LogError: naming the first episode and step at fault and its value.
    """
    check_matrix(values, log, "the policy")
    _refuse_cell(
        (values < 0.0) | (values > 1.0), values, log, "the policy", "it must be from 0 to 1"
    )
    check_sums(values, tolerance, places(log, "the policy"))


def places(log: SequentialLog, name: str) -> Callable[[int], str]:
    """Says where a decision stands, counting episodes and steps from 0."""
    return lambda row: f"{name}, episode {log.episode[row]}, step {log.step[row]}"


def refuse(
    bad: BoolArray,
    values: FloatArray | IntArray,
    column: str,
    rule: str,
    where: Callable[[int], str],
) -> None:
    """Refuses values [m] if any is bad.

    Raises:
        LogError: the first bad one, placed by `where`, with its column and the rule.
    """
    if bad.any():
        row = int(np.argmax(bad))
        raise LogError(f"{where(row)}: {column} is {values[row]:.12g}; {rule}.")


def _refuse_cell(
    bad: BoolArray, values: FloatArray, log: SequentialLog, what: str, rule: str
) -> None:
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise LogError(
            f"{places(log, what)(row)}, action {log.actions[column]!r}: it is "
            f"{values[row, column]:.12g}; {rule}."
        )
