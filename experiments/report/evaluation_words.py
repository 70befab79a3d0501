"""The part of the table of plain names that offline evaluations need; see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promopilot.experiments.report.language import tr
from promopilot.experiments.report.words import spaced

# Ways of estimating from a log of decisions: plain name, and what each trusts.
ESTIMATORS: dict[str, tuple[str, str]] = {
    # One choice per decision.
    "dm": ("forecast only", "trusts the forecast of what each choice brings"),
    "ipw": ("re-weighted log", "trusts only the log, weighted towards the policy's choices"),
    "ipw_clip": ("re-weighted log, capped", "the same with the largest weights lowered to a cap"),
    "snipw": ("re-weighted log, averaged", "the same as a weighted average: steadier"),
    "sg_ipw": ("re-weighted log, softened", "the same with large weights drawn together"),
    "dr": ("forecast corrected by the log", "the forecast, mended where the log contradicts it"),
    "sndr": ("forecast corrected, averaged", "the same with an averaged correction: steadier"),
    "switch_dr": (
        "forecast corrected where safe",
        "the same, but the forecast alone where a weight would be too large",
    ),
    "dros": ("forecast corrected with care", "the same with large weights shrunk the most"),
    "sg_dr": ("forecast corrected, softened", "the same with large weights drawn together"),
    "balanced_ipw": (
        "log matched to the policy",
        "weights learnt by telling the policy's choices from the logged ones",
    ),
    "mipw": (
        "re-weighted by kinds of action",
        "trusts that actions of a kind bring alike, and needs less of each",
    ),
    "snmipw": ("re-weighted by kinds, averaged", "the same as a weighted average: steadier"),
    # Lists.
    "sips": ("whole lists re-weighted", "trusts only logged lists that the policy could show"),
    "iips": (
        "positions re-weighted alone",
        "trusts that a position's result does not depend on the others",
    ),
    "rips": (
        "positions re-weighted from the top",
        "trusts that a position's result depends on those above it only",
    ),
    "snsips": ("whole lists, averaged", "whole lists re-weighted, as a weighted average"),
    "sniips": ("positions alone, averaged", "positions re-weighted alone, as weighted averages"),
    "snrips": ("positions from the top, averaged", "the same from the top, as weighted averages"),
    "cascade_dr": (
        "forecast corrected from the top",
        "a forecast per position, mended from the top down where the log contradicts it",
    ),
    # Amounts.
    "kernel_ipw": ("nearby amounts re-weighted", "trusts that nearby amounts bring alike"),
    "kernel_snipw": ("nearby amounts, averaged", "the same as a weighted average: steadier"),
    "kernel_dr": (
        "forecast corrected by nearby amounts",
        "the forecast, mended where nearby amounts contradict it",
    ),
    # Episodes.
    "dm_seq": ("forecast from the start", "trusts the forecast of what a whole episode brings"),
    "tis": ("whole episodes re-weighted", "trusts only the log; an early choice weighs on all"),
    "pdis": (
        "steps re-weighted by what led there",
        "the same, each step weighted by the choices up to it",
    ),
    "sntis": ("whole episodes, averaged", "whole episodes re-weighted, as a weighted average"),
    "snpdis": ("steps, averaged", "steps re-weighted, as a weighted average at each step"),
    "dr_seq": (
        "forecast corrected step by step",
        "the forecast, mended at each step where the log contradicts it",
    ),
    "sndr_seq": ("forecast corrected by steps, averaged", "the same with averaged corrections"),
    "mis": (
        "steps re-weighted by where they stand",
        "trusts that what a step brings depends on its state, not on how it was reached",
    ),
    "fqe": ("forecast worked back from the end", "a forecast learnt from the log, last step first"),
}

# What is decided at once, by kind of log.
UNITS = {
    "bandit": "decision",
    "slate": "list",
    "continuous": "decision",
    "sequential": "episode",
}

# What a test deals to its groups, where that is nothing that is decided at once.
DEALT = {"day": "day", "cluster": "cluster"}

# Tests to run next: plain name, and how it goes.
DESIGNS: dict[str, tuple[str, str]] = {
    "holdout": ("Split at random", "one part gets the policy, another goes on as before"),
    "geo_split": ("Split by region", "some regions get the policy, the others go on as before"),
    "switchback": ("Switch by day", "days drawn at random get the policy, the others go on"),
    "exploration": ("Log more first", "try at random what the log has not shown"),
}

# Verdicts: headline, and what to do.
VERDICTS: dict[str, tuple[str, str]] = {
    "ship": ("Ready to switch", "The evidence is strong enough to move the whole budget."),
    "test_first": (
        "Try it on part of the budget first",
        "The evidence is not enough to move the whole budget at once.",
    ),
    "insufficient_support": (
        "Too little evidence to say",
        "What was logged says too little about this plan; gather more before acting on it.",
    ),
}

# The same of any policy and log, not a plan's money.
POLICY_VERDICTS: dict[str, tuple[str, str]] = {
    "ship": ("Ready to switch", "The evidence is strong enough to let the policy decide."),
    "test_first": ("Test it first", "The evidence is not enough to switch everywhere at once."),
    "insufficient_support": (
        "Too little evidence to say",
        "What was logged says too little about this policy; gather more before acting on it.",
    ),
}

# In place of a verdict's headline and advice, where the gain's range says more than it does.
OUTLOOKS: dict[str, tuple[str, str]] = {
    "worse": (
        "Looks worse: keep what is done today",
        "All of the gain's range lies below what was logged.",
    ),
    "same": ("The same as what was done", "There is nothing to switch and nothing to test."),
}

EVIDENCE = {
    "simulated": "our own simulated market, not customers",
    "logged": "your own log of decisions",
}


def estimator(name: str) -> str:
    """Plain name of a way of estimating."""
    return tr(ESTIMATORS[name][0]) if name in ESTIMATORS else spaced(name)


def trusts(name: str) -> str:
    """What a way of estimating trusts; empty where no table says it."""
    return tr(ESTIMATORS[name][1]) if name in ESTIMATORS else ""


def unit(kind: str) -> str:
    """What is decided at once in a kind of log."""
    return tr(UNITS.get(kind, "decision"))


def dealt(name: str) -> str:
    """What a test deals to its groups."""
    return tr(DEALT.get(name, UNITS.get(name, spaced(name))))


def told_verdict(
    result: Mapping[str, Any], verdicts: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """Headline of an evaluation's verdict, and what follows from it.

    Args:
        result: The content of `ope.json`.
        verdicts: Both for each verdict: `VERDICTS` or `POLICY_VERDICTS`.
    """
    found = outlook(result)
    if found is not None:
        headline, advice = OUTLOOKS[found]
    else:
        headline, advice = verdicts.get(result["verdict"], (spaced(result["verdict"]), ""))
    return tr(headline), tr(advice)


def outlook(result: Mapping[str, Any]) -> str | None:
    """The outlook that is told in place of an evaluation's verdict; None where the verdict is."""
    found = result.get("outlook")
    return found if result["verdict"] == "test_first" and found in OUTLOOKS else None
