"""The gain that a test should be able to find."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.amount import amount
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
    """A cautious share of the estimated gain where one is clear, else a share of what was earned.

    A gain is clear because it was large in this log, partly by luck, so that a test sized by the
    estimate finds the true gain less often than it promises (the winner's curse; Gelman and Carlin
    2014). It is sized for the middle between the estimate and the low end of its range instead,
    about one standard error less: the "safeguard power" of Perugini, Gallucci and Costantini
    (2014), who take the low end of a 60 % interval, 0.84 of one.

    Where what was earned cannot be told from 0, a share of the spread between units. An estimate
    from a log that hardly speaks about the policy is not clear, whatever its interval.
    """
    spoken = verdict.name != "insufficient_support"
    if spoken and facts.gain.low > 0.0:
        gain = (facts.gain.estimate + facts.gain.low) / 2.0
        return Worth(
            gain,
            f"The gain estimated from the log is {amount(facts.gain.estimate)}, but one that is "
            "clear is often clear by luck in part: the test is made to find the middle between it "
            "and the low end of its range.",
        )
    logged = case.rows.logged
    mean, error = float(logged.mean()), clusters_of(case.cluster).error_of_mean(logged)
    shown = "shows no clear gain" if spoken else "cannot tell the gain"
    start = f"The log {shown}, so the test is made to find one worth having:"
    if spoken and facts.gain.high < 0.0:
        start = "It is made to find a gain worth having:"
    if np.isnan(error) or abs(mean) > _NEAR * error:
        share = settings.test_gain_share
        return Worth(share * abs(mean), f"{start} {share:.0%} of what was earned.")
    share = settings.test_gain_deviations
    return Worth(
        share * float(logged.std()),
        f"{start} {share:.0%} of the usual spread of a {facts.unit}'s reward, as what was earned "
        "is next to nothing.",
    )
