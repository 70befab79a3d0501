"""What became of each column of a file."""

from __future__ import annotations

from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.headers import is_ratio
from promopilot.experiments.importing.mapping import MEASURES, SHARE, Mapping, rules_of

_WHY = {
    "reach": "no row says how many people it reached",
    "budget": "it is no performance: import it with --kind budgets",
    "budget_type": "it is no performance: import it with --kind budgets",
    "date_end": "each row is of one day",
    "device": "rows are added up over devices, unless a rule names device",
    "network": "rows are added up over networks, unless a rule names network",
}


def column_fates(columns: FileColumns, mapping: Mapping, sized: bool) -> list[dict[str, str]]:
    """What each column of a file became.

    Args:
        columns: Those of the file.
        mapping: Complete.
        sized: Whether reach tells sizes of segments.
    """
    used = {name for rule in rules_of(mapping) for name in rule.fields}
    taken = {"date", "as_of", "currency", *MEASURES, SHARE, *used}
    taken |= {"reach"} if sized else set()
    field_of = {header: field for field, header in columns.fields.items()}
    fates = []
    for header in columns.headers:
        field = field_of.get(header)
        if field in taken:
            fate, text = "used", f"used as {field}"
            text += " (in millionths)" if field in columns.micros else ""
        elif header in used:
            fate, text = "used", "used by a rule of the mapping"
        elif header in columns.instead:
            other = columns.instead[header]
            fate, text = "dropped", f"dropped, {columns.fields[other]!r} is taken as {other}"
        elif field is None and is_ratio(header):
            fate, text = "dropped", "dropped, rates and shares are not needed"
        elif field is None:
            fate, text = "unknown", "left out, not known on this platform"
        else:
            fate, text = "dropped", f"dropped, {_WHY.get(field, f'no rule uses {field}')}"
        fates.append({"file": columns.file, "column": header, "became": fate, "text": text})
    return fates
