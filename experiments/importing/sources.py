"""What `sources.json` says of imported tables: data, estimate or assumption."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence

import pandas as pd

from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.mapping import MEASURES, Mapping, Rule
from promopilot.experiments.importing.promotions import Promotions
from promopilot.experiments.tables.schema import CURRENCY

NAMES = {
    Platform.GOOGLE_ADS: "Google Ads",
    Platform.META_ADS: "Meta Ads",
    Platform.CRITEO: "Criteo",
    Platform.GENERIC: "a table of your own",
}


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
            headers = " or ".join(repr(header) for header in mapping.columns[field])
            said[f"performance.{field}"] = f"data: column {headers}{micros}{empty}"
    written = {f"{name}.{column}" for name, table in tables.items() for column in table.columns}
    kept = {name: text for name, text in said.items() if name == "about" or name in written}
    return kept | ({CURRENCY: mapping.currency} if mapping.currency else {})


def derived(mapping: Mapping, tables: Table[str, pd.DataFrame]) -> dict[str, str]:
    """Columns that the export does not have, by "table.column", and how each was told."""
    supply = mapping.supply
    discount = mapping.discount.pattern if mapping.discount is not None else ""
    said = {
        "promotions.discount": f"estimate: the first number in the text that fits {discount!r}",
        "placements.cpm": "estimate: 1000 x spend / impressions over all days",
        "placements.cpc": "estimate: spend / clicks over all days, where clicks are what is paid",
        "placements.daily_supply": f"estimate: {supply.headroom:g} (assumption: supply.headroom) x "
        f"the {supply.quantile:g} quantile of the days' impressions",
        "segments.size": "estimate: the most people that one row reached: there are at least these",
    }
    return {
        name: text
        for name, text in said.items()
        if name.partition(".")[2] in tables[name.partition(".")[0]].columns
    }


def _of_rule(rule: Rule | None, mapping: Mapping) -> str:
    if rule is None or (not rule.fields and rule.constant is None):
        return "assumption: all, because the mapping names no column for it"
    if rule.constant is not None:
        return f"assumption: {rule.constant!r}, as the mapping says"
    headers = [" or ".join(map(repr, mapping.columns.get(f, (f,)))) for f in rule.fields]
    return f"data: column {' and '.join(headers)}"


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
