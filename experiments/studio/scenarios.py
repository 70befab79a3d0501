"""Scenarios kept in a visit, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from promopilot.experiments.report.language import later, tr
from promopilot.experiments.studio.what_if import WhatIf

# Figures of a scenario, in the order of the page.
BUDGET, MEDIA, PROFIT = later("Budget"), later("Planned media"), later("Net profit")
GAIN, CONVERSIONS, ROAS = later("More than the current mix"), later("Conversions"), "ROAS"


@dataclass(frozen=True)
class Scenario:
    """What a set of wishes came to."""

    figures: Mapping[str, float]  # by the names above
    planned: Mapping[str, float]  # money of the flight by promotion's id

    @classmethod
    def of(cls, found: WhatIf) -> Scenario:
        """The scenario of a plan."""
        catalog = found.world.catalog
        money = catalog.by_promotion.sum(found.table.spend).sum(axis=0)
        return cls(
            {
                BUDGET: found.world.budget,
                MEDIA: found.plan.planned,
                PROFIT: found.plan.value("net_profit"),
                GAIN: found.gain,
                CONVERSIONS: found.plan.value("conversions"),
                ROAS: found.plan.value("roas"),
            },
            dict(zip(catalog.promotion_ids, money.tolist(), strict=True)),
        )


def figures_beside(scenarios: Mapping[str, Scenario]) -> pd.DataFrame:
    """A row per figure and a column per scenario, in the page's language."""
    frame = pd.DataFrame({name: dict(one.figures) for name, one in scenarios.items()}).round(2)
    return frame.rename(index=tr)


def money_beside(scenarios: Mapping[str, Scenario], names: Mapping[str, str]) -> pd.DataFrame:
    """A row per promotion and a column per scenario: planned money, what differs most first."""
    frame = pd.DataFrame({name: dict(one.planned) for name, one in scenarios.items()}).round(2)
    differs = (frame.max(axis=1) - frame.min(axis=1)).sort_values(ascending=False, kind="stable")
    return frame.loc[differs.index].rename(index=names)
