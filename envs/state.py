"""A world and its draws as the arrays that the compiled day works on."""

import numpy as np
from scipy.special import expit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.belief import StageBelief
from promopilot.envs.engine.arrays import Books, Fixed, Flights, State
from promopilot.envs.exogenous import Exogenous, mean_delay
from promopilot.envs.world import World


def fixed_arrays(world: World, first: StageBelief, second: StageBelief, *, sampled: bool) -> Fixed:
    """What is the same in every flight.

    Args:
        world: What is played.
        first: Belief on the first stage, for its centre and reference day.
        second: Likewise on the second.
        sampled: Whether outcomes are drawn.
    """
    catalog, dynamics = world.catalog, world.dynamics
    exponent = dynamics.fatigue_exponent
    usual = (
        -np.log(world.usual_fatigue_factor) / exponent
        if exponent > 0
        else (np.zeros_like(world.usual_fatigue_factor))
    )
    share, fast_waits, slow_waits = mean_delay(dynamics.delay)
    return Fixed(
        promotion=catalog.promotion,
        placement=catalog.placement,
        pool=catalog.pool,
        audience=catalog.audience,
        per_person=1 / world.segment_size[catalog.segment],
        unit_cost=world.unit_cost,
        reach_share=world.reach_share,
        max_spend=world.max_spend,
        live=world.live,
        usual_exposure=usual,
        first_centre=first.centre,
        second_centre=second.centre,
        first_relative=expit(first.centre) / expit(first.reference),
        second_relative=expit(second.centre) / expit(second.reference),
        conversion_value=catalog.conversion_value,
        unit_subsidy=catalog.unit_subsidy,
        budget=float(world.budget),
        per_day_max=float(world.per_day_max),
        spend_weight=catalog.worth(world.objective)[1],
        family=dynamics.saturation.code,
        slope=float(dynamics.saturation.slope),
        forget=dynamics.forget,
        fatigue_exponent=float(exponent),
        fast_share=share,
        fast_waits=fast_waits,
        slow_waits=slow_waits,
        has_clicks=world.rates.has_clicks,
        covers_subsidy="subsidy" in world.covers,
        closes=world.overrun == "close",
        sampled=sampled,
    )


def flight_arrays(world: World, exogenous: Exogenous, flights: Ints) -> Flights:
    """What each flight meets, with what a conversion pays in it."""
    catalog = world.catalog
    caused = exogenous.incrementality
    profit = caused * (catalog.price * catalog.margin) - catalog.unit_subsidy
    worth = profit
    if world.objective not in ("net_profit", "profit"):
        worth = np.tile(catalog.worth(world.objective)[0], (len(flights), 1))
    return Flights(
        number=flights,
        supply=exogenous.supply,
        price_factor=exogenous.price_factor,
        first_shift=exogenous.first_shift,
        second_shift=exogenous.second_shift,
        first_day=exogenous.first_day,
        second_day=exogenous.second_day,
        reach_factor=exogenous.reach_factor,
        fatigue_exponent=exogenous.fatigue_exponent,
        delay=exogenous.delay,
        worth=worth,
        profit=profit,
    )


def initial_state(world: World, num_flights: int) -> State:
    """The state before the first day, with what the world says is in the pipe."""
    catalog, initial = world.catalog, world.initial

    def each(values: Floats) -> Floats:
        return np.tile(values, (num_flights, 1))

    def blank() -> Floats:
        return np.zeros((num_flights, catalog.num_line_items))

    pending = initial.pending.copy()
    if mean_delay(world.dynamics.delay)[1] == 0:  # a fast part that is seen within a day
        pending[1] += pending[0]
        pending[0] = 0.0
    # Trials whose conversions are pending, so that these are no surprise when they are seen.
    rates = world.rates
    rate = (rates.second if rates.has_clicks else rates.first).mean(axis=0)
    waiting = np.divide(pending, rate, out=np.zeros_like(pending), where=rate > 0)
    owed = float((pending * catalog.unit_subsidy[catalog.promotion]).sum())
    return State(
        spent=np.full(num_flights, float(initial.spent)),
        subsidised=np.zeros(num_flights),
        # What is pending from before the flight is in `spent` already.
        subsidy_seen=np.full(num_flights, -owed),
        stock_left=each(catalog.stock),
        fatigue=each(initial.fatigue),
        drift=np.zeros((num_flights, catalog.num_promotions)),
        pending_fast=each(pending[0]),
        pending_slow=each(pending[1]),
        waiting_fast=each(waiting[0]),
        waiting_slow=each(waiting[1]),
        first_trials=blank(),
        first_events=blank(),
        second_trials=blank(),
        second_events=blank(),
    )


def blank_books(shape: tuple[int, ...]) -> Books:
    """Room for a day's accounting."""
    return Books(*(np.empty(shape) for _ in Books._fields))
