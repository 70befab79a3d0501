"""What an analyst asks for in the studio, as a file of limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from promopilot.experiments.config_yaml import to_yaml
from promopilot.experiments.limits.file import LimitsFile, parse_limits

SOURCE = "the studio"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class PromotionWish:
    """Limits of one promotion; money a day, None where it is free."""

    least: float | None = None
    most: float | None = None
    locked: bool = False  # spends what it spends now


@dataclass(frozen=True)
class Wishes:
    """All that can be moved."""

    budget: float  # money for the flight
    per_day: float | None = None  # money; None: free
    max_change: float | None = None  # of a promotion from one day to the next, as a share
    promotions: Mapping[str, PromotionWish] = field(default_factory=dict)  # by id

    def as_yaml(self, own: Mapping[str, Any] = _NOTHING) -> str:
        """The same as a `limits.yaml`, to plan with from the command line.

        Args:
            own: What the run's own file of limits says, which stays in force where nothing else is
                wished; wishes of single promotions come on top.
        """
        budget = dict(own.get("budget") or {}) | {"total": self.budget}
        if self.per_day is not None:
            budget["per_day"] = {"max": self.per_day}
        step = dict(own.get("step") or {})
        if self.max_change is not None:
            step["max_change"] = self.max_change
        bounds = list(own.get("bounds") or []) + [
            {"promotion": name}
            | ({} if wish.least is None else {"min": wish.least})
            | ({} if wish.most is None else {"max": wish.most})
            for name, wish in self.promotions.items()
            if not wish.locked and (wish.least is not None or wish.most is not None)
        ]
        locks = list(own.get("locks") or [])
        locks += [{"promotion": name} for name, wish in self.promotions.items() if wish.locked]
        parts = {"budget": budget, "step": step, "bounds": bounds, "locks": locks}
        return to_yaml({**own, **{name: part for name, part in parts.items() if part}})

    def limits(self, own: Mapping[str, Any] = _NOTHING) -> LimitsFile:
        """The same, checked; `own` as for `as_yaml`.

        Raises:
            ConfigError: A number out of range, or a least that is above its most.
        """
        return parse_limits(self.as_yaml(own), SOURCE)
