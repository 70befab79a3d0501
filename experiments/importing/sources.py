"""What `sources.json` says of imported tables: data, estimate or assumption."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence

import pandas as pd

from promopilot.experiments.importing.headers import NAMES, Platform
from promopilot.experiments.importing.mapping import MEASURES, SHARE, Mapping, Rule
from promopilot.experiments.importing.performance import ELIGIBLE
from promopilot.experiments.importing.promotions import Promotions
from promopilot.experiments.tables.schema import CURRENCY


def sources_of(
    mapping: Mapping,
    tables: Table[str, pd.DataFrame],
    promotions: Promotions,
    files: Sequence[str],
) -> dict[str, str]:
    """The source of every column that is written, by "table.column"."""
    platform = mapping.platform or Platform.GENERIC
    said = {
        "about": f"Imported from {NAMES[platform]}: {', '.join(files)}. Conversions and their "
        "value are those that the platform credits to itself.",
        "promotions.promotion_id": _of_rule(mapping.promotion, mapping),
        "promotions.text": _of_text(mapping, promotions),
        "promotions.name": "data: the names that the ids stand for",
        "promotions.campaign_id": _of_rule(mapping.campaign_id, mapping),
        "placements.placement_id": _of_rule(mapping.placement, mapping),
        "placements.text": "data: the placement's name",
        "segments.segment_id": _of_rule(mapping.segment, mapping),
        "segments.text": "data: the segment's name",
        **derived(mapping, tables),
    }
    for field in MEASURES:
        if field in mapping.columns:
            micros = ", in millionths" if field in (mapping.micros or ()) else ""
            empty = ", empty cells count as 0" if field in (mapping.empty_is_zero or ()) else ""
            said[f"performance.{field}"] = f"data: column {_headers(mapping, field)}{micros}{empty}"
    written = {f"{name}.{column}" for name, table in tables.items() for column in table.columns}
    kept = {name: text for name, text in said.items() if name == "about" or name in written}
    return kept | ({CURRENCY: mapping.currency} if mapping.currency else {})


def derived(mapping: Mapping, tables: Table[str, pd.DataFrame]) -> dict[str, str]:
    """Columns that the export does not have, by "table.column", and how each was told."""
    discount = mapping.discount.pattern if mapping.discount is not None else ""
    said = {
        "promotions.discount": f"estimate: the first number in the text that fits {discount!r}",
        "placements.cpm": "estimate: 1000 x spend / impressions over all days",
        "placements.cpc": "estimate: spend / clicks over all days, where clicks are what is paid",
        "placements.daily_supply": _of_supply(mapping, ELIGIBLE in tables["performance"]),
        "placements.own_supply": "assumption: own_supply of the mapping: a promotion cannot take "
        "over what another has there",
        f"performance.{ELIGIBLE}": f"estimate: impressions / column {_headers(mapping, SHARE)}; "
        "'< 10%' counts as 10%, '> 90%' as 90%, a row without a share as what it had",
        "segments.size": "estimate: the most people that one row reached: there are at least these",
    }
    return {
        name: text
        for name, text in said.items()
        if name.partition(".")[2] in tables[name.partition(".")[0]].columns
    }


def _headers(mapping: Mapping, field: str) -> str:
    return " or ".join(repr(header) for header in mapping.columns.get(field, (field,)))


def _of_supply(mapping: Mapping, shares: bool) -> str:
    """How daily_supply was told; `shares`: whether shares of impressions are known."""
    days = f"the {mapping.supply.quantile:g} quantile of the days'"
    times = f"{mapping.supply.headroom:g} (assumption: supply.headroom) x"
    if not shares:
        return f"estimate: {times} {days} impressions"
    return (
        f"estimate: {days} eligible impressions where half of the impressions tell of them, else "
        f"{times} {days} impressions"
    )


def _of_rule(rule: Rule | None, mapping: Mapping) -> str:
    if rule is None or (not rule.fields and rule.constant is None):
        return "assumption: all, because the mapping names no column for it"
    if rule.constant is not None:
        return f"assumption: {rule.constant!r}, as the mapping says"
    headers = " and ".join(_headers(mapping, field) for field in rule.fields)
    return f"data: column {headers}"


def _of_text(mapping: Mapping, promotions: Promotions) -> str:
    if promotions.nameless == len(promotions.frame):
        return "assumption: the promotion's name, because there is no text of the ad"
    if mapping.texts is not None:
        said = f"data: {', '.join(mapping.texts.columns)} of a second file, by {mapping.texts.by}"
    else:
        said = _of_rule(mapping.text, mapping)
    if promotions.nameless:
        said += f"; assumption: the name, for {promotions.nameless} promotions without a text"
    return said
