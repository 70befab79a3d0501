"""What the compiled day reads and writes (A audiences = promotion x segment)."""

from typing import NamedTuple

from promopilot.envs.arrays import Bools, Floats, Ints


class Fixed(NamedTuple):
    """What is the same in every flight of a world."""

    promotion: Ints  # [L], ascending
    placement: Ints  # [L]
    pool: Ints  # [L]
    audience: Ints  # [L]
    per_person: Floats  # [L] one over the size of the line item's segment
    unit_cost: Floats  # [L]
    reach_share: Floats  # [L]
    max_spend: Floats  # [L]
    live: Bools  # [D, L]
    usual_exposure: Floats  # [A] log(1 + n) at which rates were learnt
    first_centre: Floats  # [D, L] log-odds around which shifts are really drawn
    second_centre: Floats  # [D, L]
    first_relative: Floats  # [D, L] rate over the belief's reference day
    second_relative: Floats  # [D, L]
    conversion_value: Floats  # [P]
    unit_subsidy: Floats  # [P]
    budget: float
    per_day_max: float
    spend_weight: float  # what the objective charges per unit of spend
    family: int  # of reach curves, believed
    slope: float
    true_family: int
    true_slope: float
    forget: float  # share of recent exposures still felt a day later
    fatigue_exponent: float  # believed
    fast_share: float  # believed delay, as in `Flights.delay`
    fast_waits: float
    slow_waits: float
    has_clicks: bool
    covers_subsidy: bool
    closes: bool  # whether redemption closes when the budget is used up
    sampled: bool  # outcomes are drawn; else at their expectation


class Flights(NamedTuple):
    """What each flight met, and no policy can influence: the arrays of `Exogenous`."""

    number: Ints  # [N]
    supply: Floats  # [N, D, Q]
    price_factor: Floats  # [N, D, K]
    first_shift: Floats  # [N, L]
    second_shift: Floats  # [N, L]
    first_day: Floats  # [N, D]
    second_day: Floats  # [N, D]
    reach_factor: Floats  # [N, K]
    fatigue_exponent: Floats  # [N]
    delay: Floats  # [N, 3]
    worth: Floats  # [N, P] what the objective pays per conversion
    profit: Floats  # [N, P] before media, per conversion


class State(NamedTuple):
    """What changes from day to day."""

    spent: Floats  # [N] media money charged
    subsidised: Floats  # [N] subsidy booked
    subsidy_seen: Floats  # [N] subsidy of conversions that have been seen
    stock_left: Floats  # [N, P]
    fatigue: Floats  # [N, A] recent exposures per person
    drift: Floats  # [N, P] log-odds that promotions have moved by so far
    pending_fast: Floats  # [N, L] conversions booked and not yet seen
    pending_slow: Floats  # [N, L]
    # Likewise of conversions from before the flight: seen in it, and no news of it. [0, 0] if none.
    past_fast: Floats  # [N, L]
    past_slow: Floats  # [N, L]
    # What the beliefs have seen. Trials count when their events should have been seen; those that
    # wait for that are kept in two parts, as pending conversions are.
    waiting_fast: Floats  # [N, L] trials
    waiting_slow: Floats  # [N, L]
    first_trials: Floats  # [N, L]
    first_events: Floats  # [N, L]
    second_trials: Floats  # [N, L]
    second_events: Floats  # [N, L]


class Books(NamedTuple):
    """One day's accounting, `[N, L]` each; see `market.DayOutcome`."""

    asked: Floats
    spend: Floats
    impressions: Floats
    clicks: Floats
    conversions: Floats
    lost: Floats
    unredeemed: Floats
    observed: Floats
    conversion_value: Floats
    subsidy: Floats
    profit: Floats
    objective: Floats
    mean_objective: Floats
