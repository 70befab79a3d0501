"""One day of a batch of flights: delivery, response and booking, flight by flight.

Compiled, because a profile of the array version showed passes over temporaries, not arithmetic,
to be most of its time.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.engine.binomial import binomial
from promopilot.envs.engine.delivery import deliver, limit, limit_with_subsidy
from promopilot.envs.engine.streams import CURSOR, OUTCOMES, point


@njit(cache=True, error_model="numpy")
def play(fixed, flights, state, books, day, asked, left, supply, subsidy, seed):  # type: ignore[no-untyped-def]
    """Play a day for every flight.

    With, among what `engine.arrays` describes:
        asked: Money asked for `[N, L]`.
        left: Money that may be spent `[N]`.
        supply: Impressions expected of each pool today `[Q]`.
        subsidy: Subsidy expected per impression `[N, L]`; `[0, 0]` where it is not limited.
        seed: Seed of the study; the day's outcomes are a function of it, flight and day.
    """
    cursor = np.empty(CURSOR, dtype=np.uint64)
    in_pool = np.empty((2, len(supply)))
    rates = np.empty((2, asked.shape[1]))
    tired = np.empty((2, state.fatigue.shape[1]))
    for n in range(len(asked)):
        point(cursor, seed, flights.number[n], OUTCOMES, day)
        total = limit(n, day, fixed, asked, left[n], books.asked[n])
        if len(subsidy) > 0 and total > 0:
            limit_with_subsidy(
                n, day, fixed, flights, supply, subsidy, left[n], total, books.asked[n]
            )
        deliver(
            *(n, day, fixed, flights, books.asked[n], books.spend[n], books.impressions[n]),
            *(in_pool, cursor),
        )
        true_rates(n, day, fixed, flights, state, tired, rates)
        _respond(n, fixed, books, rates, cursor)
        _book(n, day, fixed, flights, state, books, rates, tired, cursor)


@njit(cache=True, error_model="numpy")
def book(fixed, flights, state, books, day, seed, step):  # type: ignore[no-untyped-def]
    """Book a day whose impressions, clicks and demand were decided elsewhere (block by block)."""
    cursor = np.empty(CURSOR, dtype=np.uint64)
    rates = np.empty((2, books.asked.shape[1]))
    tired = np.empty((2, state.fatigue.shape[1]))
    for n in range(len(books.asked)):
        point(cursor, seed, flights.number[n], OUTCOMES, step)
        true_rates(n, day, fixed, flights, state, tired, rates)
        _book(n, day, fixed, flights, state, books, rates, tired, cursor)


@njit(cache=True, error_model="numpy")
def rates_today(fixed, flights, state, day, out):  # type: ignore[no-untyped-def]
    """Both stages' rates of every flight into `out` `[2, N, L]`."""
    tired = np.empty((2, state.fatigue.shape[1]))
    for n in range(out.shape[1]):
        true_rates(n, day, fixed, flights, state, tired, out[:, n])


@njit(cache=True, error_model="numpy")
def true_rates(n, day, fixed, flights, state, tired, rates):  # type: ignore[no-untyped-def]
    """Fatigue factors of audiences, true and believed `[2, A]`, and both stages' rates `[2, L]`."""
    exponent = flights.fatigue_exponent[n]
    for a in range(tired.shape[1]):
        above_usual = math.log1p(state.fatigue[n, a]) - fixed.usual_exposure[a]
        tired[0, a] = math.exp(-exponent * above_usual)
        tired[1, a] = (
            tired[0, a]
            if exponent == fixed.fatigue_exponent
            else math.exp(-fixed.fatigue_exponent * above_usual)
        )
    first_today, second_today = flights.first_day[n, day], flights.second_day[n, day]
    for i in range(rates.shape[1]):
        odds = (
            fixed.first_centre[day, i]
            + flights.first_shift[n, i]
            + state.drift[n, fixed.promotion[i]]
            + first_today
        )
        rates[0, i] = min(tired[0, fixed.audience[i]] / (1 + math.exp(-odds)), 1.0)
        odds = fixed.second_centre[day, i] + flights.second_shift[n, i] + second_today
        rates[1, i] = 1 / (1 + math.exp(-odds))


@njit(cache=True, error_model="numpy")
def _respond(n, fixed, books, rates, cursor):  # type: ignore[no-untyped-def]
    """Clicks, and conversions asked for (stock and budget not yet looked at)."""
    for i in range(rates.shape[1]):
        shown = books.impressions[n, i]
        if fixed.sampled:
            clicks = binomial(cursor, shown, rates[0, i])
            books.clicks[n, i] = clicks
            books.conversions[n, i] = binomial(cursor, clicks, rates[1, i])
        else:
            books.clicks[n, i] = shown * rates[0, i]
            books.conversions[n, i] = books.clicks[n, i] * rates[1, i]


@njit(cache=True, error_model="numpy")
def _book(n, day, fixed, flights, state, books, rates, tired, cursor):  # type: ignore[no-untyped-def]
    """Serve what was asked for from stock and budget, account for it, and let the day end."""
    books_spend = books.spend[n]
    books_conversions = books.conversions[n]
    books_impressions = books.impressions[n]
    books_lost = books.lost[n]
    books_unredeemed = books.unredeemed[n]
    books_conversion_value = books.conversion_value[n]
    books_subsidy = books.subsidy[n]
    books_profit = books.profit[n]
    books_objective = books.objective[n]
    books_mean_objective = books.mean_objective[n]
    state_pending_fast = state.pending_fast[n]
    state_pending_slow = state.pending_slow[n]
    books_observed = books.observed[n]
    books_clicks = books.clicks[n]
    state_waiting_fast = state.waiting_fast[n]
    state_waiting_slow = state.waiting_slow[n]
    state_first_trials = state.first_trials[n]
    state_first_events = state.first_events[n]
    state_second_trials = state.second_trials[n]
    state_second_events = state.second_events[n]
    spend_today = 0.0
    for i in range(rates.shape[1]):
        spend_today += books_spend[i]
    state.spent[n] += spend_today
    room = math.inf
    if fixed.covers_subsidy and fixed.closes:
        room = max(fixed.budget - state.spent[n] - state.subsidised[n], 0.0)
    sampled, has_clicks = fixed.sampled, fixed.has_clicks
    fast_part, fast_stays, slow_stays = flights.delay[n]
    subsidised, subsidy_seen = 0.0, 0.0
    has_past = len(state.past_slow) > 0
    promotion, in_stock, mean_in_stock = -1, 0.0, 0.0
    for i in range(rates.shape[1]):
        if fixed.promotion[i] != promotion:  # line items are sorted by promotion
            promotion = fixed.promotion[i]
            in_stock = mean_in_stock = state.stock_left[n, promotion]
        demand = books_conversions[i]
        served = min(demand, in_stock)
        redeemed = _redeemed(served, room, fixed.unit_subsidy[promotion], sampled)
        taught = _taught(demand, redeemed, in_stock, sampled)
        in_stock -= redeemed
        state.stock_left[n, promotion] = in_stock
        mean = min(books_impressions[i] * rates[0, i] * rates[1, i], mean_in_stock)
        mean_in_stock -= mean
        subsidy = redeemed * fixed.unit_subsidy[promotion]
        room -= subsidy
        subsidised += subsidy
        paid = fixed.spend_weight * books_spend[i]
        books_lost[i] = demand - served
        books_unredeemed[i] = served - redeemed
        books_conversions[i] = redeemed
        books_conversion_value[i] = redeemed * fixed.conversion_value[promotion]
        books_subsidy[i] = subsidy
        books_profit[i] = redeemed * flights.profit[n, promotion]
        books_objective[i] = redeemed * flights.worth[n, promotion] - paid
        books_mean_objective[i] = mean * flights.worth[n, promotion] - paid
        # Conversions that are seen by the next decision; the others stay pending.
        fast = _part(cursor, redeemed, fast_part, sampled)
        slow = state_pending_slow[i] + redeemed - fast
        seen = _part(cursor, slow, 1 - slow_stays, sampled)
        state_pending_slow[i] = slow - seen
        if fast_stays > 0:
            fast += state_pending_fast[i]
            fast_seen = _part(cursor, fast, 1 - fast_stays, sampled)
            state_pending_fast[i] = fast - fast_seen
            seen += fast_seen
        else:
            seen += fast
        books_observed[i] = seen
        if has_past:
            books_observed[i] += _seen_of_past(n, i, state, fast_stays, slow_stays, sampled, cursor)
        subsidy_seen += seen * fixed.unit_subsidy[promotion]
        # What the beliefs take in: trials as if on the reference day and rested, as far as their
        # conversions should have been seen by now, and could be served.
        audience = fixed.audience[i]
        shown = books_impressions[i] * tired[1, audience] * fixed.first_relative[day, i]
        clicked = books_clicks[i] * fixed.second_relative[day, i]
        late = taught * (clicked if has_clicks else shown)
        fast = state_waiting_fast[i] + late * fixed.fast_share
        slow = state_waiting_slow[i] + late * (1 - fixed.fast_share)
        state_waiting_fast[i] = fast * fixed.fast_waits
        state_waiting_slow[i] = slow * fixed.slow_waits
        due = fast * (1 - fixed.fast_waits) + slow * (1 - fixed.slow_waits)
        if has_clicks:
            state_first_trials[i] += shown
            state_first_events[i] += books_clicks[i]
            state_second_trials[i] += due
            state_second_events[i] += seen
        else:
            state_first_trials[i] += due
            state_first_events[i] += seen
        state.fatigue[n, audience] += books_impressions[i] * fixed.per_person[i]
    state.subsidised[n] += subsidised
    state.subsidy_seen[n] += subsidy_seen
    for a in range(tired.shape[1]):
        state.fatigue[n, a] *= fixed.forget


@njit(cache=True, error_model="numpy")
def _taught(demand, redeemed, in_stock, sampled):  # type: ignore[no-untyped-def]
    """Share of a day's trials after which no order was refused.

    Of d orders among trials in random order the first s are served: the trials up to the last of
    these are s / (d + 1) of all in the mean, whatever their number. What the last piece of stock
    ended is counted so too: counting such a day in full only where demand happened to be small
    would bias what is learnt.
    """
    if not sampled:
        return redeemed / demand if redeemed < demand else 1.0
    if redeemed < demand or redeemed >= in_stock:
        return redeemed / (demand + 1)
    return 1.0


@njit(cache=True, error_model="numpy")
def _seen_of_past(n, i, state, fast_stays, slow_stays, sampled, cursor):  # type: ignore[no-untyped-def]
    fast = _part(cursor, state.past_fast[n, i], 1 - fast_stays, sampled)
    slow = _part(cursor, state.past_slow[n, i], 1 - slow_stays, sampled)
    state.past_fast[n, i] -= fast
    state.past_slow[n, i] -= slow
    return fast + slow


@njit(cache=True, error_model="numpy")
def _redeemed(served, room, unit_subsidy, sampled):  # type: ignore[no-untyped-def]
    """What the budget's reserve still pays the subsidy of; whole orders where they are drawn."""
    if unit_subsidy <= 0 or served * unit_subsidy <= room:
        return served
    payable = max(room, 0.0) / unit_subsidy
    return min(math.floor(payable) if sampled else payable, served)


@njit(cache=True, error_model="numpy", inline="always")
def _part(cursor, whole, share, sampled):  # type: ignore[no-untyped-def]
    """A share of what is most often nothing: inlined, so that nothing costs nothing."""
    if whole <= 0:
        part = 0.0
    elif sampled:
        part = binomial(cursor, whole, share)
    else:
        part = whole * share
    return part
