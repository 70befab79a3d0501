"""One table of plain names: what analysts read in place of the names in files and code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promopilot.experiments.report.language import tr

# Policies: plain name, and what it does in a few words.
POLICIES: dict[str, tuple[str, str]] = {
    "current_mix": ("current mix", "what the last four weeks spent on the same weekday"),
    "uniform": ("even split", "the same money on everything, every day"),
    "roas_proportional": (
        "split by past returns",
        "each day's money in proportion to what the last four weeks returned per unit of spend",
    ),
    "static_optimum": (
        "fixed forecast split",
        "the best split of an average day by the forecast, repeated",
    ),
    "replanner": (
        "daily re-optimiser",
        "splits each day's money anew from what was seen so far and today's prices",
    ),
    "replanner_tuned": (
        "tuned re-optimiser",
        "the daily re-optimiser with its few settings tuned in simulated flights",
    ),
    "mpc": (
        "look-ahead optimiser",
        "plans the rest of the flight anew every day, and does the first day of that plan",
    ),
    "ppo": (
        "trained pilot",
        "steers the daily re-optimiser: when to hold money back, what to favour, learnt in "
        "simulated flights",
    ),
    "dqn": (
        "trained chooser",
        "picks one of a few ways to steer the daily re-optimiser each day, learnt in simulated "
        "flights",
    ),
    "clairvoyant": (
        "best possible with hindsight",
        "the best plan found by who knows beforehand how the flight goes; nobody can act by it",
    ),
    "clairvoyant_bound": (
        "ceiling",
        "what no way of spending can pass, not even with hindsight, the luck of single orders "
        "aside",
    ),
}

# Markets that are not as believed: plain name, and what differs.
STRESSES: dict[str, tuple[str, str]] = {
    "supply_low": ("30 % fewer exposures", "every pool has 30 % fewer exposures"),
    "supply_high": ("30 % more exposures", "every pool has 30 % more exposures"),
    "price_low": ("media 30 % cheaper", "every exposure costs 30 % less"),
    "price_high": ("media 30 % dearer", "every exposure costs 30 % more"),
    "fatigue_low": ("people tire less", "the law of tiring is 30 % weaker"),
    "fatigue_high": ("people tire more", "the law of tiring is 30 % stronger"),
    "saturation_swapped": (
        "another response curve",
        "money buys exposures along a curve of another family",
    ),
    "shock": (
        "a fall in mid-flight",
        "from the flight's middle four promotions in ten get half the response",
    ),
    "rates_low": (
        "response lower than predicted",
        "every promotion responds one standard error below its prediction",
    ),
    "rates_high": (
        "response higher than predicted",
        "every promotion responds one standard error above its prediction",
    ),
    "demand_half": ("half the orders", "half as many orders follow"),
}

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

# What the predictor is compared with.
BASELINES: dict[str, tuple[str, str]] = {
    "base": ("one average rate", "the same rate for everything"),
    "one_hot": ("columns without text", "knows the columns of the tables, reads no text"),
    "tfidf": ("word counts", "counts the words of the text"),
    "frozen": ("language model, as downloaded", "the text model before it saw this data"),
    "predictor": ("language model, fine-tuned", "the text model trained on this data"),
}

# What the predictor knows of a promotion and of where it is shown.
FIELDS = {
    "text": "wording",
    "group": "product group",
    "discount": "discount",
    "price": "price",
    "placement": "placements",
    "segment": "segments",
    "calendar": "days",
}

OBJECTIVES = {
    "net_profit": "net profit",
    "profit": "profit before media",
    "revenue": "revenue",
    "conversions": "orders",
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

BASIS = {
    "data": "shown before, so its response was learnt",
    "prior": "never shown there, so its response is inferred from similar ones",
}

# Families of response curves: plain name, and what it says of money and exposures.
CURVES: dict[str, tuple[str, str]] = {
    "exponential": (
        "exponential",
        "each further unit of money buys the same share of the exposures that are left",
    ),
    "michaelis_menten": (
        "Michaelis-Menten",
        "it flattens slowly; twice the money that buys half of the exposures buys two thirds",
    ),
    "hill": ("Hill", "it rises around the money that buys half of the exposures"),
}

# What a backtest measures, as its files call it: plain name, and the formula.
BACKTEST: dict[str, tuple[str, str]] = {
    "wape": ("average miss", "sum of |actual - predicted| / sum of actual"),
    "coverage_80": ("how often the range held", "share of actual inside the central 80 %"),
    "naive_wape": (
        "the same rate for every promotion",
        "wape of last four weeks' conversions per spend (or impression) x what was given",
    ),
}

STAGES = {
    "data": "building the tables",
    "predictor": "training the predictor",
    "market": "building the market",
    "backtest": "holding the market against past days",
    "train": "training the pilot",
    "simulate": "comparing policies",
    "plan": "making the plan",
    "ope": "offline evaluation",
    "score": "scoring and explaining the predictor",
}


def policy(name: str) -> str:
    """Plain name of a policy."""
    return tr(POLICIES[name][0]) if name in POLICIES else spaced(name)


def what_policy_does(name: str) -> str:
    """What a policy does, in a few words; empty where no table says it."""
    return tr(POLICIES[name][1]) if name in POLICIES else ""


def stress(name: str) -> str:
    """Plain name of a market that is not as believed."""
    return tr(STRESSES[name][0]) if name in STRESSES else spaced(name)


def baseline(name: str) -> tuple[str, str]:
    """What the predictor is compared with, and what that knows."""
    plain, knows = BASELINES[name]
    return tr(plain), tr(knows)


def curve(family: str) -> tuple[str, str]:
    """Plain name of a family of response curves, and what it says."""
    plain, meaning = CURVES[family]
    return tr(plain), tr(meaning)


def field(name: str) -> str:
    """Plain name of what the predictor knows."""
    return tr(FIELDS[name]) if name in FIELDS else spaced(name)


def basis(name: str) -> str:
    """What a line item's basis means."""
    return tr(BASIS[name])


def unit(kind: str) -> str:
    """What is decided at once in a kind of log."""
    return tr(UNITS.get(kind, "decision"))


def dealt(name: str) -> str:
    """What a test deals to its groups."""
    return tr(DEALT.get(name, UNITS.get(name, spaced(name))))


def stage(name: str) -> str:
    """What a stage of the run does."""
    return tr(STAGES[name]) if name in STAGES else spaced(name)


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


def estimator(name: str) -> str:
    """Plain name of a way of estimating."""
    return tr(ESTIMATORS[name][0]) if name in ESTIMATORS else spaced(name)


def trusts(name: str) -> str:
    """What a way of estimating trusts; empty where no table says it."""
    return tr(ESTIMATORS[name][1]) if name in ESTIMATORS else ""


def objective(name: str) -> str:
    """Plain name of what the plan maximises."""
    return tr(OBJECTIVES[name]) if name in OBJECTIVES else spaced(name)


def spaced(name: str) -> str:
    """A name that no table knows, at least without underscores."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """Its first letter a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) == 1:
        return parts[0]
    return tr("{} and {}").format(tr(", ").join(parts[:-1]), parts[-1])
