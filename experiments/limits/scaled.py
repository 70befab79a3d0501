"""The amounts of a flight in a file of limits, for a flight of another length."""

from __future__ import annotations

from typing import TypeVar

from promopilot.experiments.limits.file import Bound, GroupLimit, LimitsFile

_Entry = TypeVar("_Entry", Bound, GroupLimit)


def scaled(limits: LimitsFile, share: float) -> LimitsFile:
    """The limits with `budget.total` and all `per: flight` money times a share, in cents.

    What holds on each day, shares, multiples of what is spent now and targets stay as they are.

    Args:
        limits: Of a flight.
        share: Days of another flight over its own.
    """
    total = limits.budget.total
    if total is not None:
        total = round(total * share, 2)
    return limits.model_copy(
        update={
            "budget": limits.budget.model_copy(update={"total": total}),
            "bounds": tuple(_scaled(entry, share) for entry in limits.bounds),
            "groups": tuple(_scaled(entry, share) for entry in limits.groups),
        }
    )


def speaks_of_flight(limits: LimitsFile) -> bool:
    """Whether limits have amounts over the whole flight."""
    entries = (*limits.bounds, *limits.groups)
    return limits.budget.total is not None or any(
        entry.per == "flight" and (entry.min, entry.max) != (None, None) for entry in entries
    )


def _scaled(entry: _Entry, share: float) -> _Entry:
    if entry.per == "day":
        return entry
    ends = {name: getattr(entry, name) for name in ("min", "max")}
    return entry.model_copy(
        update={name: None if end is None else round(end * share, 2) for name, end in ends.items()}
    )
