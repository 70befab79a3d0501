"""Why planned media falls between two budgets although the larger one allows more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

_SLIGHT = 1e-3  # of planned media: so little is the rounding of cents


def why_falling(document: dict[str, Any]) -> str:
    """`discounts`, `stock` or `limits` for the first fall; "" where there is none.

    Discounts, where the larger plan holds back as much more for them as it plans less. Else stock:
    with more money a promotion sells out on earlier days, when it needs less, and what is left is
    kept. Else limits, which tie days and promotions together.

    Args:
        document: The content of `scenarios.json`.
    """
    for smaller, larger in pairwise(document["scenarios"]):
        less = smaller["planned_budget"] - larger["planned_budget"]
        if less <= _SLIGHT * smaller["planned_budget"]:
            continue
        if larger["held_for_subsidy"] - smaller["held_for_subsidy"] >= less:
            return "discounts"
        return "stock" if document["has_stock"] else "limits"
    return ""
