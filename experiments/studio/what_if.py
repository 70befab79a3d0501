"""The plan for a set of wishes, and what it is expected to bring, quickly.

Expectations are those of one flight with every draw at its mean: close to a plan's own, which come
from many flights, and made in well under a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.world import World
from promopilot.experiments.config import load_config
from promopilot.experiments.config_yaml import read_yaml, yaml_text
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.of_run import COPY, unlimited_world
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.asked import read_items
from promopilot.experiments.plan.reference import Table, reference_table
from promopilot.experiments.plan.whole_cents import mix_in_cents
from promopilot.experiments.report.language import Language
from promopilot.experiments.scenarios.planner import Planner, open_planner
from promopilot.experiments.scenarios.totals import Totals, expected
from promopilot.experiments.studio.wishes import Wishes, standing

SCALES = np.linspace(0.0, 2.0, 41)  # of planned money, where a promotion's curve is drawn


@dataclass(frozen=True)
class Shop:
    """A finished run, opened to play with."""

    planner: Planner
    items: pd.DataFrame  # L rows of `market/line_items.csv`
    unlimited: World  # the market without the run's limits
    own: Mapping[str, Any]  # what the run's limits.yaml says; empty where it has none
    language: Language = "en"  # of the page: that of the run's report

    @property
    def world(self) -> World:
        """The run's market, its budget and limits."""
        return self.planner.world

    @property
    def start(self) -> Wishes:
        """The run's own budget and limits, as far as they can be moved."""
        return standing(self.own, self.world.budget, self.world.catalog.promotion_ids)[0]

    @property
    def rest(self) -> Mapping[str, Any]:
        """The run's other limits, which always stay in force."""
        return standing(self.own, self.world.budget, self.world.catalog.promotion_ids)[1]

    @property
    def names(self) -> dict[str, str]:
        """What promotions are called, by id: their name, else the id."""
        called = self.items["name"] if "name" in self.items else self.items["promotion_id"]
        given = dict(zip(self.items["promotion_id"], called, strict=True))
        return {one: given.get(one) or one for one in self.world.catalog.promotion_ids}


@dataclass(frozen=True)
class WhatIf:
    """A plan and what it and the current mix bring."""

    world: World  # as wished
    table: Table
    plan: Totals
    current: Totals

    @property
    def gain(self) -> float:
        """Net profit beyond the current mix's."""
        return self.plan.value("net_profit") - self.current.value("net_profit")

    def both(self, measure: str) -> tuple[float, float]:
        """One measure of `Totals` of the plan and of the current mix."""
        return self.plan.value(measure), self.current.value(measure)

    def by_promotion(self, names: dict[str, str]) -> pd.DataFrame:
        """Money of the flight per promotion: `promotion, current, planned, change, profit`.

        Profit is before media.
        """
        catalog = self.world.catalog
        worth = catalog.profit_per_conversion()[catalog.promotion]
        shown = self._impressions(self.table.spend, slice(None))
        sums = {
            "current": mix_in_cents(self.world) / 100,
            "planned": self.table.spend,
            "profit": shown * self.table.rate * worth,
        }
        frame = pd.DataFrame(
            {name: catalog.by_promotion.sum(values).sum(axis=0) for name, values in sums.items()}
        )
        frame.insert(0, "promotion", [names[one] for one in catalog.promotion_ids])
        frame.insert(3, "change", frame["planned"] - frame["current"])
        return frame

    def by_day(self) -> pd.DataFrame:
        """Money per day: `date, current, planned`."""
        return pd.DataFrame(
            {
                "date": self.world.dates,
                "current": mix_in_cents(self.world).sum(axis=1) / 100,
                "planned": self.table.spend.sum(axis=1),
            }
        )

    def curve(self, promotion: int) -> pd.DataFrame:
        """More or less of one promotion's planned money, all else as planned: `media, profit`.

        At the plan's own prices, rates and reach; profit before media, of the flight. What more
        exposures would tire of it is left out.
        """
        catalog = self.world.catalog
        items = catalog.promotion == promotion
        worth = catalog.profit_per_conversion()[promotion]
        rate = self.table.rate[:, items] * worth
        planned = self.table.spend[:, items]
        profit = [
            float((rate * self._impressions(scale * planned, items)).sum()) for scale in SCALES
        ]
        return pd.DataFrame({"media": SCALES * planned.sum(), "profit": profit})

    def _impressions(self, spend: Floats, items: Bools | slice) -> Floats:
        """What spend on some line items buys at the plan's prices and reach."""
        cost, reach = self.table.unit_cost[:, items], self.table.reach[:, items]
        bought = response.impressions(spend, cost, reach, self.world.dynamics.saturation)
        return np.asarray(bought)


def open_shop(run: Path) -> Shop:
    """Open a finished run.

    Raises:
        RunFolderError: It is no run folder, or has not got as far as a recommendation.
    """
    planner, limits = open_planner(run), run / "market" / COPY
    own = read_yaml(yaml_text(limits, "limits"), str(limits)) if limits.is_file() else {}
    language = load_config(run / "config.yaml").report.language
    return Shop(planner, read_items(run / "market"), unlimited_world(run), own, language)


def what_if(shop: Shop, wishes: Wishes) -> WhatIf:
    """Plan for wishes.

    Raises:
        ConfigError: A wish that no market could keep, such as a least above its most.
        InfeasibleError: Wishes that contradict each other, which the message names.
    """
    planner = shop.planner
    world = limited(shop.unlimited, wishes.limits(shop.rest), tuple(shop.items["basis"]))
    # With a target the plan is that which meets it on the run's test flights, as it is exported.
    world = aimed(world, planner.make, planner.seed, planner.flights)
    table = reference_table(planner.make(world), world)
    current = mix_in_cents(world) / 100  # as plan.csv has it
    return WhatIf(world, table, expected(world, table.spend), expected(world, current))
