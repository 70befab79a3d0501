"""The file `limits.yaml` as typed sections: what may be written in it, and what is wrong with it.

Amounts are money in the run's currency; shares are from 0 to 1. Nothing here knows a market:
`promopilot.experiments.limits.apply` joins the two.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from promopilot.experiments.config import Section
from promopilot.experiments.config_errors import explain
from promopilot.experiments.config_yaml import read_yaml, to_json, yaml_text
from promopilot.experiments.errors import ConfigError

Amount = Annotated[float, Field(ge=0)]  # money
Share = Annotated[float, Field(ge=0, le=1)]
Per = Literal["day", "flight"]


def _text(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(
            f"it must be text; put an id that looks like a number in quotes: '{value}'"
        )
    return value


Pattern = Annotated[str, BeforeValidator(_text), Field(min_length=1)]  # an id, or with * and ?
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1)]


class Selector(Section):
    """Which line items are meant: those that every key given agrees on; without a key, all."""

    promotion: Pattern | None = None
    placement: Pattern | None = None
    segment: Pattern | None = None
    line_item: Pattern | None = None  # promotion/placement/segment


class _Bounded(Section):
    """Least and most of the planned spend of some line items together."""

    min: Amount | None = None  # money
    max: Amount | None = None  # money
    max_share: Share | None = None  # of the planned spend of all line items
    per: Per = "day"  # each day by itself, or the flight's sum

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"its min of {self.min:g} is above its max of {self.max:g}")
        return self


class Bound(_Bounded, Selector):
    """Limits on all that a selector means, added together."""

    # Least and most as multiples of current_budget.
    relative: Annotated[tuple[Amount, ...], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in (self.min, self.max, self.max_share, self.relative)):
            raise ValueError("it limits nothing: give min, max, max_share or relative")
        if self.relative is not None and self.relative[0] > self.relative[1]:
            raise ValueError("the first number of relative must not be above the second")
        return self


class Lock(Selector):
    """Line items that spend what they spend now (`current_budget`)."""

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("it locks nothing: give promotion, placement, segment or line_item")
        return self


class GroupLimit(_Bounded):
    """Limits on several promotions, placements or segments added together."""

    promotions: Patterns | None = None
    placements: Patterns | None = None
    segments: Patterns | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.promotions is None and self.placements is None and self.segments is None:
            raise ValueError("it names nothing: give promotions, placements or segments")
        if self.min is None and self.max is None and self.max_share is None:
            raise ValueError("it limits nothing: give min, max or max_share")
        return self


class Blackout(Selector):
    """Days on which what is selected gets nothing."""

    dates: Annotated[tuple[date, ...], Field(min_length=1)] | None = None
    first: date | None = Field(default=None, alias="from")
    last: date | None = Field(default=None, alias="to")  # included

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if (self.dates is None) == (self.first is None and self.last is None):
            raise ValueError("give either dates or from and to")
        if self.dates is None and (self.first is None or self.last is None):
            raise ValueError("give both from and to; a single day goes into dates")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"from {self.first} is after to {self.last}")
        return self

    @property
    def days(self) -> list[date]:
        """The days meant."""
        if self.dates is not None or self.first is None or self.last is None:
            return list(self.dates or ())
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=day) for day in range(count)]


class PerDay(Section):
    """The budget of any one day."""

    max: Annotated[float, Field(gt=0)] | None = None  # money


class BudgetLimits(Section):
    """The budget; what is absent stays as the run has it."""

    total: Annotated[float, Field(gt=0)] | None = None  # money for the flight
    per_day: PerDay = PerDay()
    covers: tuple[Literal["spend", "subsidy"], ...] | None = None  # what it pays for

    @field_validator("covers")
    @classmethod
    def _pays_for_spend(cls, covers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if covers is not None and set(covers) not in ({"spend"}, {"spend", "subsidy"}):
            raise ValueError("it must be [spend] or [spend, subsidy]")
        return None if covers is None else tuple(sorted(set(covers)))


class Step(Section):
    """How much may change, and how much must."""

    # Of a promotion's spend against the day before (the first day: current_budget), relative to the
    # larger of that and its equal share of the day's budget.
    max_change: Amount | None = None
    # Of a line item's spend against current_budget: smaller changes are not made.
    min_change: Share | None = None


class Targets(Section):
    """What the flight's expected totals must reach: one of the two."""

    roas: Annotated[float, Field(gt=0)] | None = (
        None  # conversion value per unit of spend, at least
    )
    cpa: Annotated[float, Field(gt=0)] | None = None  # money per conversion, at most

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.roas is not None and self.cpa is not None:
            raise ValueError("give roas or cpa, not both")
        return self


class LimitsFile(Section):
    """The whole of `limits.yaml`; an empty file limits nothing."""

    budget: BudgetLimits = BudgetLimits()
    bounds: tuple[Bound, ...] = ()
    locks: tuple[Lock, ...] = ()
    groups: tuple[GroupLimit, ...] = ()
    step: Step = Step()
    targets: Targets = Targets()
    exploration: Share = 0.0  # of a day's planned spend, for what is not known yet
    blackout: tuple[Blackout, ...] = ()
    _source: str = PrivateAttr("the limits")

    @property
    def source(self) -> str:
        """The file they were read from, for messages."""
        return self._source

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is limited."""
        return not self.model_dump(exclude_defaults=True)


def read_limits(path: Path) -> LimitsFile:
    """Read and check a file of limits, without its market.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value of a wrong type or range.
    """
    text = yaml_text(path, "limits")
    return parse_limits(text, str(path))


def parse_limits(text: str, source: str) -> LimitsFile:
    """Check the text of a file of limits; `source` is the name that a message gives it.

    Raises:
        ConfigError: As `read_limits`.
    """
    # A section whose entries are all commented out says nothing.
    tree = {key: value for key, value in read_yaml(text, source).items() if value is not None}
    try:
        found = LimitsFile.model_validate_json(to_json(tree, source), strict=True)
        found._source = source
        return found
    except ValidationError as error:
        raise ConfigError(explain(error, LimitsFile, source)) from error
