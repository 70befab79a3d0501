"""The next test in sentences that an analyst can act on."""

from collections.abc import Mapping
from typing import Any

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.amount import amount
from promopilot.experiments.ope.trust.arrangement import Arrangement
from promopilot.experiments.ope.trust.rules import Facts
from promopilot.experiments.ope.trust.worth import Worth

# Days: a test that takes longer no longer speaks about the policy that it began with.
LONG = 366

# Usable share of a log of episodes below which hardly one was followed whole. Our choice.
_FOLLOWED = 0.01

NOTHING = "The policy does what was done: there is nothing to test."

WORSE = (
    "The policy looks worse than what was done: do not switch to it. The test below is for a "
    "changed policy only."
)


def settles(design: Mapping[str, Any], unit: str, worse: bool) -> str:
    """What the test's outcome decides.

    Args:
        design: the test's figures.
        unit: what a unit of the log is called.
        worse: whether the policy looks worse than what was done.
    """
    changed = " to the changed policy" if worse else ""
    text = (
        f"Switch{changed} if the {design['confidence']:.0%} range of the difference between the "
        "groups lies above 0. Otherwise keep what is done today"
    )
    if "size_per_arm" not in design:
        return f"{text}."
    return (
        f"{text}: the test is large enough to find a gain of {amount(design['detects'])} per "
        f"{unit} with a probability of {design['power']:.0%}, so one of that size is then "
        "unlikely."
    )


def settles_again(unit: str) -> str:
    """What the log to be written decides."""
    return (
        f"Evaluate the new log with the same policy: its verdict, and the {unit}s that the policy "
        "decided beside the rest, say whether to switch, to test, or to let it be."
    )


def test(
    design: Mapping[str, Any],
    way: Arrangement,
    facts: Facts,
    worth: Worth,
    case: Case[R],
    settings: OpeSettings,
) -> str:
    """A randomised test in sentences.

    Args:
        design: the test's figures.
        way: what it deals to its groups.
        facts: what was found in the log.
        worth: the gain that is worth detecting.
        case: what was evaluated.
        settings: what the log falls short of.
    """
    unit, dealt = facts.unit, design["unit"]
    said = [_who(design, unit)]
    if (size := design.get("size_per_arm")) is None:
        said.append(
            "How many are needed cannot be told: all that was logged brought the same, so the log "
            "does not show how much chance does."
        )
        return " ".join(said)
    said.append(
        f"With {size:,} {dealt}s in each group, a difference of {amount(design['detects'])} per "
        f"{unit} is found with a probability of {design['power']:.0%}, and chance alone shows one "
        f"in {1.0 - design['confidence']:.0%} of such tests."
    )
    if design["detects"] > worth.gain:
        few = "" if way.arrivals is None else ", and hardly any new ones come"
        said.append(
            f"Smaller differences cannot be found with as many clusters as the log has{few}; worth "
            f"finding would be {amount(worth.gain)}."
        )
    else:
        said.append(worth.why)
    long = False
    if (days := design.get("days")) is not None:
        said.append(_days(days, way, 2 * size))
        if long := days > LONG:
            said.append(
                "That is more than a year: so small a gain is hard to prove with this traffic. A "
                "bolder policy, or more of the shop taking part, needs less."
            )
    else:
        lack = "the log has no times" if case.timestamp is None else "some rows have no time"
        said.append(f"How many days that takes cannot be told: {lack}.")
    return " ".join([*said, *_doubts_of_size(facts, settings, long)])


def exploration(design: Mapping[str, Any], facts: Facts, worth: Worth, ess_share: float) -> str:
    """A log to be written, in sentences.

    Args:
        design: the figures.
        facts: what was found in the log that is there.
        worth: the gain that is worth detecting.
        ess_share: usable evidence per row of the log to be written.
    """
    unit, names = facts.unit, facts.seen.unsupported_actions
    said = [
        f"Before a test, log more of what the policy does: let it decide {design['share']:.0%} of "
        f"the {unit}s, drawn by lot, decide the rest as today, and log with each {unit} the "
        "probability of what was done."
    ]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        said.append(f"That shows {', '.join(names[:5])}{more}, which today's log never does.")
    said.append(
        f"About {ess_share:.0%} of such a log is usable evidence, so {design['size']:,} {unit}s "
        f"tell a gain of {amount(design['detects'])} per {unit} from none."
    )
    said.append(worth.why)
    if unit == "episode" and facts.seen.ess_share < _FOLLOWED:
        said.append(
            "Long episodes are hardly ever followed whole by chance, so all evidence comes from "
            "those that the policy decides from first step to last: shorter episodes, or a test "
            "with real customers, say more."
        )
    if (days := design.get("days")) is not None:
        said.append(_at_pace(days))
    else:
        said.append("How many days that takes cannot be told: the log has no times.")
    said.append(
        "Then evaluate again: the share that the policy decided can also be compared with the rest "
        "at once."
    )
    return " ".join(said)


def _doubts_of_size(facts: Facts, settings: OpeSettings, long: bool) -> list[str]:
    """What makes the size of a test, which may take long, a guess."""
    said = []
    if facts.seen.units < settings.min_units:
        again = "" if long else ": look at it again after a week"
        said.append(
            f"The size is a rough guess, as the log holds {facts.seen.units} independent "
            f"group{'' if facts.seen.units == 1 else 's'} only{again}."
        )
    elif facts.seen.told_ess < settings.min_told_ess:
        said.append(
            f"The size is a rough guess, as few {facts.unit}s of the log brought anything but the "
            "usual."
        )
    if facts.evidence == "simulated":
        again = "" if long else ": look at it again after the first week"
        said.append(
            "It would be the first evidence from real customers, and the size is that of the "
            f"simulated market{again}."
        )
    return said


def _who(design: Mapping[str, Any], unit: str) -> str:
    if design["design"] == "switchback":
        return (
            "Let the policy and today's way take turns by whole days, half of the days each, the "
            "order drawn by lot within each week."
        )
    if design["design"] == "geo_split":
        return (
            "Draw by lot half of the log's clusters (regions, shops, audiences), let the policy "
            "decide there and leave the others as they are; should the clusters be days, let both "
            "take turns by day instead."
        )
    if design["unit"] == "cluster":
        return (
            "Draw by lot two equal groups of clusters (customers), let the policy decide for one "
            "of them, always, and leave the other as it is."
        )
    drawn = f"Draw by lot for each {unit} whether the policy or today's way decides"
    if unit == "episode":
        return f"{drawn}, from its first step to its last."
    return f"{drawn}; draw by customer where the same one comes again."


def _days(days: int, way: Arrangement, units: int) -> str:
    if way.design == "geo_split":
        return f"Run it for {days:,} days, as long as the log, in whole weeks."
    if way.design == "switchback":
        return f"That takes {days:,} days, in whole weeks."
    if way.arrivals is None or not way.arrivals.returning:
        return _at_pace(days)
    if units <= way.arrivals.seen:
        return (
            f"Run it for {days:,} days, as long as the log, in whole weeks: the same {way.unit}s "
            "come again and again, and a shorter test sees too little of each."
        )
    return (
        f"The log has {way.arrivals.seen:,} {way.unit}s; until enough new ones have come, at the "
        f"pace of its second half, that takes {days:,} days, in whole weeks."
    )


def _at_pace(days: int) -> str:
    return f"At the log's pace that takes {days:,} days, in whole weeks."
