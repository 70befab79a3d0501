"""Values of several sides with their differences to the first, as cells."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.compared_figures import figure
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import Numbers

COLORS = ("before", "accent", "c2", "c3", "c4", "c5")  # of the sides


def heads(document: dict[str, Any]) -> list[str]:
    """What stands above `cells`."""
    first, *others = document["sides"]
    found = [first]
    for name in others:
        gap = tr("Difference of {}").format(name) if len(others) > 1 else tr("Difference")
        found += [name, gap]
    return found


def cells(at: int, row: dict[str, Any], numbers: Numbers) -> list[Cell]:
    """Values of the sides with their differences, in the order of `heads`."""
    key, measure = f"compare:rows.{at}", row["measure"]
    found = [figure(f"{key}.values.0", row["values"][0], measure, numbers)]
    for side, gap in enumerate(row["differences"]):
        value = row["values"][side + 1]
        found.append(figure(f"{key}.values.{side + 1}", value, measure, numbers))
        found.append(figure(f"{key}.differences.{side}", gap, measure, numbers, sign=True))
    return found


def rows_of(document: dict[str, Any], level: str, measure: str) -> list[tuple[int, dict[str, Any]]]:
    """Rows of a level and measure with their places in the document."""
    return [
        (at, row)
        for at, row in enumerate(document["rows"])
        if (row["level"], row["measure"]) == (level, measure)
    ]
