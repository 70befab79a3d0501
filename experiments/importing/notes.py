"""What a person should know of an import: what was moved, left empty, rounded or is not told."""

from __future__ import annotations

import numpy as np

from promopilot.experiments.importing.joined_text import TextsById
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.performance import Performance
from promopilot.experiments.importing.promotions import Promotions
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.tables.readings import count_earlier


def notes_of(
    rows: Rows,
    performance: Performance,
    promotions: Promotions,
    texts: TextsById | None,
    mapping: Mapping,
) -> list[str]:
    """A sentence each, what weighs most in a plan first."""
    return [
        *_of_money(rows, mapping),
        *rows.notes,
        *_of_counts(performance),
        *_of_promotions(promotions, texts, mapping),
        *_of_readings(performance),
        *_not_told(rows),
    ]


def _of_money(rows: Rows, mapping: Mapping) -> list[str]:
    notes = []
    if "spend" not in rows.measures:
        notes.append(
            "no column tells what was paid: today's budget and every price of a plan would be "
            "guesses (the config's assumptions.cpm); export the cost as well, or name its column "
            "with `columns: {spend: …}` in a mapping"
        )
    if mapping.currency is None:
        notes.append("no currency is told; say `currency:` in a mapping and in the config")
    return notes


def _of_counts(performance: Performance) -> list[str]:
    notes = []
    for name, count in performance.moved.items():
        above = "impressions" if name == "clicks" else "clicks or impressions"
        notes.append(
            f"{name} that stood on days with fewer {above} ({count:,.6g} in all) are counted on "
            "the nearest days of the same line item that have room"
        )
    for name, count in performance.left_out.items():
        more = (
            "more conversions than clicks, or more clicks than impressions,"
            if name == "clicks"
            else "more conversions than impressions"
        )
        notes.append(
            f"{name} of line items that have {more} over all days are left empty ({count:,.6g} in "
            "all)"
        )
    if performance.rounded:
        whole = performance.frame["conversions"].sum()
        notes.append(
            "conversions that are fractions are made whole so that every running sum of a line "
            f"item stays within one (rows: {performance.rounded:,}; "
            f"{performance.unrounded:,.2f} in all became {whole:,.0f})"
        )
    return notes


def _of_promotions(promotions: Promotions, texts: TextsById | None, mapping: Mapping) -> list[str]:
    notes = []
    if promotions.nameless:
        notes.append(
            f"{promotions.nameless:,} of {len(promotions.frame):,} promotions have no text of an "
            "ad; their name stands for it"
        )
    if promotions.several_texts:
        notes.append(
            f"{promotions.several_texts:,} promotions have several texts; the most shown one counts"
        )
    if promotions.several_campaigns:
        notes.append(
            f"{promotions.several_campaigns:,} promotions run in several campaigns; their "
            "campaign_id is left empty"
        )
    if texts is not None and texts.others:
        by = mapping.texts.by if mapping.texts is not None else ""
        notes.append(
            f"{texts.export.file}: {texts.others:,} rows have another text of a {by} that has one; "
            "the first one counts"
        )
    return notes


def _of_readings(performance: Performance) -> list[str]:
    frame = performance.frame
    ids = frame.rename(columns={c: f"{c}_id" for c in ("promotion", "placement", "segment")})
    earlier = count_earlier(ids)
    said = f"{earlier:,} rows are earlier readings; the latest one of each day counts"
    return [said] if earlier else []


def _not_told(rows: Rows) -> list[str]:
    notes = []
    if rows.reach is None:
        notes.append("sizes of audiences are not told; the config's assumptions.segment_size holds")
    for name, values in rows.measures.items():
        if missing := int(np.isnan(values).sum()):
            notes.append(
                f"{name} is empty in some rows ({missing:,}); it counts as unknown there, not as 0"
            )
    return notes
