"""Everything a flight is played in: what can be funded, its rates, supply, prices and budget."""

import json
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.errors import MarketError
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.settings import MarketSettings

_ARRAYS, _NAMES = "world.safetensors", "world.json"


@dataclass(frozen=True)
class World:
    """One flight's market before anything is drawn.

    Raises:
        MarketError: A value breaks its rule (budget, supply, cost, reach or size not positive).
    """

    catalog: Catalog
    rates: Rates
    settings: MarketSettings
    start: date  # first day of the flight
    budget: float  # media money for the whole flight
    supply: Floats  # [D, Q] expected impressions a day that a pool's promotions share
    supply_sd: Floats  # [Q] sd of a pool's log supply around that
    unit_cost: Floats  # [L] mean cost of a first impression
    reach_share: Floats  # [L] share of the pool a line item can reach, 0-1
    segment_size: Floats  # [S] people
    live: Bools  # [D, L] whether a line item may be funded
    max_spend: Floats  # [L] most that may be spent a day; inf where free
    current_spend: Floats  # [D, L] what today's mix would spend
    initial_fatigue: Floats  # [P * S] recent exposures per person when the flight starts
    # [P * S] mean of the fatigue factor while the rates were learnt: rates are those of audiences
    # that were already this tired.
    usual_fatigue_factor: Floats
    per_day_max: float = float("inf")
    objective: str = "net_profit"
    currency: str = "USD"

    def __post_init__(self) -> None:
        self.catalog.worth(self.objective)
        if not (np.isfinite(self.budget) and self.budget > 0):
            raise MarketError(f"The budget is {self.budget}; it must be a number above 0.")
        for name in ("unit_cost", "segment_size"):
            _require(name, getattr(self, name) > 0, getattr(self, name), "above 0")
        share = self.reach_share
        _require("reach_share", (share > 0) & (share <= 1), share, "above 0 and at most 1")
        usual = self.usual_fatigue_factor
        _require("usual_fatigue_factor", (usual > 0) & (usual <= 1), usual, "above 0, at most 1")
        for name in ("supply", "supply_sd", "max_spend", "current_spend", "initial_fatigue"):
            _require(name, getattr(self, name) >= 0, getattr(self, name), "at least 0")
        shapes = {
            "supply": (self.days, len(self.catalog.pools)),
            "live": (self.days, self.catalog.num_line_items),
            "current_spend": (self.days, self.catalog.num_line_items),
            "unit_cost": (self.catalog.num_line_items,),
            "reach_share": (self.catalog.num_line_items,),
            "max_spend": (self.catalog.num_line_items,),
            "segment_size": (len(self.catalog.segment_ids),),
            "initial_fatigue": (self.catalog.by_audience.size,),
            "usual_fatigue_factor": (self.catalog.by_audience.size,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise MarketError(f"{name} has shape {getattr(self, name).shape}, not {shape}.")
        if self.rates.first.shape != shapes["live"]:
            raise MarketError(f"Rates have shape {self.rates.first.shape}, not {shapes['live']}.")

    @property
    def days(self) -> int:
        """D, the length of the flight."""
        return len(self.supply)

    @property
    def dates(self) -> list[date]:
        """The flight's days in order."""
        return [self.start + timedelta(days=day) for day in range(self.days)]

    @property
    def current_mix(self) -> Floats:
        """[D, L] `current_spend`, scaled down where it exceeds a limit or the budget."""
        spend = np.minimum(self.current_spend, self.max_spend) * self.live
        by_day = spend.sum(axis=1, keepdims=True)
        spend = spend * np.minimum(1.0, self.per_day_max / np.maximum(by_day, 1e-300))
        return np.asarray(spend * min(1.0, self.budget / max(float(spend.sum()), 1e-300)))

    def with_budget(self, budget: float) -> "World":
        """The same world with another budget for the flight."""
        return replace(self, budget=budget)


def _require(name: str, good: Bools, values: Floats, rule: str) -> None:
    if not good.all():
        raise MarketError(f"{name} holds {values[~good][0]}; every value must be {rule}.")


def save_world(world: World, folder: Path) -> None:
    """Write `world.safetensors` (arrays) and `world.json` (names and numbers) into `folder`."""
    arrays: dict[str, np.ndarray] = {}
    names: dict[str, Any] = {}
    parts: dict[str, World | Catalog | Rates | Stage] = {
        "": world,
        "catalog.": world.catalog,
        "rates.": world.rates,
        "rates.first_stage.": world.rates.first_stage,
        "rates.second_stage.": world.rates.second_stage,
    }
    for prefix, part in parts.items():
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                arrays[prefix + field.name] = np.ascontiguousarray(value)
            elif not isinstance(value, Catalog | Rates | Stage | MarketSettings):
                names[prefix + field.name] = value
    names["settings"] = world.settings.model_dump()
    names["start"] = world.start.isoformat()
    names["per_day_max"] = None if np.isinf(world.per_day_max) else world.per_day_max
    save_file(arrays, folder / _ARRAYS)
    (folder / _NAMES).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def load_world(folder: Path) -> World:
    """Read what `save_world` wrote.

    Raises:
        MarketError: A file is missing, truncated or lacks a part.
    """
    for name in (_ARRAYS, _NAMES):
        if not (folder / name).is_file():
            raise MarketError(f"{folder} holds no market: {name} is missing.")
    try:
        arrays = load_file(folder / _ARRAYS)
        names = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        values: dict[str, Any] = {**names, **arrays}
        limit = values.pop("per_day_max")
        catalog = Catalog(**_part(values, "catalog.", tuples=True))
        rates = Rates(
            Stage(**_part(values, "rates.first_stage.")),
            Stage(**_part(values, "rates.second_stage.")),
            has_clicks=values["rates.has_clicks"],
        )
        top = {key: value for key, value in values.items() if "." not in key}
        top |= {
            "settings": MarketSettings(**names["settings"]),
            "start": date.fromisoformat(names["start"]),
            "per_day_max": float("inf") if limit is None else limit,
        }
        return World(catalog=catalog, rates=rates, **top)
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise MarketError(f"The market in {folder} cannot be read: {error}.") from error


def _part(values: dict[str, Any], prefix: str, *, tuples: bool = False) -> dict[str, Any]:
    part = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
    if tuples:
        part = {key: tuple(v) if isinstance(v, list) else v for key, v in part.items()}
    return part
