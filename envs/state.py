"""A world and its draws as the arrays that the compiled day works on."""

from typing import Any

import numpy as np
from scipy.special import expit, ndtr

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
    share, fast_waits, slow_waits = mean_delay(dynamics.delay)
    fixed = Fixed(
        promotion=catalog.promotion,
        placement=catalog.placement,
        pool=catalog.pool,
        audience=catalog.audience,
        per_person=1 / world.segment_size[catalog.segment],
        unit_cost=world.unit_cost,
        reach_share=world.reach_share,
        max_spend=world.max_spend,
        live=world.live,
        usual_exposure=usual_exposure(world),
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
        true_family=dynamics.saturation.code,
        true_slope=float(dynamics.saturation.slope),
        forget=dynamics.forget,
        fatigue_exponent=float(dynamics.fatigue_exponent),
        fast_share=share,
        fast_waits=fast_waits,
        slow_waits=slow_waits,
        has_clicks=world.rates.has_clicks,
        covers_subsidy="subsidy" in world.covers,
        closes=world.overrun == "close",
        sampled=sampled,
    )
    # Copies in one layout: compiled code is made for each kind of array that it meets.
    own: dict[str, Any] = {
        name: np.array(value, order="C")
        for name, value in fixed._asdict().items()
        if isinstance(value, np.ndarray)
    }
    return fixed._replace(**own)


def usual_exposure(world: World) -> Floats:
    """[A] log(1 + n) of audiences as tired as they were while rates were learnt; 0 if none tire."""
    exponent, usual = world.dynamics.fatigue_exponent, world.usual_fatigue_factor
    return -np.log(usual) / exponent if exponent > 0 else np.zeros_like(usual)


def expected_reach_share(world: World) -> Floats:
    """[L] share of a pool that a line item reaches on average: no more than all of it.

    E[min(r F, 1)] of a log-normal factor F of mean one and log sd s is r N(-(log r) / s - s / 2) +
    N((log r) / s - s / 2), the price of a capped claim (Black and Scholes).
    """
    share, sd = world.reach_share, world.dynamics.reach_sd[world.catalog.placement]
    known = np.where(sd > 0, sd, 1.0)
    far = np.log(share) / known
    capped = share * ndtr(-far - known / 2) + ndtr(far - known / 2)
    return np.asarray(np.where(sd > 0, capped, share))


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


def initial_state(world: World, num_flights: int, *, sampled: bool) -> State:
    """The state before the first day, with what the world says is in the pipe.

    Where outcomes are drawn pieces of stock and pending conversions are whole.
    """
    catalog, initial = world.catalog, world.initial

    def each(values: Floats) -> Floats:
        return np.tile(values, (num_flights, 1))

    def blank() -> Floats:
        return np.zeros((num_flights, catalog.num_line_items))

    pending = initial.pending.copy()
    if sampled:  # whole ones, which add up: each line item gets its share of the running sum
        pending = np.diff(np.floor(np.cumsum(pending, axis=1) + 0.5), axis=1, prepend=0.0)
    if mean_delay(world.dynamics.delay)[1] == 0:  # a fast part that is seen within a day
        pending = np.stack([np.zeros_like(pending[0]), pending.sum(axis=0)])
    past = pending if pending.any() else np.zeros((2, 0))
    return State(
        spent=np.full(num_flights, float(initial.spent)),
        subsidised=np.zeros(num_flights),
        subsidy_seen=np.zeros(num_flights),
        stock_left=each(np.floor(catalog.stock) if sampled else catalog.stock),
        fatigue=each(initial.fatigue),
        drift=np.zeros((num_flights, catalog.num_promotions)),
        pending_fast=blank(),
        pending_slow=blank(),
        past_fast=each(past[0]) if past.size else np.zeros((0, 0)),
        past_slow=each(past[1]) if past.size else np.zeros((0, 0)),
        waiting_fast=blank(),
        waiting_slow=blank(),
        first_trials=blank(),
        first_events=blank(),
        second_trials=blank(),
        second_events=blank(),
    )


def blank_books(shape: tuple[int, ...]) -> Books:
    """Room for a day's accounting."""
    return Books(*(np.empty(shape) for _ in Books._fields))
