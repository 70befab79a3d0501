"""The test to run next where the evidence falls short of switching, ready to be set up."""

from typing import Any

import numpy as np

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust import next_test_words as words
from promopilot.experiments.ope.trust.arrangement import Arrangement, arrangements, days_of
from promopilot.experiments.ope.trust.clusters import clusters_of
from promopilot.experiments.ope.trust.exploration import explored
from promopilot.experiments.ope.trust.rules import Facts
from promopilot.experiments.ope.trust.test_size import (
    Precision,
    detectable,
    spread_of,
    units_per_arm,
)
from promopilot.experiments.ope.trust.verdict import Verdict, outlook
from promopilot.experiments.ope.trust.worth import Worth, worth_detecting

_WEEK = 7
# Rules that find the log too small while it shows what the policy does: another kind of log would
# help no more than a test does.
_TELLS_TOO_LITTLE = {"very_few_units", "few_rewarded"}


def next_test(
    case: Case[R], facts: Facts, verdict: Verdict, settings: OpeSettings
) -> dict[str, Any]:
    """A test, or a log to write first, that would settle what this log leaves open.

    For the policy that wrote the log there is none: design `none`.

    Args:
        case: what was evaluated.
        facts: what was found.
        verdict: one that is not `ship`.
        settings: power, confidence and what is worth detecting.

    Returns:
        Keys of the contract's `next_test`; those that the log cannot tell are absent, and `text`
        says so.
    """
    if facts.same:
        return {"design": "none", "text": words.NOTHING}
    days = days_of(case.timestamp)
    precision = Precision(settings.confidence, settings.test_power)
    worth = worth_detecting(case, facts, verdict, settings)
    if verdict.name == "insufficient_support" and not set(verdict.rules) <= _TELLS_TOO_LITTLE:
        length = None if days is None else int(days.max()) + 1
        return _exploration(case, facts, settings, precision, worth, length)
    ways = arrangements(case, days, settings)
    designs = [(_sized(case, way, days, precision, worth.gain), way) for way in ways]
    fitting = [one for one in designs if one[0]["detects"] == worth.gain]
    best, way = (fitting or designs)[0]
    worse = outlook(facts, verdict) == "worse"
    best["settles"] = words.settles(best, facts.unit, worse)
    best["text"] = words.test(best, way, facts, worth, case, settings)
    if worse:
        best["text"] = f"{words.WORSE} {best['text']}"
    return best


def _sized(
    case: Case[R], way: Arrangement, days: IntArray | None, precision: Precision, worth: float
) -> dict[str, Any]:
    """A test of one kind: its size, days, and what it detects."""
    spread, there = spread_of(case.rows.logged, way.units), len(way.units.size)
    design: dict[str, Any] = {"design": way.design, "unit": way.unit, "share": 0.5}
    detects = worth
    if spread > 0.0 and worth > 0.0:
        size = units_per_arm(spread, worth, precision)
        if 2 * size > there and not _more_come(way, 2 * size):
            size = there // 2  # there are no more: what can all of them show?
            detects = detectable(spread, size, precision)
        design["size_per_arm"] = size
        if way.arrivals is not None:
            design["days"] = _weeks(way.arrivals.days_for(2 * size))
        elif way.design == "geo_split" and days is not None:
            # The spread between regions is that of sums over the log's days.
            design["days"] = _weeks(int(days.max()) + 1)
    return design | {
        "detects": detects,
        "power": precision.power,
        "confidence": precision.confidence,
    }


def _more_come(way: Arrangement, units: int) -> bool:
    """Whether a test gets more units than the log has in a time that can be waited for."""
    if way.arrivals is None or not way.arrivals.returning:
        return way.design != "geo_split"
    return way.arrivals.days_for(units) <= words.LONG


def _exploration(
    case: Case[R],
    facts: Facts,
    settings: OpeSettings,
    precision: Precision,
    worth: Worth,
    length: int | None,
) -> dict[str, Any]:
    """A log in which the policy decides now and then, until it can be evaluated."""
    seen, rows = facts.seen, len(case.rows.logged)
    # What the weights miss of 1 are choices that the log never shows in their situation.
    missing = 1.0 - seen.mean_weight if seen.mean_weight_z < -settings.ship_mean_weight_z else 0.0
    unsupported = min(1.0, max(seen.unsupported_share, missing, 0.0))
    log = explored(case.rows.weight, unsupported, settings.test_explore_share)
    clusters = clusters_of(case.cluster)
    spread, per_unit = spread_of(case.rows.logged, clusters), float(clusters.size.mean())
    if np.isnan(spread):
        spread, per_unit = float(case.rows.logged.std()), 1.0
    evidence = max(settings.min_ess, settings.min_units * per_unit * log.ess_share)
    # Usable rows whose mean is known closely enough to find the gain over the log to be written,
    # in which the policy has its share already.
    if (over := worth.gain * (1.0 - log.share)) > 0.0:
        evidence = max(evidence, (precision.reach(np.inf) * spread / over) ** 2 * per_unit)
    size = log.rows_for(evidence)
    found: dict[str, Any] = {
        "design": "exploration",
        "unit": case.kind.unit,
        "share": log.share,
        "size": size,
    }
    if length is not None:
        found["days"] = _weeks(size * length / rows)
    found |= {"detects": worth.gain, "power": precision.power, "confidence": precision.confidence}
    found["settles"] = words.settles_again(facts.unit)
    found["text"] = words.exploration(found, facts, worth, log.ess_share)
    return found


def _weeks(days: float) -> int:
    """Days rounded up to whole weeks, as weekdays differ (Kohavi, Tang and Xu 2020)."""
    return _WEEK * max(1, int(np.ceil(round(days, 9) / _WEEK)))
