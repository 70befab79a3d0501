"""What every world must be: shapes that fit and numbers in their range, named where not."""

from __future__ import annotations

from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.errors import MarketError

if TYPE_CHECKING:
    from promopilot.envs.limits import Limits
    from promopilot.envs.world import World

COVERS = (("spend",), ("spend", "subsidy"))
OVERRUNS = ("close", "book")


def check_world(world: World) -> None:
    """Refuse a world that breaks a rule.

    Raises:
        MarketError: The first rule that is broken, with the value.
    """
    world.catalog.worth(world.objective)
    if not isinstance(world.start, date):
        raise MarketError(f"start is {world.start!r}; it must be a date.")
    if world.days < 1:
        raise MarketError("The flight has 0 days; it must have at least 1 day.")
    _check_numbers(world)
    if world.covers not in COVERS:
        raise MarketError(f"The budget covers {world.covers}; it must be one of {COVERS}.")
    if world.overrun not in OVERRUNS:
        raise MarketError(f"overrun is {world.overrun!r}; it must be one of {OVERRUNS}.")
    for name, shape in _shapes(world).items():
        found = np.shape(attrgetter(name)(world))
        if found != shape:
            raise MarketError(f"{name} has shape {found}, not {shape}.")
    if world.limits is not None:
        _check_limits(world.limits, world.catalog.num_line_items, world.days)


def _check_numbers(world: World) -> None:
    if not (np.isfinite(world.budget) and world.budget > 0):
        raise MarketError(f"The budget is {world.budget}; it must be a number above 0.")
    if not world.per_day_max >= 0:
        raise MarketError(f"per_day_max is {world.per_day_max}; it must be at least 0.")
    if not 0 <= world.initial.spent < np.inf:
        raise MarketError(
            f"initial.spent is {world.initial.spent}; it must be a number of at least 0."
        )
    for name in ("unit_cost", "segment_size"):
        values = getattr(world, name)
        _require(name, (values > 0) & np.isfinite(values), values, "a number above 0")
    share, usual = world.reach_share, world.usual_fatigue_factor
    _require("reach_share", (share > 0) & (share <= 1), share, "above 0 and at most 1")
    _require("usual_fatigue_factor", (usual > 0) & (usual <= 1), usual, "above 0, at most 1")
    _require("max_spend", world.max_spend >= 0, world.max_spend, "at least 0")
    for name in ("supply", "current_spend", "recent_roas", "initial.fatigue", "initial.pending"):
        values = attrgetter(name)(world)
        _require(name, (values >= 0) & np.isfinite(values), values, "a number of at least 0")
    last = world.initial.log_price
    _require("initial.log_price", ~np.isinf(last), last, "finite, or not a number if unknown")


def _check_limits(limits: Limits, items: int, days: int) -> None:
    for name in ("min_spend", "locked", "explored"):
        found = np.shape(getattr(limits, name))
        if found != (items,):
            raise MarketError(f"limits.{name} has shape {found}, not {(items,)}.")
    least = limits.min_spend
    _require("limits.min_spend", (least >= 0) & np.isfinite(least), least, "a number of at least 0")
    if not limits.max_step >= 0:
        raise MarketError(f"limits.max_step is {limits.max_step}; it must be at least 0.")
    if not 0 <= limits.exploration <= 1:
        raise MarketError(f"limits.exploration is {limits.exploration}; it must be from 0 to 1.")
    if not 0 <= limits.min_change <= 1:
        raise MarketError(f"limits.min_change is {limits.min_change}; it must be from 0 to 1.")
    if limits.exploration > 0 and not limits.explored.any():
        raise MarketError("limits.exploration is above 0, and no line item is explored.")
    for group in limits.groups:
        if np.shape(group.items) != (items,):
            raise MarketError(
                f"The limit {group.name!r} names line items of shape {np.shape(group.items)}, "
                f"not {(items,)}."
            )
        if not group.items.any():
            raise MarketError(f"The limit {group.name!r} names no line item.")
        for name, end in (("minimum", group.min), ("maximum", group.max)):
            shapes = ((),) if group.whole_flight else ((), (days,))
            if np.shape(end) not in shapes:
                raise MarketError(
                    f"The limit {group.name!r} has a {name} of shape {np.shape(end)}, not one of "
                    f"{shapes}."
                )
        if not (np.min(group.min) >= 0 and np.max(group.min) < np.inf):
            raise MarketError(
                f"The limit {group.name!r} has a minimum of {np.min(group.min)}; it must be a "
                "number of at least 0."
            )
        if not np.min(group.max) >= 0:
            raise MarketError(
                f"The limit {group.name!r} has a maximum of {np.min(group.max)}; it must be at "
                "least 0."
            )
        if not 0 <= group.max_share <= 1:
            raise MarketError(
                f"The limit {group.name!r} has a share of {group.max_share}; it must be from 0 "
                "to 1."
            )


def _require(name: str, good: Bools, values: Floats, rule: str) -> None:
    if not good.all():
        raise MarketError(f"{name} holds {values[~good][0]}; every value must be {rule}.")


def _shapes(world: World) -> dict[str, tuple[int, ...]]:
    catalog = world.catalog
    days, items, pools = world.days, catalog.num_line_items, len(catalog.pools)
    placements, promotions = len(catalog.placement_ids), catalog.num_promotions
    audiences = catalog.by_audience.size
    stages = ("rates.first_stage", "rates.second_stage")
    return {
        "supply": (days, pools),
        "live": (days, items),
        "current_spend": (days, items),
        "unit_cost": (items,),
        "reach_share": (items,),
        "max_spend": (items,),
        "segment_size": (len(catalog.segment_ids),),
        "usual_fatigue_factor": (audiences,),
        "recent_roas": (items,),
        "initial.fatigue": (audiences,),
        "initial.log_price": (placements,),
        "initial.pending": (2, items),
        "dynamics.supply_sd": (pools,),
        "dynamics.supply_level_sd": (pools,),
        "dynamics.price_sd": (placements,),
        "dynamics.price_persistence": (placements,),
        "dynamics.price_level_sd": (placements,),
        "dynamics.reach_sd": (placements,),
        "dynamics.incrementality_sd": (promotions,),
        **{f"{stage}.rate": (days, items) for stage in stages},
        **{f"{stage}.shared_sd": (promotions,) for stage in stages},
        **{f"{stage}.own_sd": (items,) for stage in stages},
    }
