"""What runs predict for their plans on the same flights, in sentences."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import Numbers, bare, marked
from promopilot.experiments.report.said import said


def paired(found: dict[str, Any], numbers: Numbers) -> Markup:
    """Differences flight by flight, or why there are none.

    Args:
        found: What `promopilot.experiments.comparing.paired.paired` returns.
        numbers: Of the page's currency.
    """
    if "why_not" in found:
        return Markup(
            tr(
                "The predictions are not compared flight by flight: {}. Differences of the totals "
                "then hold the luck of either's simulated flights too."
            )
        ).format(said(found["why_not"]))
    texts = [_difference(found, name, row, numbers) for name, row in found["differences"].items()]
    return Markup(tr(" ")).join(texts)


def _difference(found: dict[str, Any], name: str, row: dict[str, Any], numbers: Numbers) -> Markup:
    key, goal = f"compare:paired.differences.{name}", found["objective"]
    low, high = row["ci95"]
    clear = low > 0 or high < 0
    text = tr(
        "On the same {} simulated flights {} brings {} {} against {} (95 % interval {} to {})."
    )
    open_ = tr(
        "On the same {} simulated flights {} brings {} {} against {} (95 % interval {} to {}): "
        "that may be nothing."
    )
    return Markup(text if clear else open_).format(
        numbers.count("compare:paired.flights", found["flights"]),
        name,
        _signed(f"{key}.mean", row["mean"], numbers, goal),
        words.objective(goal),
        row["to"],
        _signed(f"{key}.ci95.0", low, numbers, goal),
        _signed(f"{key}.ci95.1", high, numbers, goal),
    )


def _signed(key: str, value: float, numbers: Numbers, goal: str) -> Markup:
    if goal == "conversions":
        return marked(key, value, bare(value, 0, sign=True))
    return numbers.money(key, value, sign=True, cents=False)
