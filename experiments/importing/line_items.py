"""What each row is of: its promotion, placement and segment, by the mapping's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.ids import Coded, IntArray, as_id, coded, constant, joined
from promopilot.experiments.importing.mapping import Mapping, Rule
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.tables.rules import RESERVED
from promopilot.experiments.tables.schema import ALL

UNKNOWN = "unknown"  # the placement or segment of rows that name none where others do


@dataclass(frozen=True)
class LineItems:
    """The ids of n rows."""

    promotion: Coded
    placement: Coded
    segment: Coded

    @property
    def number(self) -> IntArray:
        """[n] one number per line item."""
        within = self.promotion.codes * len(self.placement.names) + self.placement.codes
        return within * len(self.segment.names) + self.segment.codes


def line_items(rows: Rows, mapping: Mapping, files: str) -> LineItems:
    """The line item of each row.

    Args:
        rows: n rows.
        mapping: Complete.
        files: Their names, for messages.

    Raises:
        DataError: Rows without a promotion, or a promotion whose name a run's own files use.
    """
    promotion = by_rule(mapping.promotion or Rule(), rows)
    nameless = int((promotion.codes < 0).sum())
    if nameless:
        fields = ", ".join((mapping.promotion or Rule()).fields)
        mend = "fill it, or name other columns"
        rule = f"is empty in {nameless} rows with impressions, so that they have no promotion"
        raise DataError([Problem(files, None, fields, None, rule, mend)])
    for name in promotion.names:
        if name in RESERVED:
            rule = f"must not be {' or '.join(RESERVED)}, which a run's own files use"
            raise DataError([Problem(files, None, "promotion", name, rule, "rename it")])
    placement, segment = (
        _filled(by_rule(rule or Rule(), rows), len(rows.date))
        for rule in (mapping.placement, mapping.segment)
    )
    return LineItems(promotion, placement, segment)


def by_rule(rule: Rule, rows: Rows, join: Callable[[Sequence[str]], str] = as_id) -> Coded:
    """What a rule makes of each row; nothing where it names nothing, or its cells are empty."""
    count = len(rows.date)
    if rule.constant is not None:
        return constant(rule.constant, count)
    if not rule.fields:
        return Coded(np.full(count, -1, dtype=np.int64), ())
    parts = [coded(rows.texts[name]) for name in rule.fields]
    return parts[0] if len(parts) == 1 else joined(parts, join)


def _filled(ids: Coded, count: int) -> Coded:
    """With an id in every row: `all` where there is none at all, else `unknown` for the rest."""
    if not ids.names:
        return constant(ALL, count)
    missing = ids.codes < 0
    if not missing.any():
        return ids
    names = ids.names if UNKNOWN in ids.names else (*ids.names, UNKNOWN)
    return Coded(np.where(missing, names.index(UNKNOWN), ids.codes), names)
