"""What an analyst asks for in the studio, as a file of limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from promopilot.experiments.config_yaml import to_yaml
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.file import LimitsFile, parse_limits

SOURCE = "the studio"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OWN_ROW = {"promotion", "min", "max", "per"}  # keys of a bound that a promotion's row can show


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

    def as_yaml(self, rest: Mapping[str, Any] = _NOTHING) -> str:
        """The same as a `limits.yaml`, to plan with from the command line.

        Args:
            rest: What the run's own file says beyond what can be moved, which stays in force.
        """
        budget = dict(rest.get("budget") or {}) | {"total": self.budget}
        if self.per_day is not None:
            budget["per_day"] = {"max": self.per_day}
        step = dict(rest.get("step") or {})
        if self.max_change is not None:
            step["max_change"] = self.max_change
        bounds = list(rest.get("bounds") or []) + [
            {"promotion": name}
            | ({} if wish.least is None else {"min": wish.least})
            | ({} if wish.most is None else {"max": wish.most})
            for name, wish in self.promotions.items()
            if wish.least is not None or wish.most is not None
        ]
        locks = list(rest.get("locks") or [])
        locks += [{"promotion": name} for name, wish in self.promotions.items() if wish.locked]
        parts = {"budget": budget, "step": step, "bounds": bounds, "locks": locks}
        return to_yaml(_said({**rest, **parts}))

    def limits(self, rest: Mapping[str, Any] = _NOTHING) -> LimitsFile:
        """The same, checked; `rest` as for `as_yaml`.

        Raises:
            ConfigError: A number out of range, or a least that is above its most.
        """
        for name, wish in self.promotions.items():
            if wish.least is not None and wish.most is not None and wish.least > wish.most:
                raise ConfigError(
                    f"{name} shall get at least {wish.least:g} and at most {wish.most:g} a day: "
                    "lower the one or raise the other"
                )
        return parse_limits(self.as_yaml(rest), SOURCE)


def standing(
    own: Mapping[str, Any], budget: float, promotions: Collection[str]
) -> tuple[Wishes, dict[str, Any]]:
    """What of a run's own limits can be moved, as it stands, and the rest of them.

    Args:
        own: Content of the run's `limits.yaml`.
        budget: The run's, money for the flight.
        promotions: Ids of the flight's.
    """
    total, step = dict(own.get("budget") or {}), dict(own.get("step") or {})
    total.pop("total", None)
    per_day = _number((total.pop("per_day", None) or {}).get("max"))
    change = _number(step.pop("max_change", None))
    found: dict[str, PromotionWish] = {}
    bounds, locks = [], []
    for entry in own.get("bounds") or []:
        name = entry.get("promotion")
        single = name in promotions and name not in found and set(entry) <= _OWN_ROW
        if single and entry.get("per", "day") == "day":
            found[name] = PromotionWish(_number(entry.get("min")), _number(entry.get("max")))
        else:
            bounds.append(entry)
    for entry in own.get("locks") or []:
        if set(entry) == {"promotion"} and entry["promotion"] in promotions:
            name = entry["promotion"]
            found[name] = replace(found.get(name, PromotionWish()), locked=True)
        else:
            locks.append(entry)
    rest = {**own, "budget": total, "step": step, "bounds": bounds, "locks": locks}
    return Wishes(budget, per_day, change, found), _said(rest)


def _number(value: float | None) -> float | None:
    """A number of a file, where whole ones are of another type."""
    return None if value is None else float(value)


def _said(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Sections that say something."""
    return {name: section for name, section in sections.items() if section}
