"""The rest of a flight as the compiled planner sees it: H days, the first of them today."""

from typing import NamedTuple

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.split.day import Day


class Rest(NamedTuple):
    """What N flights still have before them, outcomes at their expectation.

    Arrays with a leading 1 or N hold one row for all flights, or a row for each.
    """

    rate: Floats  # [N, H, L] conversions per impression of people who are not tired
    price: Floats  # [N, H, K] price over the placement's mean
    reach: Floats  # [1 or N, H, L] impressions; 0 where a line item may not be funded
    supply: Floats  # [1 or N, H, Q] impressions
    worth: Floats  # [1 or N, P] objective per conversion, spend not charged
    subsidy: Floats  # [P] money from the budget per conversion
    exponent: Floats  # [N] of fatigue
    fatigue: Floats  # [N, A] recent exposures per person today
    stock: Floats  # [N, P] conversions that can still be served
    budget: Floats  # [N] money for the whole rest
    share_of_rest: Floats  # [H] share of what is left that the re-planner gives each day
    unit_cost: Floats  # [L] mean cost of a first impression
    max_spend: Floats  # [L] a day
    per_person: Floats  # [L] exposures per person of one impression
    usual: Floats  # [A] log(1 + n) at which rates were learnt
    promotion: Ints  # [L]
    placement: Ints  # [L]
    audience: Ints  # [L]
    order: Ints  # [L] line items by pool
    ends: Ints  # [Q + 1] pool q has order[ends[q] : ends[q + 1]]
    day_max: float  # money a day
    least: float  # what a unit of money is worth unspent
    forget: float  # share of recent exposures still felt a day later
    family: int  # of saturation
    slope: float


class Ahead(NamedTuple):
    """One flight's rest: M chances to show a line item on a day that may pay, by day and pool."""

    day: Day  # of all days together: pool q of day d is the pool d * Q + q
    rate: Floats  # [M] as in `Rest`
    per_person: Floats  # [M]
    slot: Ints  # [M] day * A + audience
    promotion: Ints  # [M]
    worth: Floats  # [P]
    subsidy: Floats  # [P]
    stock: Floats  # [P]
    fatigue: Floats  # [A]
    usual: Floats  # [A]
    supply: Floats  # [H * Q]
    exponent: float
    forget: float
    day_max: float
    days: int  # H
    scarce: bool  # some stock is limited


class Plan(NamedTuple):
    """What planning N flights leaves: money for today, and the prices that steer it."""

    money: Floats  # [N] for today
    later_cost: Floats  # [N, A] what an exposure per person of today costs later
    stock_price: Floats  # [N, P] what the last piece of stock earns
    pool_price: Floats  # [N, H * Q] objective per impression of supply
    # [N, 1 + H] log((k + lambda) / k) of the rest's money, and of each day's where that has a limit
    # of its own
    price: Floats
    # [N, 2] objective that is expected of the plan, and of the re-planner's own
    value: Floats
