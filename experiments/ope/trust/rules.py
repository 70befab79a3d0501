"""The rules of the verdict as a table: a name, when it applies, and the reason in plain words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.amount import amount
from promopilot.experiments.ope.trust.diagnostics import Diagnostics
from promopilot.experiments.ope.trust.scrutiny import Scrutiny

# Usable share of the log from which on too little evidence is a matter of its length. Our choice.
_LIKE = 0.5


@dataclass(frozen=True)
class Gain:
    """The policy's gain over what was done, in reward per unit; NaN where not defined."""

    estimate: float  # by the estimator that the verdict rests on
    low: float  # lower end of its interval
    high: float  # upper end
    second: float  # the gain by the estimator that it is held against


@dataclass(frozen=True)
class Facts:
    """All that rules look at."""

    unit: str  # what a unit of the log is called: decision, slate, episode
    evidence: str  # "logged" or "simulated"
    propensities: str  # "logged" or "estimated"
    checks: tuple[str, ...]  # what whoever made the case holds against shipping
    seen: Diagnostics
    scrutiny: Scrutiny
    gain: Gain

    @property
    def same(self) -> bool:
        """Whether the policy is the one that wrote the log: no weight but 1, and no gain at all."""
        ones = self.seen.max_weight == 1.0 and self.seen.mean_weight == 1.0
        return ones and self.gain.estimate == self.gain.low == self.gain.high == 0.0


@dataclass(frozen=True)
class Rule:
    """One rule; `words` is asked only where it applies."""

    name: str
    applies: Callable[[Facts, OpeSettings], bool]
    words: Callable[[Facts, OpeSettings], str]


def credible_pareto_k(sample: int, settings: OpeSettings) -> float:
    """The largest shape of the tail that so many weights can bear."""
    return min(1.0 - 1.0 / float(np.log10(max(sample, 10))), settings.ship_pareto_k)


def _unsupported(facts: Facts, limit: float) -> str:
    seen = facts.seen
    more = len(seen.unsupported_actions) - 5
    shown = ", ".join(seen.unsupported_actions[:5]) + (f" and {more} more" if more > 0 else "")
    named = f" ({shown})" if shown else ""
    return (
        f"In {seen.unsupported_share:.1%} of its choices the policy takes actions that the log "
        f"never shows{named}; at most {limit:.0%} is allowed."
    )


def _no_gain(facts: Facts, settings: OpeSettings) -> str:
    gain = facts.gain
    if facts.same:
        return f"The policy does what was done, so there is no gain per {facts.unit}."
    if not np.isfinite([gain.estimate, gain.low, gain.high]).all():
        return f"The gain per {facts.unit} cannot be told from this log."
    if gain.high < 0.0:
        meaning = "it looks worse than what was done; do not switch."
    else:
        meaning = "it may be nothing."
    return (
        f"The gain per {facts.unit} is estimated at {amount(gain.estimate)}, between "
        f"{amount(gain.low)} and {amount(gain.high)}: {meaning}"
    )


def _overturned(facts: Facts, settings: OpeSettings) -> float | None:
    """The gain with the heaviest weights cut, where that leaves none of a gain that was there."""
    within = [one for one in facts.scrutiny.clipped if one.clip_share <= settings.ship_clip_share]
    if facts.gain.low > 0.0 and within:
        strongest = min(within, key=lambda one: one.cap)
        if not strongest.gain > 0.0:
            return strongest.gain
    return None


def _few_units(facts: Facts, least: int) -> str:
    count = facts.seen.units
    return (
        f"The log holds {count} independent group{'' if count == 1 else 's'} of {facts.unit}s "
        f"(such as customers or days; single {facts.unit}s where none are named); at least {least} "
        "are needed for a range that can be believed."
    )


def _why_little(facts: Facts) -> str:
    if facts.seen.ess_share >= _LIKE:
        return "The log is too short."
    return f"The logged {facts.unit}s are too unlike what the policy would do."


def _unseen(facts: Facts) -> str:
    if facts.seen.mean_weight == 0.0:
        return f"No logged {facts.unit} does what the policy would do."
    return (
        f"The weights average {facts.seen.mean_weight:.3g} where 1 is expected, and chance does "
        "not explain it: the log misses part of what the policy would do, or its probabilities "
        "are wrong."
    )


# Any of these: the log hardly speaks about the policy.
LACKING = (
    Rule(
        "little_evidence",
        lambda f, s: f.seen.ess < s.min_ess or f.seen.ess_share < s.min_ess_share,
        lambda f, s: (
            f"The usable evidence is worth {f.seen.ess:,.1f} {f.unit}s ({f.seen.ess_share:.1%} of "
            f"the log); at least {s.min_ess:,.0f} and {s.min_ess_share:.1%} are needed. "
            f"{_why_little(f)}"
        ),
    ),
    Rule(
        "few_rewarded",
        lambda f, s: f.seen.told_ess < s.min_told_ess,
        lambda f, s: (
            f"Of the usable evidence only {f.seen.told_ess:,.1f} {f.unit}s' worth brought anything "
            f"but the usual; at least {s.min_told_ess:,.0f} are needed for a range that can be "
            "believed."
        ),
    ),
    Rule(
        "very_few_units",
        lambda f, s: f.seen.units < s.min_units,
        lambda f, s: _few_units(f, s.min_units),
    ),
    Rule(
        "unsupported",
        lambda f, s: f.seen.unsupported_share > s.max_unsupported_share,
        lambda f, s: _unsupported(f, s.max_unsupported_share),
    ),
    # Only downwards: few draws miss the heaviest weights far more often than they meet too many.
    Rule(
        "unseen_weight",
        lambda f, s: (
            f.seen.mean_weight_z < -s.max_unseen_z
            and f.seen.mean_weight < 1.0 - s.max_unseen_weight
        ),
        lambda f, s: _unseen(f),
    ),
    Rule(
        "boundless_tail",
        lambda f, s: f.seen.pareto_k >= s.max_pareto_k,
        lambda f, s: (
            f"A few {f.unit}s count for so much more than all others that a longer log would keep "
            "bringing heavier ones: no average can be told from this one."
        ),
    ),
)

# Any of these stands against switching at once; what the gain is comes first.
DOUBTS = (
    Rule("no_gain", lambda f, s: not f.gain.low > 0.0, _no_gain),
    Rule(
        "simulated",
        lambda f, s: f.evidence == "simulated",
        lambda f, s: (
            "The log was written in our own simulated market, not by customers: that alone never "
            "proves a plan. Try it on a part of the budget first."
        ),
    ),
    Rule(
        "estimated_propensities",
        lambda f, s: f.propensities == "estimated",
        lambda f, s: (
            f"The log does not say how likely each choice was; that was estimated from the {f.unit}"
            "s themselves. Whatever else guided the choices, and is not in the log, may explain "
            "the gain."
        ),
    ),
    Rule("failed_check", lambda f, s: bool(f.checks), lambda f, s: " ".join(f.checks)),
    Rule(
        "thin_evidence",
        lambda f, s: f.seen.ess_share < s.ship_ess_share and f.seen.ess < s.ship_ess,
        lambda f, s: (
            f"The usable evidence is worth {f.seen.ess:,.0f} {f.unit}s, {f.seen.ess_share:.1%} of "
            f"the log; to switch at once it should be {s.ship_ess:,.0f}, or {s.ship_ess_share:.0%}."
        ),
    ),
    Rule(
        "few_units",
        lambda f, s: f.seen.units < s.ship_min_units,
        lambda f, s: _few_units(f, s.ship_min_units),
    ),
    Rule(
        "one_dominates",
        lambda f, s: f.seen.max_weight_share > s.ship_max_weight_share,
        lambda f, s: (
            f"One logged {f.unit} carries {f.seen.max_weight_share:.1%} of the evidence; more than "
            f"{s.ship_max_weight_share:.0%} makes the answer hang on chance."
        ),
    ),
    Rule(
        "heavy_tail",
        lambda f, s: f.seen.pareto_k > credible_pareto_k(f.seen.pareto_sample, s),
        lambda f, s: (
            f"A few {f.unit}s count for very much, and the log is too short to show how heavy "
            "others may be: the range given for the gain may be too narrow."
        ),
    ),
    Rule(
        "some_unsupported",
        lambda f, s: f.seen.unsupported_share > s.ship_unsupported_share,
        lambda f, s: _unsupported(f, s.ship_unsupported_share),
    ),
    Rule(
        "mean_weight",
        lambda f, s: (
            abs(f.seen.mean_weight_z) > s.ship_mean_weight_z
            and abs(f.seen.mean_weight - 1.0) > s.ship_weight_gap
        ),
        lambda f, s: (
            f"The weights average {f.seen.mean_weight:.3g} where 1 is expected, more than chance "
            "explains: the logged probabilities may be wrong, or the policy does things that the "
            "log does not show in the same situation."
        ),
    ),
    Rule(
        "propensities_off",
        lambda f, s: (
            f.scrutiny.propensities is not None
            and f.scrutiny.propensities.chance < s.ship_calibration_chance
            and f.scrutiny.propensities.gap > s.ship_weight_gap
        ),
        lambda f, s: (
            f"The log, weighted to the policy, shows the action "
            f"{f.scrutiny.propensities.worst if f.scrutiny.propensities else ''} more often than "
            "the policy takes it, by more than chance explains: the logged probabilities may be "
            "wrong."
        ),
    ),
    # With logged probabilities the estimate corrects the model: its being off costs width only.
    Rule(
        "rewards_off",
        lambda f, s: (
            f.propensities == "estimated"
            and f.scrutiny.rewards is not None
            and f.scrutiny.rewards.chance < s.ship_calibration_chance
        ),
        lambda f, s: (
            "The expected rewards differ from those seen where the policy acts, by more than "
            "chance explains, and the estimated probabilities may not make up for it."
        ),
    ),
    Rule(
        "disagreement",
        lambda f, s: (
            abs(f.scrutiny.agreement.z) > s.ship_agreement_z
            and abs(f.scrutiny.agreement.difference) > s.ship_agreement_share * abs(f.gain.estimate)
        ),
        lambda f, s: (
            f"Two ways of estimating disagree by more than chance explains: with expected rewards "
            f"the gain per {f.unit} is {amount(f.gain.estimate)}, without them "
            f"{amount(f.gain.second)}."
        ),
    ),
    Rule(
        "hangs_on_heaviest",
        lambda f, s: _overturned(f, s) is not None,
        lambda f, s: (
            f"Where the heaviest {s.ship_clip_share:.0%} of the {f.unit}s count for less, the gain "
            f"is {amount(_overturned(f, s) or 0.0)}: it hangs on those few."
        ),
    ),
)
