"""The market: N flights stepped day by day as one array program (one step is one day)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from promopilot.envs import response
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.belief import StageBelief
from promopilot.envs.errors import MarketError
from promopilot.envs.exogenous import Exogenous, draw, mean_draw, outcome_streams
from promopilot.envs.outcomes import round_in_pools, sample_binomial, serve_from_stock
from promopilot.envs.world import World


@dataclass(frozen=True)
class DayOutcome:
    """Full accounting of one day, per flight and line item."""

    asked: Floats  # [N, L] spend that was asked for, after limits
    spend: Floats  # [N, L] what was charged; the rest went back to the budget
    impressions: Floats  # [N, L]
    clicks: Floats  # [N, L] first events
    conversions: Floats  # [N, L] served from stock
    lost: Floats  # [N, L] conversions lost for want of stock
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
    `fatigue_factor`, `stock_left`, the two beliefs and `expected_rate`. What it may not: the drawn
    supply and shifts in `exogenous`, and the true rates.

    Args:
        world: What is played.
        expected: Outcomes at their expectation instead of sampled.
    """

    def __init__(self, world: World, *, expected: bool = False) -> None:
        self.world = world
        self.expected = expected
        self._worth, self._spend_weight = world.catalog.worth(world.objective)
        self._profit = world.catalog.profit_per_conversion()
        self.reset(0, np.zeros(1, dtype=np.int64))

    def reset(self, seed: int, flights: Ints) -> None:
        """Start the given flights `[N]` of a seed."""
        self._begin(draw(self.world, seed, flights))
        self.streams = outcome_streams(seed, flights)

    def reset_to_mean(self) -> None:
        """Start the reference flight: a batch of one with every exogenous draw at its mean."""
        self._begin(mean_draw(self.world))
        self.streams = outcome_streams(0, np.zeros(1, dtype=np.int64))

    def _begin(self, exogenous: Exogenous) -> None:
        catalog = self.world.catalog
        self.exogenous = exogenous
        self.num_flights = flights = len(exogenous.first_shift)
        self.day = 0
        self.budget_left: Floats = np.full(flights, self.world.budget)
        self.stock_left: Floats = np.tile(catalog.stock, (flights, 1))
        # Recent exposures per person, by promotion and segment. [N, P * S]
        self.fatigue: Floats = np.tile(self.world.initial_fatigue, (flights, 1))
        first, second = self.world.rates.stages
        self.first_belief = StageBelief(catalog, first, flights)
        self.second_belief = StageBelief(catalog, second, flights)

    # ---- what is known before the day's decision ----

    @property
    def done(self) -> bool:
        """Whether the flight is over."""
        return self.day >= self.world.days

    @property
    def unit_cost(self) -> Floats:
        """[N, L] today's cost of a first impression."""
        factor = self.exogenous.price_factor[:, self.day]
        return np.asarray(self.world.unit_cost * factor[:, self.world.catalog.placement])

    @property
    def reach(self) -> Floats:
        """[L] impressions a line item can expect to reach today; 0 where it may not be funded."""
        return self._reach_of(self.world.supply[self.day])

    def _reach_of(self, supply: Floats) -> Floats:
        world = self.world
        return np.asarray(
            world.reach_share * supply[..., world.catalog.pool] * world.live[self.day]
        )

    @property
    def fatigue_factor(self) -> Floats:
        """[N, L] (1 + n)^-exponent over what it usually was while the rates were learnt.

        Above 1 where an audience is less tired now than it was then.
        """
        factor = (1 + self.fatigue) ** -self.world.settings.fatigue_exponent
        relative = factor / self.world.usual_fatigue_factor
        return np.asarray(relative[:, self.world.catalog.audience])

    @property
    def expected_rate(self) -> Floats:
        """[N, L] conversions per impression expected today under the belief, fatigue included."""
        rested = self.first_belief.expected_rate(self.day)
        first = np.minimum(rested * self.fatigue_factor, 1.0)
        return np.asarray(first * self.second_belief.expected_rate(self.day))

    @property
    def worth_per_impression(self) -> Floats:
        """[N, L] what the objective is expected to pay for one more impression today."""
        return np.asarray(self.expected_rate * self._worth[self.world.catalog.promotion])

    # ---- the day itself ----

    def step(self, spend: Floats) -> DayOutcome:
        """Play a day.

        Args:
            spend: Media money asked for `[N, L]`; not a number counts as 0, and what exceeds the
                line item's or the day's limit or the budget is scaled down.

        Raises:
            MarketError: The flight is over, or `spend` has another shape.
        """
        if self.done:
            raise MarketError(f"The flight ended after day {self.world.days}; reset it first.")
        asked = self._limited(spend)
        supply = self.exogenous.supply[:, self.day]
        reach = self._reach_of(supply)
        cost = self.unit_cost
        wanted = response.impressions(asked, cost, reach)
        delivered = self._within_pools(wanted, supply)
        # Where the pool cut nothing, the charge is the money asked: the inverse costs digits.
        charged = np.where(
            delivered < wanted, np.minimum(response.cost(delivered, cost, reach), asked), asked
        )
        charged = np.where(reach > 0, charged, 0.0)
        return self.book(asked, charged, *self._outcomes(delivered))

    def _limited(self, spend: Floats) -> Floats:
        shape = (self.num_flights, self.world.catalog.num_line_items)
        if np.shape(spend) != shape:
            raise MarketError(f"Spend has shape {np.shape(spend)}; it must be {shape}.")
        asked = np.where(np.isnan(spend), 0.0, spend)
        most = np.minimum(self.world.max_spend, self.budget_left[:, None])
        asked = np.clip(asked, 0.0, most) * self.world.live[self.day]
        allowed = np.minimum(self.budget_left, self.world.per_day_max)
        total = asked.sum(axis=1)
        over = total > allowed
        # A hair below the limit: the sum of rounded products may not pass it.
        scale = np.where(over, allowed / np.where(over, total, 1.0) * (1 - 1e-15), 1.0)
        return np.asarray(asked * scale[:, None])

    def _within_pools(self, wanted: Floats, supply: Floats) -> Floats:
        pooled = self.world.catalog.by_pool.sum(wanted)
        crowded = pooled > supply
        factor = np.where(crowded, supply / np.where(crowded, pooled, 1.0), 1.0)
        return np.asarray(wanted * factor[:, self.world.catalog.pool])

    @property
    def true_first_rate(self) -> Floats:
        """[N, L] today's real first-stage rate, hidden shift and fatigue included."""
        centre = self.first_belief.centre[self.day]
        rested = expit(centre + self.exogenous.first_shift)
        return np.asarray(np.minimum(rested * self.fatigue_factor, 1.0))

    @property
    def true_second_rate(self) -> Floats:
        """[N, L] today's real second-stage rate, hidden shift included."""
        centre = self.second_belief.centre[self.day]
        return np.asarray(expit(centre + self.exogenous.second_shift))

    def _outcomes(self, delivered: Floats) -> tuple[Floats, Floats, Floats]:
        """Impressions, clicks and conversions asked for, each `[N, L]`."""
        first, second = self.true_first_rate, self.true_second_rate
        if self.expected:
            return delivered, delivered * first, delivered * first * second
        impressions = round_in_pools(
            delivered,
            self.exogenous.supply[:, self.day],
            self.world.catalog.by_pool,
            self.streams,
        )
        clicks = sample_binomial(self.streams, impressions, first)
        return impressions, clicks, sample_binomial(self.streams, clicks, second)

    def book(
        self, asked: Floats, charged: Floats, impressions: Floats, clicks: Floats, converted: Floats
    ) -> DayOutcome:
        """Serve a day's conversions from stock, book it and go on to the next day.

        `step` ends here; whoever fills a day in another way (block by block) calls it directly.

        Args:
            asked: Spend asked for `[N, L]`.
            charged: Spend charged `[N, L]`.
            impressions: Impressions delivered `[N, L]`.
            clicks: First events `[N, L]`.
            converted: Second events `[N, L]`, stock not yet looked at.
        """
        catalog = self.world.catalog
        conversions = serve_from_stock(converted, self.stock_left, catalog.by_promotion)
        mean = impressions * self.true_first_rate * self.true_second_rate
        mean = serve_from_stock(mean, self.stock_left, catalog.by_promotion)
        worth, paid = self._worth[catalog.promotion], self._spend_weight * charged
        outcome = DayOutcome(
            asked=asked,
            spend=charged,
            impressions=impressions,
            clicks=clicks,
            conversions=conversions,
            lost=converted - conversions,
            conversion_value=conversions * catalog.conversion_value[catalog.promotion],
            subsidy=conversions * catalog.unit_subsidy[catalog.promotion],
            profit=conversions * self._profit[catalog.promotion],
            objective=conversions * worth - paid,
            mean_objective=mean * worth - paid,
        )
        self._advance(outcome)
        return outcome

    def _advance(self, outcome: DayOutcome) -> None:
        catalog, settings = self.world.catalog, self.world.settings
        self.first_belief.see(self.day, outcome.impressions * self.fatigue_factor, outcome.clicks)
        self.second_belief.see(self.day, outcome.clicks, outcome.conversions + outcome.lost)
        self.budget_left = np.maximum(self.budget_left - outcome.total("spend"), 0.0)
        self.stock_left = np.maximum(
            self.stock_left - catalog.by_promotion.sum(outcome.conversions), 0.0
        )
        per_person = catalog.by_audience.sum(
            outcome.impressions / self.world.segment_size[catalog.segment]
        )
        forget = 2 ** (-1 / settings.fatigue_half_life_days)
        self.fatigue = (self.fatigue + per_person) * forget
        self.day += 1
