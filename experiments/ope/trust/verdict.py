"""The verdict: is the evidence enough to switch, enough to test, or not enough to say?

The rules, in order (thresholds in `OpeSettings`):

1. `insufficient_support` if the log hardly speaks about the policy: too little usable evidence, too
   few independent units, or the policy often does what the log never shows.
2. `test_first` if anything stands against switching at once: rewards from a simulated market, thin
   evidence, one decision carrying much of it, weights that do not average to 1, a gain that could
   be nothing, or two ways of estimating that disagree on its sign.
3. `ship` otherwise.
"""

from dataclasses import dataclass
from typing import Literal

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import Diagnostics

Name = Literal["ship", "test_first", "insufficient_support"]


@dataclass(frozen=True)
class Verdict:
    """A verdict and why, in words that need no statistics."""

    name: Name
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Gain:
    """The policy's gain over what was done, in reward per decision."""

    estimate: float  # by the doubly robust estimator; NaN where not defined
    low: float  # lower end of its interval
    high: float  # upper end
    second: float  # the gain by self-normalised weighting, which trusts no reward model


def judge(case: Case[R], seen: Diagnostics, gain: Gain, settings: OpeSettings) -> Verdict:
    """Applies the rules of this module.

    Args:
        case: what was evaluated.
        seen: what the log shows of the policy.
        gain: the estimated gain over the logged decisions.
        settings: the thresholds.
    """
    if reasons := _lacking(seen, settings):
        return Verdict("insufficient_support", tuple(reasons))
    if reasons := _doubts(case.evidence, seen, gain, settings):
        return Verdict("test_first", tuple(reasons))
    return Verdict(
        "ship",
        (
            f"The gain per decision is estimated at {gain.estimate:.4g}, and at least "
            f"{gain.low:.4g} at the low end of its interval.",
            f"The usable evidence is worth {seen.ess:,.0f} decisions, {seen.ess_share:.0%} of the "
            "log, and no single decision dominates it.",
        ),
    )


def _lacking(seen: Diagnostics, settings: OpeSettings) -> list[str]:
    reasons = []
    if seen.ess < settings.min_ess or seen.ess_share < settings.min_ess_share:
        reasons.append(
            f"The usable evidence is worth {seen.ess:,.1f} decisions ({seen.ess_share:.1%} of the "
            f"log); at least {settings.min_ess:,.0f} and {settings.min_ess_share:.1%} are needed. "
            "The logged decisions are too unlike what the policy would do."
        )
    if seen.units < settings.min_units:
        reasons.append(
            f"The log holds {seen.units} independent unit{'s' if seen.units > 1 else ''} "
            f"(clusters, or decisions where none are given); at least {settings.min_units} are "
            "needed for an interval that can be believed."
        )
    if seen.unsupported_share > settings.max_unsupported_share:
        reasons.append(_unsupported(seen, settings.max_unsupported_share))
    return reasons


def _doubts(evidence: str, seen: Diagnostics, gain: Gain, settings: OpeSettings) -> list[str]:
    reasons = []
    if evidence == "simulated":
        reasons.append(
            "The log was written in our own simulated market, not by customers: that alone never "
            "proves a plan. Try it on a part of the budget first."
        )
    if seen.ess_share < settings.ship_ess_share:
        reasons.append(
            f"The usable evidence is {seen.ess_share:.1%} of the log; to switch at once it "
            f"should be at least {settings.ship_ess_share:.0%}."
        )
    if seen.max_weight_share > settings.ship_max_weight_share:
        reasons.append(
            f"One logged decision carries {seen.max_weight_share:.1%} of the evidence; more than "
            f"{settings.ship_max_weight_share:.0%} makes the answer hang on chance."
        )
    if seen.unsupported_share > settings.ship_unsupported_share:
        reasons.append(_unsupported(seen, settings.ship_unsupported_share))
    if abs(seen.mean_weight_z) > settings.ship_mean_weight_z:
        reasons.append(
            f"The weights average {seen.mean_weight:.3g} where 1 is expected, more than chance "
            "explains: the logged probabilities may be wrong, or the policy does things that the "
            "log does not show in the same situation."
        )
    if not gain.low > 0.0:
        reasons.append(
            f"The gain per decision is estimated at {gain.estimate:.4g}, between {gain.low:.4g} "
            f"and {gain.high:.4g}: "
            + ("it looks worse than what was done." if gain.high < 0.0 else "it may be nothing.")
        )
    elif not gain.second > 0.0:
        reasons.append(
            f"Two ways of estimating disagree: with the reward model the gain per decision is "
            f"{gain.estimate:.4g}, without it {gain.second:.4g}."
        )
    return reasons


def _unsupported(seen: Diagnostics, limit: float) -> str:
    more = len(seen.unsupported_actions) - 5
    shown = ", ".join(seen.unsupported_actions[:5]) + (f" and {more} more" if more > 0 else "")
    return (
        f"In {seen.unsupported_share:.1%} of its choices the policy takes actions that the log "
        f"never shows ({shown}); at most {limit:.0%} is allowed."
    )
