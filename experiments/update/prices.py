"""Prices that what was paid shows, and prices that an analyst sees this morning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import mean_draw
from promopilot.envs.state import expected_reach_share
from promopilot.envs.world import World
from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.tables.files import read_file
from promopilot.experiments.tables.ids import check_ids
from promopilot.experiments.tables.parse import parse
from promopilot.experiments.tables.schema import Kind, Table
from promopilot.experiments.update.days import Happened

# The price of a first impression cannot be told from a line item that bought nearly all in reach.
_MOST_SHARE = 0.9
# Below this persistence yesterday's price says nothing of today's.
_LEAST_PERSISTENCE = 0.05
_PRICES = Table(
    "prices", required={"date": Kind.DATE, "placement_id": Kind.ID, "cpm": Kind.SIZE}, optional={}
)


@dataclass(frozen=True)
class Paid:
    """What T days of K placements cost, against their mean prices."""

    spend: Floats  # [T, L] money; estimated where none was recorded
    estimated: bool  # whether any of it is
    log_factor: Floats  # [T, K] log of the price over the placement's mean; NaN where unknown
    noise: Floats  # [T, K] sd of that which the day's unknown supply leaves


def paid(world: World, happened: Happened, projection: float) -> Paid:
    """Prices by inverting the reach curves at the supply that was expected.

    A line item with spend x whose impressions n cost C(n) at the mean price has met the price
    x / C(n) times that; a placement's is the mean of the log, weighted by spend. With supply off by
    a small share e, the log is off by e (n C'(n) / C(n) - 1).

    Args:
        world: The run's market.
        happened: What was read.
        projection: Impressions in the business per recorded one.
    """
    catalog, curve = world.catalog, world.dynamics.saturation
    days = happened.days
    reach = expected_reach_share(world) * world.supply[:days, catalog.pool]
    shown, dear = happened.impressions * projection, world.unit_cost
    usual = response.cost(shown, dear, reach, curve)  # money at mean prices
    slope = response.marginal_cost(shown, dear, reach, curve)
    missing = np.isnan(happened.spend)
    spend = np.where(missing, usual, happened.spend)
    tells = ~missing & (happened.spend > 0) & (usual > 0) & (shown < _MOST_SHARE * reach)
    weight = np.where(tells, happened.spend, 0.0)
    at_mean = np.where(tells, usual, 1.0)
    log_cost = np.log(np.where(tells, happened.spend, 1.0) / at_mean)
    lift = np.where(tells, slope * shown / at_mean - 1.0, 0.0)
    of = np.eye(len(catalog.placement_ids))[catalog.placement]  # [L, K]
    whole = weight @ of
    known = whole > 0
    per = np.where(known, whole, 1.0)
    error = np.abs(lift) * _supply_sd(world)[catalog.pool]
    return Paid(
        spend=spend,
        estimated=bool((missing & (happened.impressions > 0)).any()),
        log_factor=np.where(known, (weight * log_cost) @ of / per, np.nan),
        noise=np.where(known, (weight * error) @ of / per, 0.0),
    )


def last_log_price(world: World, paid: Paid) -> Floats:
    """Yesterday's log price over its median `[K]`, NaN where unknown, as `InitialState` has it.

    A price last seen some days ago has since gone back towards the mean.
    """
    dynamics = world.dynamics
    log, age = world.initial.log_price.copy(), np.full(len(dynamics.price_sd), len(paid.spend))
    for day, factors in enumerate(paid.log_factor):
        seen = ~np.isnan(factors)
        log = np.where(seen, factors + dynamics.price_sd**2 / 2, log)
        age = np.where(seen, len(paid.spend) - 1 - day, age)
    return np.asarray(log * dynamics.price_persistence**age)


def price_path(rest: World, today: Floats) -> Floats:
    """Price factors expected from today on `[D, K]`.

    Args:
        rest: The market of the rest of the flight.
        today: Today's factors where they are known `[K]`, else NaN.
    """
    path = mean_draw(rest).price_factor[0]
    given = ~np.isnan(today)
    if given.any():
        log = np.log(np.where(given, today, 1.0)) + rest.dynamics.price_sd**2 / 2
        after = replace(rest, initial=replace(rest.initial, log_price=log))
        later = np.concatenate([today[None], mean_draw(after).price_factor[0][:-1]])
        path = np.where(given, later, path)
    return np.asarray(path)


def implied_yesterday(world: World, log_price: Floats, today: Floats) -> Floats:
    """Yesterday's log prices `[K]` from which today's given ones are what is expected."""
    keep = world.dynamics.price_persistence
    log = np.log(today) + world.dynamics.price_sd**2 / 2
    given = ~np.isnan(today)
    return np.where(given, log / np.where(keep >= _LEAST_PERSISTENCE, keep, 1.0), log_price)


def read_prices(path: Path, world: World, today: date) -> Floats:
    """Today's price factors `[K]` of a file with `date, placement_id, cpm`; NaN where not given.

    `cpm` is what a thousand impressions cost this morning, before a plan's own buying drives it up.

    Raises:
        DataError: A cell breaks its rule, or no row is of the first day that is planned.
    """
    raw, problems = read_file(path)
    if raw is None:
        raise DataError(problems)
    parsed, found = parse(raw, _PRICES)
    problems += found
    if not problems:
        ids = Table("placements", required={}, optional={}, key="placement_id")
        frame = pd.DataFrame({"placement_id": list(world.catalog.placement_ids)})
        problems = check_ids(parsed, replace(parsed, file="placements", frame=frame), ids)
    frame = parsed.frame
    if not problems:
        again = frame.duplicated(["date", "placement_id"]).to_numpy(dtype=bool)
        rule, mend = "must be one row per day and placement", "remove one of them"
        problems = parsed.problems(again, ("date", "placement_id"), rule, mend)
    if problems:
        raise DataError(problems)
    rows = frame[frame["date"] == pd.Timestamp(today)]
    if rows.empty:
        rule = f"must have prices of {today}, the first day that is planned"
        mend = "write that morning's prices, or leave --prices out"
        raise DataError([Problem(path.name, None, "date", None, rule, mend)])
    cpm = rows.set_index("placement_id")["cpm"].reindex(list(world.catalog.placement_ids))
    return np.asarray(cpm.to_numpy(dtype=np.float64) / 1000 / mean_price(world))


def mean_price(world: World) -> Floats:
    """Mean cost of a first impression by placement `[K]`; 1 where nothing can be bought.

    Where prices differ by line item, each counts as the current mix buys it, or all alike.
    """
    placement, size = world.catalog.placement, len(world.catalog.placement_ids)
    bought = world.current_spend.sum(axis=0) / world.unit_cost
    nowhere = np.bincount(placement, bought, size) == 0
    weight = np.where(nowhere[placement], 1.0, bought)
    money, shown = (
        np.bincount(placement, weight * world.unit_cost, size),
        np.bincount(placement, weight, size),
    )
    return np.divide(money, shown, out=np.ones(size), where=shown > 0)


def _supply_sd(world: World) -> Floats:
    """Sd of a pool's log supply on a day `[Q]`, as far as it can be told before."""
    laws = world.dynamics
    shared = laws.supply_day_sd**2 + laws.weekday_sd**2 + laws.supply_walk_sd**2 * world.days
    reach = laws.reach_sd[world.catalog.pools[:, 0]]
    return np.asarray(np.sqrt(laws.supply_sd**2 + laws.supply_level_sd**2 + shared + reach**2))
