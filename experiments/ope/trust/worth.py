"""The gain that a test should be able to find."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.clusters import clusters_of
from promopilot.experiments.ope.trust.rules import Facts
from promopilot.experiments.ope.trust.verdict import Verdict

# Standard errors within which a mean cannot be told from 0.
_NEAR = 2.0


@dataclass(frozen=True)
class Worth:
    """A gain that is worth detecting, and why that one."""

    gain: float  # reward per unit, at least 0; 0 where all rewards are 0
    why: str  # a sentence


def worth_detecting(case: Case[R], facts: Facts, verdict: Verdict, settings: OpeSettings) -> Worth:
    """The estimated gain where it is clear, else a stated share of what was earned.

    Where what was earned cannot be told from 0, a share of the spread between units. An estimate
    from a log that hardly speaks about the policy is not clear, whatever its interval.
    """
    spoken = verdict.name != "insufficient_support"
    if spoken and facts.gain.low > 0.0:
        return Worth(facts.gain.estimate, "That is the gain estimated from the log.")
    logged = case.rows.logged
    mean, error = float(logged.mean()), clusters_of(case.cluster).error_of_mean(logged)
    shown = "shows no clear gain" if spoken else "cannot tell the gain"
    start = f"The log {shown}, so the test is made to find one worth having:"
    if spoken and facts.gain.high < 0.0:
        start = (
            "The policy looks worse than what was done: consider another one first. The test is "
            "made to find a gain of"
        )
    if np.isnan(error) or abs(mean) > _NEAR * error:
        share = settings.test_gain_share
        return Worth(share * abs(mean), f"{start} {share:.0%} of what was earned.")
    share = settings.test_gain_deviations
    return Worth(
        share * float(logged.std()),
        f"{start} {share:.0%} of the usual spread of a {facts.unit}'s reward, as what was earned "
        "is next to nothing.",
    )
