"""What is true of a made-up shop, as files: nothing here is for a pipeline to read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world
from promopilot.experiments.sources.synthetic.history import History, first_rate, second_rate
from promopilot.experiments.sources.synthetic.lift_tests import LiftTest
from promopilot.experiments.sources.synthetic.parameters import parameters
from promopilot.experiments.sources.synthetic.shop import Shop
from promopilot.experiments.sources.synthetic.tables import dates_of, line_items


def write_truth(
    shop: Shop, history: History, tests: list[LiftTest], world: World, folder: Path
) -> None:
    """Write every file of `truth/` but the log.

    Args:
        shop: The truth.
        history: As it was played.
        tests: Lift tests with what they should have found.
        world: The market of the flight.
        folder: An existing folder.
    """
    truth: dict[str, Any] = {
        "seed": shop.seed,
        "settings": shop.settings.model_dump(mode="json"),
        "parameters": parameters(shop),
        "lift_tests": [asdict(test) for test in tests],
    }
    text = json.dumps(truth, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    for name, frame in {
        "promotions": promotions_truth(shop),
        "curves": curves_truth(shop),
        "rates": rates_truth(shop, history),
        "pools": pools_truth(shop, history),
        "fatigue": fatigue_truth(shop, history),
        "books": books_truth(shop, history),
    }.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "world").mkdir()
    save_world(world, folder / "world")


def promotions_truth(shop: Shop) -> pd.DataFrame:
    """What each promotion's text is made of, its effects, and what it causes."""
    catalog, effects = shop.catalog, shop.effects
    columns: dict[str, Any] = {"promotion_id": catalog.promotion_ids}
    for part in ("category", "product", "offer", "discount", "urgency", "tone"):
        columns[part] = [getattr(copy, part) for copy in shop.copies]
    for stage, added in effects.text.items():
        columns[f"{stage}_text"] = added
        columns[f"{stage}_own"] = effects.own_promotion[stage]
    return pd.DataFrame(
        columns
        | {
            "incrementality": catalog.incrementality,
            "stock_at_start": np.where(np.isinf(catalog.stock), np.nan, catalog.stock),
        }
    )


def curves_truth(shop: Shop) -> pd.DataFrame:
    """How spend becomes impressions, per line item, at mean price on a middling day."""
    items = np.arange(shop.catalog.num_line_items)
    saturation = shop.dynamics.saturation
    return pd.DataFrame(
        line_items(shop, items)
        | {
            "reach": shop.reach,
            "reach_share": shop.reach_share,
            "unit_cost": shop.unit_cost,
            "usual_spend": shop.usual_spend,
            **{f"{s}_own": values for s, values in shop.effects.own_item.items()},
        }
    ).assign(family=saturation.family, slope=saturation.slope)


def rates_truth(shop: Shop, history: History) -> pd.DataFrame:
    """Rates and log-odds per line item and date before fatigue, in history and flight.

    Those of the flight are without what moves on the way: walk, drift and shocks as they ended.
    """
    total, settings = len(shop.pools.supply), shop.settings
    ahead = np.broadcast_to(history.shift[-1], (settings.flight_days, history.shift.shape[1]))
    shift = np.concatenate([history.shift, ahead])
    first = first_rate(shop, slice(total), shift)
    second = np.broadcast_to(second_rate(shop), first.shape)
    rates = {"ctr": first, "cvr": second} if settings.clicks else {"ctcvr": first}
    columns: dict[str, Floats] = {}
    for name, rate in rates.items():
        columns[name] = rate.ravel()
        columns[f"{name}_log_odds"] = logit(rate).ravel()
    if settings.clicks:
        columns["ctcvr"] = (first * second).ravel()
    return _by_day(shop, total, shop.catalog.num_line_items, columns)


def pools_truth(shop: Shop, history: History) -> pd.DataFrame:
    """Supply, expected and real, and price per pool and day of the history."""
    catalog, days = shop.catalog, shop.settings.days
    placement, segment = np.tile(catalog.pools, (days, 1)).T
    return pd.DataFrame(
        {
            "date": dates_of(shop, np.repeat(np.arange(days), len(catalog.pools))),
            "placement_id": np.array(catalog.placement_ids, dtype=object)[placement],
            "segment_id": np.array(catalog.segment_ids, dtype=object)[segment],
            "expected_supply": shop.pools.supply[:days].ravel(),
            "supply": history.supply.ravel(),
            "price_factor": history.price_factor[:, catalog.pools[:, 0]].ravel(),
        }
    )


def fatigue_truth(shop: Shop, history: History) -> pd.DataFrame:
    """Recent exposures per person before each day and on the flight's first, and their factor."""
    catalog, days = shop.catalog, len(history.fatigue)
    promotion, segment = np.divmod(np.arange(catalog.by_audience.size), len(catalog.segment_ids))
    recent = history.fatigue
    return pd.DataFrame(
        {
            "date": dates_of(shop, np.repeat(np.arange(days), recent.shape[1])),
            "promotion_id": np.tile(np.array(catalog.promotion_ids, dtype=object)[promotion], days),
            "segment_id": np.tile(np.array(catalog.segment_ids, dtype=object)[segment], days),
            "recent_exposures": recent.ravel(),
            "factor": ((1 + recent) ** -shop.dynamics.fatigue_exponent).ravel(),
        }
    )


def books_truth(shop: Shop, history: History) -> pd.DataFrame:
    """What the market booked per day and line item that was funded: as asked, and to the end."""
    day, item = np.nonzero(history.asked > 0)
    names = ("asked", "spend", "impressions", "clicks", "conversions", "lost")
    kept = [name for name in names if name != "clicks" or shop.settings.clicks]
    columns = {name: getattr(history, name)[day, item] for name in kept}
    return pd.DataFrame({"date": dates_of(shop, day), **line_items(shop, item), **columns})


def _by_day(shop: Shop, days: int, items: int, columns: dict[str, Floats]) -> pd.DataFrame:
    day, item = np.divmod(np.arange(days * items), items)
    return pd.DataFrame({"date": dates_of(shop, day), **line_items(shop, item), **columns})
