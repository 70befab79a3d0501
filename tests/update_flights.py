"""A flight of the market written down as an analyst's exports would have it, morning by morning."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import Result
from typer.testing import CliRunner

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.line_items import line_items
from promopilot.experiments.plan.export import make_plan, write_plan
from promopilot.experiments.run_folder import RunFolder


@dataclass(frozen=True)
class Flight:
    """What a policy did in one flight, and what was seen of it each morning."""

    world: World
    asked: list[Floats]  # [L] by day, after limits
    outcomes: list[DayOutcome]
    seen: list[Floats]  # [t + 1, L] conversions of each day so far, as the next morning shows them
    prices: list[Floats]  # [K] factor of each morning

    def export(self, day: int, *, only_new: bool = False) -> pd.DataFrame:
        """Rows of `performance` as exported on the morning after `day`, line items shown alone."""
        items, parts = line_items(self.world).to_frame(index=False), []
        for at in range(day + 1):
            outcome = self.outcomes[at]
            rows = items.assign(
                date=self.world.dates[at].isoformat(),
                impressions=outcome.impressions[0].astype(int),
                clicks=outcome.clicks[0].astype(int),
                conversions=self.seen[day][at].astype(int),
                spend=outcome.spend[0],
                as_of=(self.world.dates[day] + timedelta(days=1)).isoformat(),
            )
            if not self.world.rates.has_clicks:
                rows = rows.drop(columns="clicks")
            before = self.seen[day - 1][at] if only_new and at < day else None
            shown = rows["impressions"] > 0
            parts.append(rows[shown if before is None else shown & (before != self.seen[day][at])])
        return pd.concat(parts, ignore_index=True)

    def cpm(self, day: int) -> pd.DataFrame:
        """That morning's prices of a thousand first impressions."""
        catalog = self.world.catalog
        cost = np.ones(len(catalog.placement_ids))
        cost[catalog.placement] = self.world.unit_cost
        return pd.DataFrame(
            {
                "date": self.world.dates[day].isoformat(),
                "placement_id": catalog.placement_ids,
                "cpm": 1000 * cost * self.prices[day],
            }
        )


def fly(world: World, policy: Policy, seed: int) -> Flight:
    """Play a flight, and tell the conversions seen each morning by the day of their impression.

    The market keeps pools, and does not say which day the conversions belong to that a morning
    shows: that is drawn here, among what is pending of each day.
    """
    market = Market(world)
    market.reset(seed, np.zeros(1, dtype=np.int64))
    rng = np.random.default_rng(seed)
    flight = Flight(world, [], [], [], [])
    pending: list[Floats] = []
    while not market.done:
        flight.prices.append(market.exogenous.price_factor[0, market.day].copy())
        outcome = market.step(policy.spend(market))
        flight.asked.append(outcome.asked[0])
        flight.outcomes.append(outcome)
        pending.append(outcome.conversions[0].astype(int))
        before = flight.seen[-1] if flight.seen else np.zeros((0, len(pending[0])))
        now = np.concatenate([before, np.zeros((1, len(pending[0])))])
        for item, count in enumerate(outcome.observed[0].astype(int)):
            waiting = np.array([day[item] for day in pending])
            shown = rng.multivariate_hypergeometric(waiting, count)
            now[:, item] += shown
            for day, number in zip(pending, shown, strict=True):
                day[item] -= number
        flight.seen.append(now)
    return flight


def small_run(path: Path, world: World, policy: Policy) -> Path:
    """A run folder as far as an update needs one: tables of ids, market, recommendation, plan."""
    flight = {"start": world.start.isoformat(), "days": world.days}
    folder = RunFolder.open(
        path, make_config({"data": {"build": "complete-journey"}, "flight": flight})
    )
    catalog, items = world.catalog, line_items(world).to_frame(index=False)
    with folder.stage("data") as work:
        (work / "data").mkdir()
        for table in ("promotion", "placement", "segment"):
            ids = [*getattr(catalog, f"{table}_ids"), f"{table}-of-another-plan"]
            rows = pd.DataFrame({f"{table}_id": ids, "text": [f"Text of {i}" for i in ids]})
            rows.to_csv(work / "data" / f"{table}s.csv", index=False)
    with folder.stage("market") as work:
        (work / "market").mkdir()
        save_world(world, work / "market")
        items.assign(name=items["promotion_id"], basis="data").to_csv(
            work / "market" / "line_items.csv", index=False
        )
    with folder.stage("simulate") as work:
        known = {"recommended": policy.name, "flights_test": 4}
        (work / "simulations.json").write_text(json.dumps(known), encoding="utf-8")
    with folder.stage("plan") as work:
        plan = make_plan(policy, world, items.assign(basis="data"), seed=1, flights=4)
        write_plan(plan, world, work / "plan.csv")
    return path


def updated(run: Path, rows: pd.DataFrame | bytes, *more: str, name: str = "export.csv") -> Result:
    """`promopilot update` of a run with rows, or the bytes of a file, that lie beside it."""
    file = run.parent / name
    file.write_bytes(rows if isinstance(rows, bytes) else rows.to_csv(index=False).encode())
    return CliRunner().invoke(app, ["update", str(run), "--actuals", str(file), *more])


def told(run: Path, rows: pd.DataFrame, *more: str) -> dict[str, Any]:
    """What an update that ends well says as JSON."""
    result = updated(run, rows, "--json", *more)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found
