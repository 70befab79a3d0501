"""The market: N flights stepped day by day as one array program (one step is one day)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from promopilot.envs import response
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.belief import StageBelief
from promopilot.envs.engine import day as engine
from promopilot.envs.engine import streams
from promopilot.envs.engine.arrays import Books
from promopilot.envs.errors import MarketError
from promopilot.envs.exogenous import Exogenous, draw, mean_draw
from promopilot.envs.limits_today import LimitsToday
from promopilot.envs.memory import require_memory
from promopilot.envs.state import (
    blank_books,
    expected_reach_share,
    fixed_arrays,
    flight_arrays,
    initial_state,
)
from promopilot.envs.stress import Stress
from promopilot.envs.world import World

_NO_SUBSIDY: Floats = np.zeros((0, 0))


@dataclass(frozen=True)
class DayOutcome:
    """Full accounting of one day, per flight and line item."""

    asked: Floats  # [N, L] spend that was asked for, after limits
    spend: Floats  # [N, L] what was charged; the rest went back to the budget
    impressions: Floats  # [N, L]
    clicks: Floats  # [N, L] first events
    conversions: Floats  # [N, L] served and redeemed; booked today, seen when the delay says
    lost: Floats  # [N, L] conversions lost for want of stock
    unredeemed: Floats  # [N, L] conversions lost because the budget could not pay their subsidy
    observed: Floats  # [N, L] conversions that are seen by the next decision, of today or earlier
    conversion_value: Floats  # [N, L] money from customers
    subsidy: Floats  # [N, L]
    profit: Floats  # [N, L] before media
    objective: Floats  # [N, L] what the policy is paid for
    # [N, L] the same with clicks and conversions at their mean under the true rates: what was
    # decided, without the luck of the draw. For training; nobody sees it in a real flight.
    mean_objective: Floats

    def total(self, name: str) -> Floats:
        """Sum over line items `[N]`."""
        return np.asarray(getattr(self, name).sum(axis=-1))


class Market:
    """N flights of one world in step with each other.

    What a policy may look at before deciding on a day: `day`, `budget_left`, `unit_cost`, `reach`,
    `fatigue_factor`, `stock_left`, the two beliefs, `expected_rate` and what follows from them.
    What it may not: the drawn supply, shifts and levels in `exogenous`, what is pending, and the
    true rates.

    A market can be pickled at any time and goes on as if nothing had happened.

    Args:
        world: What is played.
        expected: Outcomes at their expectation instead of sampled.
        stress: How the truth lies from what the world believes, if it does.
    """

    def __init__(
        self, world: World, *, expected: bool = False, stress: Stress | None = None
    ) -> None:
        self.world = world
        self.expected = expected
        self.stress = stress
        self.limits = None if world.limits is None else LimitsToday(world, world.limits)
        self._reach_share = expected_reach_share(world)
        self._covers_subsidy = "subsidy" in world.covers
        dynamics = world.dynamics
        # What a day adds to the variance of a shift; `first_day_sd` is gone on the next.
        self._step_variance = (
            dynamics.drift_sd**2
            + dynamics.rate_walk_sd**2
            + dynamics.shock_probability * dynamics.shock_size**2
        )
        self.reset(0, np.zeros(1, dtype=np.int64))

    def reset(self, seed: int, flights: Ints) -> None:
        """Start the given flights `[N]` of a seed.

        Raises:
            MarketError: They would not fit into memory.
        """
        require_memory(self.world, len(flights))
        self.seed, self.flights = seed, np.array(flights, dtype=np.int64)
        dynamics = self.world.dynamics
        self._drifts = dynamics.drift_sd > 0 or dynamics.shock_probability > 0
        self._begin(draw(self.world, seed, self.flights))

    def reset_to_mean(self) -> None:
        """Start the reference flight: a batch of one with every exogenous draw at its mean."""
        self.seed, self.flights = 0, np.zeros(1, dtype=np.int64)
        self._drifts = False
        self._begin(mean_draw(self.world))

    def _begin(self, exogenous: Exogenous) -> None:
        world, catalog = self.world, self.world.catalog
        self.exogenous = self.stress.meets(exogenous, world) if self.stress else exogenous
        self.num_flights = len(self.flights)
        self.day = 0
        first, second = world.rates.stages
        self._last = np.tile(catalog.by_promotion.sum(world.day_before), (self.num_flights, 1))
        groups = () if world.limits is None else world.limits.groups
        self._group_spend = np.zeros((self.num_flights, len(groups)))
        self._state = state = initial_state(world, self.num_flights, sampled=not self.expected)
        self.first_belief = StageBelief(catalog, first, state.first_trials, state.first_events)
        self.second_belief = StageBelief(catalog, second, state.second_trials, state.second_events)
        self._fixed = fixed_arrays(
            world, self.first_belief, self.second_belief, sampled=not self.expected
        )
        if self.stress:
            self._fixed = self.stress.responds(self._fixed, world)
        self._flights = flight_arrays(world, self.exogenous, self.flights)
        self._drift()

    # ---- what is known before the day's decision ----

    @property
    def done(self) -> bool:
        """Whether the flight is over."""
        return self.day >= self.world.days

    @property
    def budget_left(self) -> Floats:
        """[N] money that may still be spent.

        Where the budget covers subsidy: without what is held back in `reserve`.
        """
        state = self._state
        left = self.world.budget - state.spent
        if self._covers_subsidy:
            left = left - state.subsidy_seen - self.reserve
        return np.maximum(left, 0.0)

    @property
    def reserve(self) -> Floats:
        """[N] subsidy expected for conversions that are booked and not yet seen."""
        state, catalog = self._state, self.world.catalog
        waiting = state.waiting_fast + state.waiting_slow
        expected = waiting * self.reference_rates[-1]
        return np.asarray((expected * catalog.unit_subsidy[catalog.promotion]).sum(axis=1))

    @property
    def reference_rates(self) -> tuple[Floats, ...]:
        """[N, L] each, what is believed of each stage today, on its reference day and rested.

        Of clicks and of conversions per click, or of conversions alone where no clicks are
        recorded: the last one is of what is seen late.
        """
        day = min(self.day, self.world.days - 1)
        fixed = self._fixed
        first = self.first_belief.expected_rate(day) / fixed.first_relative[day]
        if not self.world.rates.has_clicks:
            return (first,)
        return first, self.second_belief.expected_rate(day) / fixed.second_relative[day]

    @property
    def last_spend(self) -> Floats:
        """[N, P] planned spend of the day before; on the first day `World.day_before`."""
        return self._last

    @property
    def group_spend(self) -> Floats:
        """[N, G] planned spend of each group of the world's limits in the flight so far."""
        return self._group_spend

    @property
    def stock_left(self) -> Floats:
        """[N, P] conversions that can still be served; inf where unlimited."""
        return self._state.stock_left

    @property
    def fatigue(self) -> Floats:
        """[N, A] recent exposures per person of each promotion x segment."""
        return self._state.fatigue

    @property
    def supply(self) -> Floats:
        """[Q] impressions expected of each pool today."""
        return np.asarray(self.world.supply[self.day])

    @property
    def unit_cost(self) -> Floats:
        """[N, L] today's cost of a first impression."""
        factor = self.exogenous.price_factor[:, self.day]
        return np.asarray(self.world.unit_cost * factor[:, self.world.catalog.placement])

    @property
    def reach(self) -> Floats:
        """[L] impressions a line item can expect to reach today; 0 where it may not be funded."""
        world = self.world
        return np.asarray(
            self._reach_share * self.supply[world.catalog.pool] * world.live[self.day]
        )

    @property
    def fatigue_factor(self) -> Floats:
        """[N, L] believed (1 + n)^-exponent over what it usually was while the rates were learnt.

        Above 1 where an audience is less tired now than it was then.
        """
        above_usual = np.log1p(self.fatigue) - self._fixed.usual_exposure
        factor = np.exp(-self.world.dynamics.fatigue_exponent * above_usual)
        return np.asarray(factor[:, self.world.catalog.audience])

    @property
    def expected_rate(self) -> Floats:
        """[N, L] conversions per impression expected today under the belief, fatigue included."""
        first = self.first_belief.expected_rate(self.day) * self.fatigue_factor
        return np.minimum(first, 1.0) * self.second_belief.expected_rate(self.day)

    @property
    def worth_per_impression(self) -> Floats:
        """[N, L] what the objective is expected to pay for one more impression today."""
        worth, _ = self.world.catalog.worth(self.world.objective)
        return np.asarray(self.expected_rate * worth[self.world.catalog.promotion])

    @property
    def subsidy_per_impression(self) -> Floats | None:
        """[N, L] subsidy expected per impression today; None where the budget does not cover it."""
        if not self._covers_subsidy:
            return None
        catalog = self.world.catalog
        return np.asarray(self.expected_rate * catalog.unit_subsidy[catalog.promotion])

    def outlay(self, spend: Floats) -> Floats:
        """[N] money that the budget pays for today's spend `[N, L]`, expected subsidy included."""
        spent, subsidy = spend.sum(axis=1), self.subsidy_per_impression
        if subsidy is None:
            return np.asarray(spent)
        curve = self.world.dynamics.saturation
        shown = response.impressions(spend, self.unit_cost, self.reach, curve)
        return np.asarray(spent + (subsidy * shown).sum(axis=1))

    # ---- what nobody sees ----

    @property
    def true_rates(self) -> tuple[Floats, Floats]:
        """[N, L] today's real rates of both stages, hidden shifts, drift and fatigue included."""
        both = np.empty((2, self.num_flights, self.world.catalog.num_line_items))
        engine.rates_today(self._fixed, self._flights, self._state, self.day, both)
        return both[0], both[1]

    @property
    def rested_rates_ahead(self) -> Floats:
        """[N, H, L] real conversions per impression of today and all later days, nobody tired."""
        fixed, flights, days = self._fixed, self._flights, slice(self.day, self.world.days)
        first = flights.first_shift[:, None] + flights.first_day[:, days, None]
        first = first + self._drifts_ahead()[:, :, fixed.promotion] + fixed.first_centre[days]
        second = flights.second_shift[:, None] + flights.second_day[:, days, None]
        second = second + fixed.second_centre[days]
        return np.asarray(expit(first) * expit(second))

    @property
    def pending(self) -> Floats:
        """[N, L] conversions booked and not yet seen."""
        state = self._state
        pending = state.pending_fast + state.pending_slow
        return pending + state.past_fast + state.past_slow if len(state.past_slow) else pending

    @property
    def payable(self) -> Floats:
        """[N] money that can really be paid: what is booked, seen or not, is gone."""
        left = self.budget_left
        if self._covers_subsidy and self.world.overrun == "close":
            used = self._state.spent + self._state.subsidised
            left = np.clip(self.world.budget - used, 0.0, left)
        return left

    @property
    def overrun(self) -> Floats:
        """[N] money by which spend and subsidy have passed a budget that covers both."""
        if not self._covers_subsidy:
            return np.zeros(self.num_flights)
        used = self._state.spent + self._state.subsidised
        return np.maximum(used - self.world.budget, 0.0)

    # ---- the day itself ----

    def step(self, spend: Floats) -> DayOutcome:
        """Play a day.

        Args:
            spend: Media money asked for `[N, L]`; not a number counts as 0, and what exceeds the
                line item's or the day's limit or the budget is scaled down. Where the budget covers
                subsidy, so is what would leave too little for the subsidy it is expected to cause,
                and, if redemption closes, what subsidy booked and not yet seen has used up. In a
                world with limits it is moved to the nearest plan that keeps them.

        Raises:
            MarketError: The flight is over, or `spend` has another shape.
        """
        shape = (self.num_flights, self.world.catalog.num_line_items)
        if np.shape(spend) != shape:
            raise MarketError(f"Spend has shape {np.shape(spend)}; it must be {shape}.")
        self._begin_day()
        asked = np.ascontiguousarray(spend, dtype=np.float64)
        subsidy = self.subsidy_per_impression
        if self.limits is not None:
            asked = self.limits.kept(
                self.day, self.last_spend, self.group_spend, self.payable, asked, self.outlay
            )
        books = blank_books(shape)
        engine.play(
            *(self._fixed, self._flights, self._state, books, self.day, asked, self.payable),
            *(self.supply, _NO_SUBSIDY if subsidy is None else subsidy, streams.wrapped(self.seed)),
        )
        return self._end_day(books)

    def book(
        self, charged: Floats, impressions: Floats, clicks: Floats, converted: Floats
    ) -> DayOutcome:
        """Book a day that was filled in another way than by `step` (block by block).

        Args:
            charged: Spend charged `[N, L]`.
            impressions: Impressions delivered `[N, L]`.
            clicks: First events `[N, L]`.
            converted: Conversions asked for `[N, L]`, stock not yet looked at.
        """
        self._begin_day()
        books = blank_books(charged.shape)
        for name, values in (
            *(("asked", charged), ("spend", charged), ("impressions", impressions)),
            *(("clicks", clicks), ("conversions", converted)),
        ):
            getattr(books, name)[:] = values
        engine.book(
            *(self._fixed, self._flights, self._state, books, self.day),
            *(streams.wrapped(self.seed), self.day),
        )
        return self._end_day(books)

    def _begin_day(self) -> None:
        if self.done:
            raise MarketError(f"The flight ended after day {self.world.days}; reset it first.")

    def set_aside(self, money: Floats) -> None:
        """Take money `[N]` off what is left of the budget, for which nothing was bought."""
        self._state.spent[:] += money

    def _end_day(self, books: Books) -> DayOutcome:
        self._next_day(books.asked)
        return DayOutcome(**books._asdict())

    def _next_day(self, planned: Floats) -> None:
        self.first_belief.changed()
        self.second_belief.changed()
        if self.limits is not None:
            self._last = self.world.catalog.by_promotion.sum(planned)
            self._group_spend = self._group_spend + self.limits.spent(planned)
        self.day += 1
        if self._step_variance > 0 and not self.done:
            self.first_belief.forget(self._step_variance)
        self._drift()

    def _drift(self) -> None:
        """Let promotions' shifts move on before the next day."""
        if not self.done:
            self._wander(self._state.drift, self.day)

    def _drifts_ahead(self) -> Floats:
        """[N, H, P] log-odds by which promotions will have moved, today first."""
        path = [self._state.drift]
        for day in range(self.day + 1, self.world.days):
            path.append(path[-1].copy())
            self._wander(path[-1], day)
        return np.stack(path, axis=1)

    def _wander(self, drift: Floats, day: int) -> None:
        """Move `drift` `[N, P]` on to a day; the reference flight stands still.

        Only a stress strikes there too.
        """
        if self._drifts:
            dynamics = self.world.dynamics
            streams.wander(
                *(drift, streams.wrapped(self.seed), self.flights, day),
                *(dynamics.drift_sd, dynamics.shock_probability, dynamics.shock_size),
            )
        if self.stress:
            self.stress.strikes(drift, day, self.world.days, self.seed, self.flights)
