"""A market that goes on from days which were not played but happened.

Policies decide by what a market shows them. So that they decide tomorrow as they would have done in
a flight of the market, what really happened is brought into the same state: money spent, exposures,
trials and events of the beliefs, what waits to be seen, stock.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import Exogenous
from promopilot.envs.market import Market
from promopilot.envs.state import flight_arrays


@dataclass(frozen=True)
class Taken:
    """A day as it really was, and what is known of it and of earlier days on the next morning.

    Trials count as `TakenMarket.trial_weights` says. The last stage is the second, or the first
    where no clicks are recorded.
    """

    spend: Floats  # [N, L] money charged
    impressions: Floats  # [N, L]
    subsidy: Floats  # [N] money known to have been paid on conversions
    conversions: Floats  # [N, L] that have come to be known, and are gone from the stock
    first_trials: Floats  # [N, L] of the first stage, where clicks are recorded
    first_events: Floats  # [N, L]
    due_trials: Floats  # [N, L] of the last stage, as far as it is now known what came of them
    due_events: Floats  # [N, L]
    # Trials of the last stage of which that is not yet known, of all days so far, in the two parts
    # of the delay.
    waiting_fast: Floats  # [N, L]
    waiting_slow: Floats  # [N, L]
    spent_elsewhere: float = 0.0  # money of the same budget, on what the market does not know


class TakenMarket(Market):
    """A market whose days can also be taken in; after the last of them comes `settle`."""

    @property
    def trial_weights(self) -> tuple[Floats, Floats]:
        """What an impression and what a first event of today counts for in the beliefs `[N, L]`.

        Both as if on the reference day, impressions also as far as people are rested.
        """
        rested = self.fatigue_factor * self._fixed.first_relative[self.day]
        return rested, np.broadcast_to(self._fixed.second_relative[self.day], rested.shape)

    @property
    def spent(self) -> Floats:
        """[N] money of the budget that media have cost."""
        return self._state.spent

    @property
    def subsidy_seen(self) -> Floats:
        """[N] subsidy known to have been paid."""
        return self._state.subsidy_seen

    def take(self, taken: Taken) -> None:
        """Take in a day as it really was, in place of playing it.

        Raises:
            MarketError: The flight is over.
        """
        self._begin_day()
        state, catalog = self._state, self.world.catalog
        state.spent[:] += taken.spend.sum(axis=1) + taken.spent_elsewhere
        state.subsidy_seen[:] += taken.subsidy
        state.stock_left[:] -= catalog.by_promotion.sum(taken.conversions)
        exposures = catalog.by_audience.sum(taken.impressions * self._fixed.per_person)
        state.fatigue[:] = (state.fatigue + exposures) * self._fixed.forget
        if self.world.rates.has_clicks:
            state.first_trials[:] += taken.first_trials
            state.first_events[:] += taken.first_events
            state.second_trials[:] += taken.due_trials
            state.second_events[:] += taken.due_events
        else:
            state.first_trials[:] += taken.due_trials
            state.first_events[:] += taken.due_events
        state.waiting_fast[:], state.waiting_slow[:] = taken.waiting_fast, taken.waiting_slow
        self._next_day(taken.spend)

    def settle(self) -> None:
        """End the taking in: pending is what is expected of the trials that wait, off the stock."""
        state, catalog = self._state, self.world.catalog
        rate = self.reference_rates[-1]
        state.pending_fast[:], state.pending_slow[:] = (
            waiting * rate for waiting in (state.waiting_fast, state.waiting_slow)
        )
        pending = catalog.by_promotion.sum(state.pending_fast + state.pending_slow)
        state.stock_left[:] = np.maximum(state.stock_left - pending, 0.0)
        state.subsidised[:] = state.subsidy_seen + pending @ catalog.unit_subsidy

    def meet(self, exogenous: Exogenous) -> None:
        """Let the world be as given from today on."""
        self.exogenous = exogenous
        self._flights = flight_arrays(self.world, exogenous, self.flights)
