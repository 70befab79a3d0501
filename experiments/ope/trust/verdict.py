"""The verdict: is the evidence enough to switch, enough to test, or not enough to say?

The rules, in order (`rules` has the table, `OpeSettings` the thresholds):

1. `insufficient_support` if any rule of `LACKING` applies: the log hardly speaks about the policy.
2. `test_first` if any rule of `DOUBTS` applies: something stands against switching at once.
3. `ship` otherwise.
"""

from dataclasses import dataclass
from typing import Literal

from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.amount import amount
from promopilot.experiments.ope.trust.rules import DOUBTS, LACKING, Facts, Rule

Name = Literal["ship", "test_first", "insufficient_support"]
Outlook = Literal["better", "worse", "unclear", "same"]


@dataclass(frozen=True)
class Verdict:
    """A verdict and why, in words that need no statistics."""

    name: Name
    reasons: tuple[str, ...]
    rules: tuple[str, ...]  # names of the rules that gave the reasons


def judge(facts: Facts, settings: OpeSettings) -> Verdict:
    """Applies the rules.

    Args:
        facts: what the log shows of the policy, and the gain.
        settings: the thresholds.
    """
    stages: tuple[tuple[Name, tuple[Rule, ...]], ...] = (
        ("insufficient_support", LACKING),
        ("test_first", DOUBTS),
    )
    for name, rules in stages:
        if found := [rule for rule in rules if rule.applies(facts, settings)]:
            reasons = tuple(rule.words(facts, settings) for rule in found)
            return Verdict(name, reasons, tuple(rule.name for rule in found))
    seen, gain = facts.seen, facts.gain
    return Verdict(
        "ship",
        (
            f"The gain per {facts.unit} is estimated at {amount(gain.estimate)}, and at least "
            f"{amount(gain.low)} at the low end of its interval.",
            f"The usable evidence is worth {seen.ess:,.0f} {facts.unit}s, {seen.ess_share:.0%} of "
            f"the log, and no single {facts.unit} dominates it.",
        ),
        (),
    )


def outlook(facts: Facts, verdict: Verdict) -> Outlook:
    """Which way the gain points, by its interval; `unclear` where the log hardly speaks of it."""
    if facts.same:
        return "same"
    if verdict.name == "insufficient_support":
        return "unclear"
    if facts.gain.low > 0.0:
        return "better"
    return "worse" if facts.gain.high < 0.0 else "unclear"
