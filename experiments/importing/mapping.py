"""The mapping of an import: which column is which, and what makes promotions and the rest."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from promopilot.experiments.config import Section
from promopilot.experiments.importing.dates import DateOrder
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.headers_criteo import CRITEO
from promopilot.experiments.importing.headers_generic import GENERIC
from promopilot.experiments.importing.headers_google import GOOGLE_ADS
from promopilot.experiments.importing.headers_meta import META_ADS

# Counted or paid: these can be added up over rows; `reach` cannot, and only tells sizes.
MEASURES = ("impressions", "clicks", "conversions", "spend", "conversion_value")
WHOLE = ("impressions", "clicks")  # platforms count them one by one; conversions may be shared out
SHARE = "impression_share"  # of the impressions that a row could have had
EMPTY = ("clicks", "conversions", "spend", "conversion_value")  # may stand empty in a row
FIELDS = tuple(sorted({*GOOGLE_ADS, *META_ADS, *CRITEO, *GENERIC}))  # and text_1, text_2, …
PART_OF_TEXT = re.compile(r"text(?:_(\d+))?")
# How the parts of an id are joined; a text's parts are joined as sentences.
BETWEEN = " / "


class Rule(Section):
    """What an id or a text is made of: the filled ones of some fields, or one constant."""

    fields: tuple[str, ...] = ()  # fields, or columns as written in the file
    constant: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> Rule:
        if self.fields and self.constant is not None:
            raise ValueError("must be fields or a constant, not both")
        return self


def _as_rule(given: object) -> object:
    """A field, or a list of them, as the rule that it stands for."""
    if isinstance(given, str):
        return {"fields": (given,)}
    if isinstance(given, list | tuple):
        return {"fields": tuple(given)}
    if isinstance(given, dict):
        return {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    return given


def _as_written(rule: Rule) -> list[str] | dict[str, str]:
    return list(rule.fields) if rule.constant is None else {"constant": rule.constant}


def _as_tuple(given: object) -> object:
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


def _one_or_several(headers: tuple[str, ...]) -> str | list[str]:
    return headers[0] if len(headers) == 1 else list(headers)


RuleOf = Annotated[Rule, BeforeValidator(_as_rule), PlainSerializer(_as_written)]
Headers = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
    PlainSerializer(_one_or_several),
    Field(min_length=1),
]


class Numbers(Section):
    """How numbers are written in the files."""

    decimal: Literal[".", ","]
    thousands: Literal[",", ".", " ", "'", ""]


class Discount(Section):
    """A discount that stands in a text: the first number that `pattern` finds, in per cent."""

    source: RuleOf = Field(alias="from", default=Rule(fields=("text",)))
    pattern: str = r"(\d+(?:[.,]\d+)?)\s?%"  # one group: the number

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"must be a regular expression ({error})") from error
        if groups != 1:
            raise ValueError(f"must have one group (…), the number; it has {groups}")
        return pattern


class Texts(Section):
    """A second file with the ads' texts, joined by an id that both files have."""

    file: str  # a relative path starts at the mapping's folder, without one where you are
    by: str = Field(min_length=1)  # a field, for example campaign_id or ad_id
    columns: tuple[str, ...] = Field(min_length=1)  # of that file, joined as sentences


class Supply(Section):
    """How many impressions a day a placement has to sell, told from those it had."""

    # Of a placement's days ordered by impressions, the one that counts; .95 leaves out peaks.
    quantile: float = Field(default=0.95, gt=0, le=1)
    headroom: float = Field(default=1.5, ge=1)  # as assumptions.supply_headroom of a config


class Mapping(Section):
    """Everything that decides how export rows become tables; null: as the platform's default."""

    platform: Platform | None = None
    columns: dict[str, Headers] = Field(default={})  # field -> column; where several: the one there
    numbers: Numbers | None = None  # null: told from all numbers of each file
    dates: DateOrder | None = None  # order of day and month where no row of a file tells it
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")  # null: as the file says
    micros: tuple[str, ...] | None = None  # fields written in millionths
    empty_is_zero: tuple[str, ...] | None = None  # fields whose empty cells mean none
    promotion: RuleOf | None = None
    placement: RuleOf | None = None
    segment: RuleOf | None = None
    campaign_id: RuleOf | None = None
    text: RuleOf | None = None
    texts: Texts | None = None
    discount: Discount | None = None
    # The day on which rows were read: a date, or that in each file's name; null: the field as_of.
    as_of: str | None = Field(default=None, pattern=r"^(file-name|\d{4}-\d{2}-\d{2})$")
    clicks_priced: tuple[str, ...] | None = None  # placements bought by the click; * matches any
    own_supply: tuple[str, ...] | None = None  # placements where each promotion has its own supply
    supply: Supply = Supply()
    repeats: Literal["refuse", "sum"] = "refuse"  # rows that stand there twice

    @field_validator("columns")
    @classmethod
    def _are_fields(cls, columns: dict[str, Headers]) -> dict[str, Headers]:
        for name in columns:
            if name not in FIELDS and not PART_OF_TEXT.fullmatch(name):
                near = difflib.get_close_matches(name, FIELDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FIELDS)}"
                raise ValueError(f"{name!r} is no field; {hint}")
        return columns

    @field_validator("empty_is_zero", "micros")
    @classmethod
    def _are_numbers(cls, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
        known = {*MEASURES, "budget"}
        for name in fields or ():
            if name not in known:
                raise ValueError(f"must name fields of {', '.join(sorted(known))}, not {name!r}")
        return fields

    def tree(self) -> dict[str, Any]:
        """As YAML holds it: what is not set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rules_of(mapping: Mapping) -> list[Rule]:
    """Every rule of a mapping that names columns of the exports."""
    rules = [mapping.promotion, mapping.placement, mapping.segment, mapping.campaign_id]
    rules.append(mapping.text)
    if mapping.texts is not None:
        rules.append(Rule(fields=(mapping.texts.by,)))
    if mapping.discount is not None:
        own = tuple(name for name in mapping.discount.source.fields if name not in ("text", "name"))
        rules.append(Rule(fields=own))
    return [rule for rule in rules if rule is not None]
