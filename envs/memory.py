"""How much memory a batch of flights needs, told before any of it is taken."""

import psutil

from promopilot.envs.engine.arrays import Books, State
from promopilot.envs.errors import MarketError
from promopilot.envs.world import World

_FLOAT = 8
_GIB = 2**30
# Arrays [N, L] at once at most: the books, what the state holds per line item, both shifts, what is
# asked for, and some more while shifts are drawn or a policy thinks.
_PER_ITEM = len(Books._fields) + 10 + 2 + 1 + 4
_PER_PROMOTION = 8
_PER_CELL = 40  # of a day and line item: tables of rates by date, while they are predicted


def memory_needed(world: World, num_flights: int) -> int:
    """Bytes that N flights take while they are played by a policy that gives spend."""
    catalog = world.catalog
    items, pools = catalog.num_line_items, len(catalog.pools)
    placements = len(catalog.placement_ids)
    per_flight = (
        _PER_ITEM * items
        + _PER_PROMOTION * catalog.num_promotions
        + 2 * catalog.by_audience.size
        + world.days * (3 * pools + placements + 4)
        + len(State._fields)
    )
    return _FLOAT * (num_flights * per_flight + 8 * world.days * items)


def require_world(days: int, line_items: int) -> None:
    """Refuse a world that cannot be built: its rates, money and days, several times over.

    Raises:
        MarketError: It needs more than the memory that is free now.
    """
    needed, free = _FLOAT * _PER_CELL * days * line_items, psutil.virtual_memory().available
    if needed > free:
        raise MarketError(
            f"{line_items} line items x {days} days need about {needed / _GIB:.1f} GiB, and "
            f"{free / _GIB:.1f} GiB are free: plan fewer promotions (`$.flight.max_promotions`) or "
            "days."
        )


def require_memory(world: World, num_flights: int) -> None:
    """Refuse a batch that cannot fit.

    Raises:
        MarketError: It needs more than the memory that is free now.
    """
    needed, free = memory_needed(world, num_flights), psutil.virtual_memory().available
    if needed > free:
        raise MarketError(
            f"{num_flights} flights x {world.catalog.num_line_items} line items need about "
            f"{needed / _GIB:.1f} GiB, and {free / _GIB:.1f} GiB are free: use fewer flights at a "
            "time, or fewer line items."
        )
