"""One table of plain names: what analysts read in place of the names in files and code."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

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


def stage(name: str) -> str:
    """What a stage of the run does."""
    return tr(STAGES[name]) if name in STAGES else spaced(name)


def objective(name: str) -> str:
    """Plain name of what the plan maximises."""
    return tr(OBJECTIVES[name]) if name in OBJECTIVES else spaced(name)


def spaced(name: str) -> str:
    """A name that no table knows, at least without underscores."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """Its first letter a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; marked figures in them stay marked."""
    if len(parts) == 1:
        return parts[0]
    text = Markup if any(isinstance(part, Markup) for part in parts) else str
    return text(tr("{} and {}")).format(text(tr(", ")).join(parts[:-1]), parts[-1])
