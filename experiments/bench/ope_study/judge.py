"""What the study's logs say: how often intervals hold the truth, and which policies are shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from promopilot.experiments.bench.ope_study.logs import Answer
from promopilot.experiments.bench.ope_study.settings import BETTER, EQUAL, NEW, WORSE, Setting

# Coverage that counts as 95 %, and how sure one must be that it is not within.
LOWEST, HIGHEST, SURE = 0.92, 0.98, 0.01
LEAST_PASSED = 200  # logs past the gate; fewer are not judged
MOST_SHIPPED, LEAST_SHIPPED = 0.05, 0.80  # of equal or worse policies, of better ones
# What a better policy's log must show for its decision to count.
LEAST_ESS, MOST_ERROR = 0.20, 0.25  # share of the log; standard error as a share of the gain
_REFUSED = "insufficient_support"

Finding = Literal["holds", "too low", "too high", "not judged"]


@dataclass(frozen=True)
class Coverage:
    """How often one estimator's intervals held the truth in one setting."""

    setting: Setting
    estimator: str
    of: Literal["value", "gain"]
    passed: int  # logs past the gate
    hits: int  # intervals of those that held the truth
    logs: int
    all_hits: int  # intervals of all logs that did

    @property
    def share(self) -> float:
        """Past the gate; NaN where no log passed."""
        return self.hits / self.passed if self.passed else float("nan")

    @property
    def finding(self) -> Finding:
        """By exact binomial tests against either end, each at 1 %.

        Many are made, and none is corrected for: an interval that covers as it says, 95 %, is as
        good as never found outside (odds below 1 in a million for 500 logs, 1 in 100,000 for 200).
        """
        if self.passed < LEAST_PASSED or self.estimator in self.setting.unjudged:
            return "not judged"
        if binomtest(self.hits, self.passed, LOWEST, "less").pvalue < SURE:
            return "too low"
        if binomtest(self.hits, self.passed, HIGHEST, "greater").pvalue < SURE:
            return "too high"
        return "holds"


@dataclass(frozen=True)
class Decision:
    """How often one policy was shipped in one setting."""

    setting: Setting
    policy: str
    logs: int
    shipped: int
    refused: int
    ess_share: float  # mean over the logs
    error_share: float  # standard deviation of the estimated gain, as a share of the true gain
    doubts: tuple[tuple[str, float], ...]  # rules that stood against shipping, with their shares

    @property
    def share(self) -> float:
        """Of the logs."""
        return self.shipped / self.logs

    @property
    def holds(self) -> bool | None:
        """Whether the share is as it must be; None where nothing is asked."""
        if self.policy in (EQUAL, WORSE):
            return self.share <= MOST_SHIPPED
        if self.policy == BETTER and self.ess_share >= LEAST_ESS and self.error_share <= MOST_ERROR:
            return self.share >= LEAST_SHIPPED
        return None


def coverage(setting: Setting, answers: Sequence[Answer]) -> list[Coverage]:
    """Of the policy `new`, each estimator in turn."""
    mine = [answer for answer in answers if answer.policy == NEW]
    passed = np.array([answer.verdict != _REFUSED for answer in mine])
    found = []
    for estimator in mine[0].rows if mine else ():
        for of in ("value", "gain"):
            hit = np.array([_holds(answer, estimator, of) for answer in mine])
            found.append(
                Coverage(
                    setting,
                    estimator,
                    "value" if of == "value" else "gain",
                    int(passed.sum()),
                    int(hit[passed].sum()),
                    len(mine),
                    int(hit.sum()),
                )
            )
    return found


def decisions(setting: Setting, answers: Sequence[Answer]) -> list[Decision]:
    """Each policy in turn."""
    found = []
    for policy in dict.fromkeys(answer.policy for answer in answers):
        mine = [answer for answer in answers if answer.policy == policy]
        gains = [answer.rows[answer.primary].gain for answer in mine]
        spread = float(np.std([gain for gain in gains if gain is not None]))
        truth = abs(mine[0].true_gain)
        rules = [rule for answer in mine for rule in dict.fromkeys(answer.rules)]
        found.append(
            Decision(
                setting,
                policy,
                len(mine),
                sum(answer.verdict == "ship" for answer in mine),
                sum(answer.verdict == _REFUSED for answer in mine),
                float(np.mean([answer.ess_share for answer in mine])),
                spread / truth if policy != EQUAL else float("inf"),
                tuple((rule, rules.count(rule) / len(mine)) for rule in dict.fromkeys(rules)),
            )
        )
    return found


def _holds(answer: Answer, estimator: str, of: str) -> bool:
    """Whether an interval holds the truth; one that is not there does not."""
    row = answer.rows[estimator]
    low, high = row.interval if of == "value" else row.gain_interval
    truth = answer.true_value if of == "value" else answer.true_gain
    return low is not None and high is not None and low <= truth <= high
