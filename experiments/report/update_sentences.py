"""Sentences of an update that its page and the command tell alike."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, bare

Update = dict[str, Any]


def quiet(update: Update) -> str:
    """What is to be said where nothing is warned of; a range may be left without a warning.

    Warnings are of days in a row against what was believed on the morning of each, and rare by
    chance; ranges, those of `compare` too, are of all days together against what was believed
    before the flight, and two of ten are left by chance.
    """
    out, shown = update["outside"]["outside"], update["outside"]["promotions"]
    all_orders = _all_orders(update["total"])
    if out == 0 and not all_orders:
        return tr("No warning: what came so far lies within what was foreseen.")
    parts = [
        tr(
            "No warning: nothing differs from day to day so much that a warning is due; by chance "
            "one flight in twenty has any."
        ),
        all_orders,
        tr(
            "{} of {} promotions lie outside the range that was foreseen for them before the "
            "flight, where about 2 of 10 would by chance."
        ).format(bare(out, 0), bare(shown, 0)),
        tr("What they taught is in the plan of the days that are left."),
    ]
    return tr(" ").join(part for part in parts if part)


def _all_orders(total: dict[str, Any]) -> str:
    """Where the orders of all promotions left their range; empty where they did not."""
    came, low, high = total["conversions"], total["foreseen"]["low"], total["foreseen"]["high"]
    if low <= came <= high:
        return ""
    texts = {
        "more": tr("All orders together are {}, above the {} to {} foreseen in 8 of 10 cases."),
        "less": tr("All orders together are {}, below the {} to {} foreseen in 8 of 10 cases."),
    }
    return texts["more" if came > high else "less"].format(*(bare(x, 0) for x in (came, low, high)))


def aim(target: dict[str, Any]) -> str:
    """The flight's target, what has come of it, and what is expected of the whole."""
    so_far, expected = (
        NONE if target[name] is None else bare(target[name], 2) for name in ("so_far", "expected")
    )
    texts = {
        "roas": tr(
            "Target: a ROAS of at least {}. So far it is {}; with what is planned {} is expected "
            "of the whole flight."
        ),
        "cpa": tr(
            "Target: a CPA of at most {}. So far it is {}; with what is planned {} is expected of "
            "the whole flight."
        ),
    }
    return texts[target["measure"]].format(bare(target["asked"], 2), so_far, expected)


def days_told(count: int) -> str:
    """`one day` or `5 days`."""
    return tr("one day") if count == 1 else tr("{} days").format(bare(count, 0))
