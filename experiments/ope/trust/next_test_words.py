"""The next test in sentences that an analyst can act on."""

from collections.abc import Mapping
from typing import Any

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.rules import Facts
from promopilot.experiments.ope.trust.worth import Worth

# Longer than this a test no longer speaks about the policy that it began with.
_LONG = 366


def settles(detects: float, unit: str, confidence: float) -> str:
    """What the test's outcome decides."""
    return (
        f"Switch if the {confidence:.0%} range of the difference between the groups lies above 0, "
        f"and keep what is done today if it lies below {detects:.4g} per {unit}; in between, weigh "
        "the cost of switching against a gain that is likely smaller than that."
    )


def settles_again(unit: str) -> str:
    """What the log to be written decides."""
    return (
        f"Evaluate the new log with the same policy: its verdict, and the {unit}s that the policy "
        "decided beside the rest, say whether to switch, to test, or to let it be."
    )


def test(
    design: Mapping[str, Any], facts: Facts, worth: Worth, case: Case[R], settings: OpeSettings
) -> str:
    """A randomised test in sentences.

    Args:
        design: the test's figures.
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
        f"With {size:,} {dealt}s in each group, a difference of {design['detects']:.4g} per {unit} "
        f"is found with a probability of {design['power']:.0%}, and chance alone shows one in "
        f"{1.0 - design['confidence']:.0%} of such tests."
    )
    if design["detects"] > worth.gain:
        said.append(
            "Smaller differences cannot be found with as many clusters as the log has; worth "
            f"finding would be {worth.gain:.4g}."
        )
    else:
        said.append(worth.why)
    if (days := design.get("days")) is not None:
        said.append(_days(days, design["design"]))
        if days > _LONG:
            said.append(
                "That is more than a year: so small a gain is hard to prove with this traffic. A "
                "bolder policy, or more of the shop taking part, needs less."
            )
    elif case.timestamp is None:
        said.append("How many days that takes cannot be told: the log has no times.")
    else:
        said.append("How many days that takes cannot be told: some rows of the log have no time.")
    if facts.seen.units < settings.min_units:
        said.append(
            f"The size is a rough guess, as the log holds {facts.seen.units} independent "
            f"group{'' if facts.seen.units == 1 else 's'} only: look at it again after a week."
        )
    if facts.evidence == "simulated":
        said.append(
            "It would be the first evidence from real customers, and the size is that of the "
            "simulated market: look at it again after the first week."
        )
    return " ".join(said)


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
        f"About {ess_share:.0%} of such a log is usable evidence, so {design['size_per_arm']:,} "
        f"{unit}s tell a gain of {design['detects']:.4g} per {unit} from none."
    )
    said.append(worth.why)
    if (days := design.get("days")) is not None:
        said.append(_days(days, "exploration"))
    else:
        said.append("How many days that takes cannot be told: the log has no times.")
    said.append(
        "Then evaluate again: the share that the policy decided can also be compared with the rest "
        "at once."
    )
    return " ".join(said)


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
            "Draw by lot half of the log's clusters (customers), let the policy decide for them, "
            "always, and leave the others as they are."
        )
    drawn = f"Draw by lot for each {unit} whether the policy or today's way decides"
    if unit == "episode":
        return f"{drawn}, from its first step to its last."
    return f"{drawn}; draw by customer where the same one comes again."


def _days(days: int, design: str) -> str:
    if design == "geo_split":
        return f"Run it for {days} days, as long as the log, in whole weeks."
    if design == "switchback":
        return f"That takes {days} days, in whole weeks."
    return f"At the log's pace that takes {days} days, in whole weeks."
