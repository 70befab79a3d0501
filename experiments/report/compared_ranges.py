"""Orders of a plan against their range."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.compared_figures import figure
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, Numbers, bare
from promopilot.experiments.report.range_chart import Against, range_chart
from promopilot.experiments.report.section import Section

_MOST_ROWS = 20  # promotions drawn: those with most planned money


def range_cell(key: str, name: str, cell: dict[str, Any], numbers: Numbers) -> Cell:
    """The range of one figure, and on which side of it what happened lies.

    Args:
        key: Place of the figure.
        name: Its measure.
        cell: Its row's part, as `beside_plan` makes it.
        numbers: Of the page's currency.
    """
    if "low" not in cell:
        return NONE
    text = Markup(tr("{} to {}")).format(
        *(figure(f"{key}.{end}", cell[end], name, numbers) for end in ("low", "high"))
    )
    if "outside" not in cell:
        return text
    side = {"below": tr("below it"), "above": tr("above it")}[cell["outside"]]
    return text + Markup(" <small>{}</small>").format(side)


def ranges_sections(document: dict[str, Any]) -> list[Section]:
    """Orders as shares of what was due; no section where there are no ranges."""
    rows = [row for row in document["rows"][:-1] if _ranged(row["conversions"])]
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: -row["spend"]["planned"])[:_MOST_ROWS]
    drawn = [_against(row, document["names"]) for row in rows]
    out = sum(not row.inside for row in drawn)
    note = Markup(
        tr(
            "Bars: 8 of 10 simulated flights of the plan on these days, as far as orders can have "
            "come in. Dots: what happened. Outside lie {} of {}; by chance alone about 2 of 10 "
            "would."
        )
    ).format(bare(out, 0), bare(len(drawn), 0))
    title = tr("Orders as a share of what was due")
    chart = range_chart("compared-ranges", title, drawn, note)
    heading = tr("Orders against their range")
    return [Section("ranges", heading, "compared.html", {"charts": [chart], "rows": []})]


def _ranged(cell: dict[str, Any]) -> bool:
    return "low" in cell and cell["due"] > 0 and cell["actual"] is not None


def _against(row: dict[str, Any], names: dict[str, str]) -> Against:
    cell, key = row["conversions"], row["promotion_id"]
    text = tr("{} came, {} to {} foreseen").format(
        *(bare(cell[part], 0) for part in ("actual", "low", "high"))
    )
    inside = "outside" not in cell
    return Against(
        names.get(key, key), cell["actual"], cell["due"], cell["low"], cell["high"], inside, text
    )
