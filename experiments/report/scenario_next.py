"""What a page calls the next unit of money: of media, or of a budget that pays for discounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promopilot.experiments.report.language import tr


@dataclass(frozen=True)
class Next:
    """Which figure of scenarios.json is shown, and the words for it."""

    figure: str
    breaks_even: float  # where more money brings what it costs
    heading: str
    title: str
    note: str


def next_of(document: dict[str, Any], one: str) -> Next:
    """Per unit of media, or of budget where most of more budget goes to discounts.

    Args:
        document: The content of `scenarios.json`.
        one: A unit of money, as it is shown.
    """
    if "subsidy" in document["covers"]:
        return Next(
            figure="marginal_net_profit",
            breaks_even=0.0,
            heading=tr("Next {} of budget brings").format(one),
            title=tr("What the next {} of budget brings").format(one),
            note=tr(
                "Profit after media of the next {} of budget, which pays for media and discounts. "
                "Above the dotted line, at 0, it brings more than its media costs."
            ).format(one),
        )
    return Next(
        figure="marginal_poas",
        breaks_even=1.0,
        heading=tr("Next {} brings").format(one),
        title=tr("What the next {} of media brings").format(one),
        note=tr(
            "Profit before media of the next {} of media that a larger budget plans. Above the "
            "dotted line it brings more than it costs."
        ).format(one),
    )
