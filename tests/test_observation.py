from dataclasses import replace

import numpy as np
import pytest

from promopilot.envs.market import Market
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.replan import Replan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views import observation
from promopilot.envs.world import World


def reference(market: Market, replan: Replan) -> np.ndarray:
    """The observation as documented, in plain arrays."""
    world, catalog = market.world, market.world.catalog
    day, ones = market.day, np.ones(market.num_flights)
    expected_left = world.budget * replan.planned_share_left[day]
    weekday = 2 * np.pi * (world.start.weekday() + day) / 7
    worth, reach = market.worth_per_impression, market.reach
    people = world.segment_size[catalog.segment]
    recent = market.fatigue[:, catalog.audience] * people
    ratio = np.log1p(np.maximum(worth / market.unit_cost, 0)) * reach
    per_promotion = catalog.by_promotion.sum
    reached, crowd = per_promotion(reach), per_promotion(people)
    limited = np.isfinite(catalog.stock) & (catalog.stock > 0)
    stock = np.where(limited, market.stock_left / np.where(limited, catalog.stock, 1), 1.0)
    globals_ = [
        ones * (world.days - day) / world.days,
        np.log((market.budget_left + 1e-9) / (expected_left + 1e-9)),
        ones * np.sin(weekday),
        ones * np.cos(weekday),
        ones * outlook(world, day),
        *np.log(market.exogenous.price_factor[:, day]).T,
    ]
    promotions = np.broadcast_arrays(
        market.first_belief.now.mean,
        market.first_belief.now.sd,
        market.second_belief.now.mean,
        market.second_belief.now.sd,
        np.log1p(per_promotion(recent) / np.maximum(crowd, 1)),
        per_promotion(ratio) / np.maximum(reached, 1e-9),
        reached / (max(reached.sum(), 1e-9) / max((reached > 0).sum(), 1)),
        np.where(catalog.stock > 0, stock, 0.0),
        reached > 0,
    )
    flat = np.stack(promotions, axis=-1).reshape(market.num_flights, -1)
    full = np.concatenate([np.stack(globals_, axis=-1), flat], axis=1)
    return np.clip(full, -10, 10).astype(np.float32)


def outlook(world: World, day: int) -> float:
    """What money should return in the rest of the flight over today, days counting by supply."""
    catalog, stages = world.catalog, world.rates.stages
    worth = np.maximum(catalog.profit_per_conversion(), 0)[catalog.promotion]
    value, cost, size = [], [], []
    for d in range(world.days):
        reach = world.reach_share * world.supply[d, catalog.pool] * world.live[d]
        value.append((reach * stages[0].rate[d] * stages[1].rate[d] * worth).sum())
        cost.append((reach * world.unit_cost).sum())
        pools = [
            world.supply[d, q] * world.unit_cost[catalog.pool == q].mean()
            for q in range(len(catalog.pools))
            if world.live[d, catalog.pool == q].any()
        ]
        size.append(sum(pools))
    returns = [v / c if c > 0 else 0.0 for v, c in zip(value, cost, strict=True)]
    if sum(size[day:]) == 0 or returns[day] == 0:
        return 0.0
    rest = np.average(returns[day:], weights=size[day:])
    return float(np.log(rest / returns[day]))


def plain() -> World:
    return synthetic_world()


def short_of_stock() -> World:
    world = synthetic_world(SyntheticSize(promotions=4, segments=1, stock=25.0))
    stock = np.array([25.0, np.inf, 0.0, 40.0])
    return replace(world, catalog=replace(world.catalog, stock=stock))


def live_at_times() -> World:
    world = synthetic_world(SyntheticSize(promotions=3, days=6))
    live = world.live.copy()
    live[:, world.catalog.promotion == 1] = False
    live[3] = False
    return replace(world, live=live)


def without_clicks() -> World:
    world = synthetic_world()
    first, second = world.rates.stages
    certain = Stage(np.ones_like(first.rate), 0 * first.shared_sd, 0 * first.own_sd)
    once = replace(first, rate=first.rate * second.rate)
    return replace(world, rates=Rates(once, certain, has_clicks=False))


def covering_subsidy() -> World:
    return synthetic_world(covers=("spend", "subsidy"))


@pytest.mark.parametrize(
    "make", [plain, short_of_stock, live_at_times, without_clicks, covering_subsidy]
)
def test_it_is_what_the_table_says(make) -> None:
    world = make()
    market, replan = Market(world), Replan(world)
    market.reset(3, np.arange(5))
    rng = np.random.default_rng(0)
    while not market.done:
        seen = observation.observe(market, replan)
        assert seen.dtype == np.float32
        assert seen.shape == (5, observation.size(world))
        np.testing.assert_allclose(seen, reference(market, replan), rtol=1e-5, atol=1e-6)
        market.step(rng.uniform(0, 12, (5, world.catalog.num_line_items)))
    np.testing.assert_array_equal(observation.observe(market, replan), 0.0)


def test_names_stand_where_the_entries_are() -> None:
    world = short_of_stock()
    market, replan = Market(world), Replan(world)
    market.reset(0, np.arange(2))
    seen = observation.observe(market, replan)
    own = seen[:, observation.num_globals(world) :].reshape(2, 4, -1)
    own = dict(zip(observation.PROMOTION_NAMES, np.moveaxis(own, -1, 0), strict=True))
    np.testing.assert_array_equal(own["stock_left"], [[1, 1, 0, 1]] * 2)
    np.testing.assert_array_equal(own["fatigue"], 0.0)
    np.testing.assert_allclose(own["first_belief_sd"], 0.3)
    assert dict(zip(observation.GLOBAL_NAMES, seen[0], strict=False))["days_left"] == 1.0


def test_a_promotion_without_line_items_is_seen_as_not_live() -> None:
    world = synthetic_world(SyntheticSize(promotions=3))
    promotion = world.catalog.promotion + (world.catalog.promotion == 2)
    names = ("price", "margin", "incrementality", "unit_subsidy", "conversion_value", "stock")
    more = {name: np.r_[getattr(world.catalog, name), 1.0] for name in names}
    catalog = replace(
        world.catalog, promotion_ids=("a", "b", "nowhere", "c"), promotion=promotion, **more
    )
    stages = (replace(s, shared_sd=np.full(4, 0.3)) for s in world.rates.stages)
    audiences = catalog.by_audience.size
    world = replace(
        world,
        catalog=catalog,
        rates=Rates(*stages),
        initial=replace(world.initial, fatigue=np.zeros(audiences)),
        usual_fatigue_factor=np.ones(audiences),
        dynamics=replace(world.dynamics, incrementality_sd=np.zeros(4)),
    )
    market = Market(world)
    seen = observation.observe(market, Replan(world))
    own = seen[0, observation.num_globals(world) :].reshape(4, -1)
    np.testing.assert_allclose(own[2], [0, 0.3, 0, 0.3, 0, 0, 0, 1, 0], atol=1e-6)


def test_every_entry_stays_inside_the_box() -> None:
    world = synthetic_world().with_budget(0.1)
    market, replan = Market(world), Replan(world)
    market.reset(0, np.arange(2))
    market.step(np.full((2, world.catalog.num_line_items), np.inf))  # everything on the first day
    seen = observation.observe(market, replan)
    assert seen[:, 1] == pytest.approx(-observation.LIMIT)
    assert (np.abs(seen) <= observation.LIMIT).all()
