"""What a mapping leaves open, filled in as the platform's exports usually want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from promopilot.experiments.importing.columns import FileColumns, check_rule
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.ids import Coded
from promopilot.experiments.importing.mapping import PART_OF_TEXT, Mapping, Rule
from promopilot.experiments.tables.schema import ALL

# Google's networks as reports name them in English, German, French, Spanish and Chinese: search is
# sold by the click. Without that column a Google export is taken for one of search.
_SEARCH = ("*search*", "*suche*", "*suchnetz*", "*recherche*", "*búsqueda*", "*搜索*", ALL)


@dataclass(frozen=True)
class _Usual:
    """The rules of a platform, of which those fields count that the files have."""

    promotion: tuple[str, ...] = ("campaign", "adset", "ad")
    segment: tuple[str, ...] = ("segment",)
    clicks_priced: tuple[str, ...] = ()
    own_supply: tuple[str, ...] = ()
    empty_is_zero: tuple[str, ...] = ()


_USUAL = {
    # A campaign of Google's cannot be moved to another network, and its keywords are its own.
    Platform.GOOGLE_ADS: _Usual(clicks_priced=_SEARCH, own_supply=("*",)),
    # An ad set is an audience. Meta leaves cells empty where there were no clicks or purchases.
    Platform.META_ADS: _Usual(
        promotion=("campaign", "ad"),
        segment=("adset", "segment"),
        empty_is_zero=("clicks", "conversions", "conversion_value"),
    ),
    Platform.CRITEO: _Usual(clicks_priced=("*",)),  # sold by the click
    Platform.GENERIC: _Usual(),
}
_PLACEMENT = ("network",)
_LEVELS = ("campaign", "adset", "ad")  # each may come with an id


def completed(
    mapping: Mapping, platform: Platform, columns: Sequence[FileColumns], campaigns_by_id: bool
) -> Mapping:
    """The mapping with every rule that the import uses.

    Args:
        mapping: As given; what it says stays.
        platform: Of the files.
        columns: Those of each file. A usual rule names the fields that every file has.
        campaigns_by_id: Whether campaigns' names do not tell them apart, but their ids do.

    Raises:
        ConfigError: A rule names a column that a file has not.
    """
    usual = _USUAL[platform]

    def there(name: str) -> bool:
        return all(name in one.fields for one in columns)

    def rule(given: Rule | None, *fields: str) -> Rule:
        return given if given is not None else Rule(fields=tuple(f for f in fields if there(f)))

    levels = tuple(
        f"{name}_id"
        if f"{name}_id" in {f for one in columns for f in one.fields}
        and (not there(name) or (name == "campaign" and campaigns_by_id))
        else name
        for name in usual.promotion
    )
    promotion = rule(mapping.promotion, *levels)
    texts = sorted({f for one in columns for f in one.fields if _is_text(f)}, key=_text_order)
    campaign = "campaign_id" if there("campaign_id") else "campaign"
    micros = {field for one in columns for field in one.micros}
    rules = {
        "promotion": promotion,
        "placement": rule(mapping.placement, *_PLACEMENT),
        "segment": rule(mapping.segment, *usual.segment),
        "campaign_id": rule(mapping.campaign_id, campaign),
        "text": rule(mapping.text, *texts),
    }
    for where, one in rules.items():
        check_rule(one, columns, where)
    headers: dict[str, tuple[str, ...]] = {}
    for one_file in columns:
        for field, header in one_file.fields.items():
            headers[field] = tuple(dict.fromkeys([*headers.get(field, ()), header]))
    filled = {
        "platform": platform,
        "columns": headers,
        "micros": tuple(sorted(micros)),
        "empty_is_zero": _or(mapping.empty_is_zero, usual.empty_is_zero),
        "clicks_priced": _or(mapping.clicks_priced, usual.clicks_priced),
        "own_supply": _or(mapping.own_supply, usual.own_supply),
        **rules,
    }
    return mapping.model_copy(update=filled)


def tells_campaigns_apart(ids: Coded, names: Coded) -> bool:
    """Whether each name is one campaign's, and each campaign has one name."""
    pairs = pd.unique(ids.codes * (len(names.names) + 1) + names.codes)
    return len(pairs) == len(pd.unique(ids.codes)) == len(pd.unique(names.codes))


def _or(given: tuple[str, ...] | None, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    return otherwise if given is None else given


def _is_text(field: str) -> bool:
    return PART_OF_TEXT.fullmatch(field) is not None


def _text_order(field: str) -> int:
    return int(field.partition("_")[2] or 0)
