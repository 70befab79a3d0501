"""A small market made from nothing, with every dynamic on: for tests, examples and `make(ID)`."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import LN2, Delay, Dynamics
from promopilot.envs.priors import PRIORS
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.response import Saturation, impressions
from promopilot.envs.world import InitialState, World


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
    dynamics: Dynamics | None = None,
    objective: str = "net_profit",
    covers: tuple[str, ...] = ("spend",),
) -> World:
    """Draw a world in which about half of the line items are worth funding.

    Args:
        size: Its dimensions.
        seed: Fixes the draw.
        dynamics: Laws of the market; `lively` ones where absent.
        objective: What policies are paid for.
        covers: What the budget pays for.
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
    dynamics = dynamics or lively(
        len(catalog.pools), len(catalog.placement_ids), catalog.num_promotions
    )
    usual_day, reach = current.mean(axis=0), reach_share * supply.mean(axis=0)[catalog.pool]
    shown = impressions(usual_day, unit_cost, reach, dynamics.saturation)

    def stage(rate: Floats) -> Stage:
        return Stage(
            rate=np.broadcast_to(rate, (size.days, len(rate))).copy(),
            shared_sd=np.full(size.promotions, size.shift_sd),
            own_sd=np.full(len(rate), size.own_sd),
        )

    return World(
        catalog=catalog,
        rates=Rates(stage(first), stage(second)),
        dynamics=dynamics,
        initial=rested(catalog),
        start=date(2024, 1, 1),
        budget=float(current.sum()),
        supply=supply,
        unit_cost=unit_cost,
        reach_share=reach_share,
        segment_size=np.full(size.segments, 20_000.0),
        live=np.ones((size.days, catalog.num_line_items), dtype=bool),
        max_spend=np.full(catalog.num_line_items, np.inf),
        current_spend=current,
        usual_fatigue_factor=np.ones(catalog.by_audience.size),
        recent_roas=shown * first * second * catalog.conversion_value[promotion] / usual_day,
        objective=objective,
        covers=covers,
    )


def rested(catalog: Catalog) -> InitialState:
    """Nothing in the pipe: nobody tired, nothing pending, prices unknown."""
    return InitialState(
        fatigue=np.zeros(catalog.by_audience.size),
        log_price=np.full(len(catalog.placement_ids), np.nan),
        pending=np.zeros((2, catalog.num_line_items)),
    )


def lively(pools: int, placements: int, promotions: int) -> Dynamics:
    """Every dynamic on: priors where there are some, else small numbers so that nothing is idle."""
    prior = {name: belief.mean for name, belief in PRIORS.items()}
    return Dynamics(
        supply_sd=np.full(pools, prior["supply_sd"]),
        supply_day_sd=0.02,
        supply_level_sd=np.full(pools, 0.05),
        weekday_sd=0.03,
        trend_sd=0.002,
        supply_walk_sd=0.01,
        price_sd=np.full(placements, prior["price_sd"]),
        price_persistence=np.full(placements, prior["price_persistence"]),
        price_level_sd=np.full(placements, 0.05),
        saturation=Saturation(),
        reach_sd=np.full(placements, 0.1),
        fatigue_exponent=prior["fatigue_exponent"],
        fatigue_exponent_sd=0.05,
        fatigue_half_life_days=prior["fatigue_half_life_days"],
        delay=Delay(
            fast_share=prior["delay_fast_share"],
            fast_days=prior["delay_fast_days"],
            slow_days=prior["delay_slow_days"],
            fast_share_sd=0.1,
            slow_days_sd=0.1,
        ),
        first_day_sd=0.03,
        second_day_sd=0.03,
        rate_walk_sd=0.01,
        drift_sd=0.02,
        shock_probability=0.002,
        shock_size=LN2,
        incrementality_sd=np.zeros(promotions),
    )
