"""A small market made from nothing, with every dynamic on: for tests, examples and `make(ID)`."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.settings import MarketSettings
from promopilot.envs.world import World


@dataclass(frozen=True)
class SyntheticSize:
    """How large a synthetic world is and how uncertain."""

    promotions: int = 6
    placements: int = 3
    segments: int = 2
    days: int = 14
    shift_sd: float = 0.3  # log-odds of each stage, shared by a promotion's line items
    own_sd: float = 0.1  # log-odds, a line item's own
    stock: float = float("inf")  # conversions per promotion


def synthetic_world(
    size: SyntheticSize | None = None,
    *,
    seed: int = 0,
    settings: MarketSettings | None = None,
    objective: str = "net_profit",
) -> World:
    """Draw a world in which about half of the line items are worth funding.

    Args:
        size: Its dimensions.
        seed: Fixes the draw.
        settings: Dynamics; the documented priors where absent.
        objective: What policies are paid for.
    """
    size = size or SyntheticSize()
    rng = np.random.default_rng(seed)
    grid = np.indices((size.promotions, size.placements, size.segments)).reshape(3, -1)
    promotion, placement, segment = grid.astype(np.int64)
    price = rng.uniform(10, 40, size.promotions).round(2)
    discount = rng.choice([0.1, 0.2, 0.3], size.promotions)
    catalog = Catalog(
        promotion_ids=tuple(f"promotion-{i}" for i in range(size.promotions)),
        placement_ids=tuple(f"placement-{i}" for i in range(size.placements)),
        segment_ids=tuple(f"segment-{i}" for i in range(size.segments)),
        promotion=promotion,
        placement=placement,
        segment=segment,
        price=price,
        margin=np.full(size.promotions, 0.5),
        incrementality=np.ones(size.promotions),
        unit_subsidy=price * discount,
        conversion_value=price * (1 - discount),
        stock=np.full(size.promotions, size.stock),
    )
    first = 0.03 * np.exp(rng.normal(0, 0.4, size.promotions)[promotion])
    first = first * np.exp(rng.normal(0, 0.3, size.placements)[placement])
    second = np.broadcast_to(0.08, first.shape)
    weekday = np.array([1.0, 0.95, 0.95, 1.0, 1.1, 1.25, 1.15])
    supply = 20_000 * weekday[np.arange(size.days) % 7][:, None]
    supply = np.broadcast_to(supply, (size.days, len(catalog.pools))).copy()
    unit_cost = rng.uniform(3, 9, size.placements)[placement] / 1000
    reach_share = np.full(catalog.num_line_items, 0.4)
    # A third of the supply, at its mean cost, spread evenly.
    current = supply[:, catalog.pool] / size.promotions / 3 * unit_cost

    def stage(rate: Floats) -> Stage:
        return Stage(
            rate=np.broadcast_to(rate, (size.days, len(rate))).copy(),
            shared_sd=np.full(size.promotions, size.shift_sd),
            own_sd=np.full(len(rate), size.own_sd),
        )

    return World(
        catalog=catalog,
        rates=Rates(stage(first), stage(second)),
        settings=settings or MarketSettings(),
        start=date(2024, 1, 1),
        budget=float(current.sum()),
        supply=supply,
        supply_sd=np.full(len(catalog.pools), 0.1),
        unit_cost=unit_cost,
        reach_share=reach_share,
        segment_size=np.full(size.segments, 20_000.0),
        live=np.ones((size.days, catalog.num_line_items), dtype=bool),
        max_spend=np.full(catalog.num_line_items, np.inf),
        current_spend=current,
        initial_fatigue=np.zeros(catalog.by_audience.size),
        usual_fatigue_factor=np.ones(catalog.by_audience.size),
        objective=objective,
    )
