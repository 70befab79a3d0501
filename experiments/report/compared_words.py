"""What comparisons call their measures, and sentences that page and command tell alike."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import bare

NAMES = {
    "planned_budget": later("planned spend"),
    "expected_impressions": later("exposures"),
    "expected_clicks": later("clicks"),
    "expected_conversions": later("orders"),
    "expected_conversion_value": later("revenue"),
    "expected_subsidy": later("discounts"),
    "expected_profit": later("profit before media"),
    "expected_net_profit": later("profit less planned spend"),
    "expected_roas": "ROAS",
    "expected_poas": "POAS",
    "expected_cpa": "CPA",
    "spend": later("spend"),
    "conversions": later("orders"),
    "conversion_value": later("revenue"),
    "profit": later("profit before media"),
}


def measure(name: str) -> str:
    """Plain name of a measure."""
    return tr(NAMES[name])


def outside_texts(document: dict[str, Any]) -> list[str]:
    """A sentence for each promotion whose orders, or else profit, left the range.

    Args:
        document: What `promopilot.experiments.comparing.document.held_against` returns.
    """
    found = []
    for row in document["rows"][:-1]:
        name = next((name for name in ("conversions", "profit") if "outside" in row[name]), None)
        if name is None:
            continue
        cell, key = row[name], row["promotion_id"]
        texts = {
            "below": tr("{}: {} {}, below the {} to {} of 8 in 10 flights."),
            "above": tr("{}: {} {}, above the {} to {} of 8 in 10 flights."),
        }
        found.append(
            texts[cell["outside"]].format(
                document["names"].get(key, key),
                measure(name),
                *(bare(cell[part], 0) for part in ("actual", "low", "high")),
            )
        )
    return found


def nothing_outside() -> str:
    """Where no promotion did."""
    return tr("No promotion left the range that was foreseen for it.")
