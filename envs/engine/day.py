"""One day of a batch of flights: delivery, response and booking, flight by flight.

Compiled, because a profile of the array version showed passes over temporaries, not arithmetic,
to be most of its time. Phases go over blocks of flights: handing all arrays to a function once for
each flight took as long as the work.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.engine.binomial import binomial
from promopilot.envs.engine.delivery import deliver, limit, limit_with_subsidy
from promopilot.envs.engine.streams import CURSOR, OUTCOMES, point

BLOCK = 16


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
    cursors, rates, tired = _room(fixed, flights, state)
    in_pool = np.empty((2, len(supply)))
    for begin in range(0, len(asked), BLOCK):
        end = min(begin + BLOCK, len(asked))
        for n in range(begin, end):
            point(cursors[n - begin], seed, flights.number[n], OUTCOMES, day)
            total = limit(n, day, fixed, asked, left[n], books.asked[n])
            if len(subsidy) > 0 and total > 0:
                limit_with_subsidy(
                    n, day, fixed, flights, supply, subsidy, left[n], total, books.asked[n]
                )
        deliver(begin, end, day, fixed, flights, books, in_pool, cursors)
        true_rates(begin, end, day, fixed, flights, state, tired, rates)
        _respond(begin, end, fixed, books, rates, cursors)
        _book(begin, end, day, fixed, flights, state, books, rates, tired, cursors)


@njit(cache=True, error_model="numpy")
def book(fixed, flights, state, books, day, seed, step):  # type: ignore[no-untyped-def]
    """Book a day whose impressions, clicks and demand were decided elsewhere (block by block)."""
    cursors, rates, tired = _room(fixed, flights, state)
    for begin in range(0, len(books.asked), BLOCK):
        end = min(begin + BLOCK, len(books.asked))
        for n in range(begin, end):
            point(cursors[n - begin], seed, flights.number[n], OUTCOMES, step)
        true_rates(begin, end, day, fixed, flights, state, tired, rates)
        _book(begin, end, day, fixed, flights, state, books, rates, tired, cursors)


@njit(cache=True, error_model="numpy")
def rates_today(fixed, flights, state, day, out):  # type: ignore[no-untyped-def]
    """Both stages' rates of every flight into `out` `[2, N, L]`."""
    _, rates, tired = _room(fixed, flights, state)
    for begin in range(0, out.shape[1], BLOCK):
        end = min(begin + BLOCK, out.shape[1])
        true_rates(begin, end, day, fixed, flights, state, tired, rates)
        for n in range(begin, end):
            out[:, n] = rates[n - begin, :2]


@njit(cache=True, error_model="numpy")
def _room(fixed, flights, state):  # type: ignore[no-untyped-def]
    """Cursors, and what a block of flights leaves between phases: `[B, 3, L]` and `[B, 2, A]`."""
    block = min(BLOCK, len(flights.number))
    cursors = np.empty((block, CURSOR), dtype=np.uint64)
    rates = np.empty((block, 3, len(fixed.promotion)))
    return cursors, rates, np.empty((block, 2, state.fatigue.shape[1]))


@njit(cache=True, error_model="numpy")
def true_rates(begin, end, day, fixed, flights, state, tired, rates):  # type: ignore[no-untyped-def]
    """Fatigue factors of audiences, true and believed `[B, 2, A]`, and rates `[B, 2 of 3, L]`."""
    for n in range(begin, end):
        exponent = flights.fatigue_exponent[n]
        for a in range(tired.shape[2]):
            above_usual = math.log1p(state.fatigue[n, a]) - fixed.usual_exposure[a]
            tired[n - begin, 0, a] = math.exp(-exponent * above_usual)
            tired[n - begin, 1, a] = (
                tired[n - begin, 0, a]
                if exponent == fixed.fatigue_exponent
                else math.exp(-fixed.fatigue_exponent * above_usual)
            )
        first_today, second_today = flights.first_day[n, day], flights.second_day[n, day]
        for i in range(rates.shape[2]):
            odds = (
                fixed.first_centre[day, i]
                + flights.first_shift[n, i]
                + state.drift[n, fixed.promotion[i]]
                + first_today
            )
            rates[n - begin, 0, i] = min(
                tired[n - begin, 0, fixed.audience[i]] / (1 + math.exp(-odds)), 1.0
            )
            odds = fixed.second_centre[day, i] + flights.second_shift[n, i] + second_today
            rates[n - begin, 1, i] = 1 / (1 + math.exp(-odds))


@njit(cache=True, error_model="numpy")
def _respond(begin, end, fixed, books, rates, cursors):  # type: ignore[no-untyped-def]
    """Clicks, and conversions asked for (stock and budget not yet looked at)."""
    for n in range(begin, end):
        shown, clicks, conversions = books.impressions[n], books.clicks[n], books.conversions[n]
        if fixed.sampled:
            for i in range(len(shown)):
                if shown[i] < 1:  # most line items of a day: no call, and no number drawn
                    clicks[i] = conversions[i] = 0.0
                    continue
                clicks[i] = binomial(cursors[n - begin], shown[i], rates[n - begin, 0, i])
                conversions[i] = binomial(cursors[n - begin], clicks[i], rates[n - begin, 1, i])
        else:
            for i in range(len(shown)):
                clicks[i] = shown[i] * rates[n - begin, 0, i]
                conversions[i] = clicks[i] * rates[n - begin, 1, i]


@njit(cache=True, error_model="numpy")
def _book(begin, end, day, fixed, flights, state, books, rates, tired, cursors):  # type: ignore[no-untyped-def]
    """Serve what was asked for, let conversions be seen, learn, and let the day end."""
    _serve(begin, end, fixed, flights, state, books, rates)
    for n in range(begin, end):
        _see(
            *(flights.delay[n], books.conversions[n], books.observed[n]),
            *(state.pending_fast[n], state.pending_slow[n], fixed.sampled, cursors[n - begin]),
        )
        if fixed.covers_subsidy:
            for i in range(books.observed.shape[1]):
                subsidy = books.observed[n, i] * fixed.unit_subsidy[fixed.promotion[i]]
                state.subsidy_seen[n] += subsidy
    _learn(begin, end, day, fixed, state, books, rates, tired)
    for n in range(begin, end):
        if len(state.past_slow) > 0:  # seen in the flight, but no news of it
            seen, cursor = books.observed[n], cursors[n - begin]
            _see_past(state.past_fast[n], 1 - flights.delay[n, 1], seen, fixed.sampled, cursor)
            _see_past(state.past_slow[n], 1 - flights.delay[n, 2], seen, fixed.sampled, cursor)
        for a in range(state.fatigue.shape[1]):
            state.fatigue[n, a] *= fixed.forget


@njit(cache=True, error_model="numpy")
def _serve(begin, end, fixed, flights, state, books, rates):  # type: ignore[no-untyped-def]
    """Serve what was asked for from stock and budget, and account for it.

    `rates[2]` becomes the share of the day's trials after which no order was refused.
    """
    for n in range(begin, end):
        spend, demanded = books.spend[n], books.conversions[n]
        shown, lost, unredeemed = books.impressions[n], books.lost[n], books.unredeemed[n]
        value, subsidies, profit = books.conversion_value[n], books.subsidy[n], books.profit[n]
        objective, mean_objective = books.objective[n], books.mean_objective[n]
        spent, subsidised = 0.0, 0.0
        for i in range(len(spend)):
            spent += spend[i]
        state.spent[n] += spent
        room = math.inf
        if fixed.covers_subsidy and fixed.closes:
            room = max(fixed.budget - state.spent[n] - state.subsidised[n], 0.0)
        promotion, in_stock, mean_in_stock = -1, 0.0, 0.0
        for i in range(len(spend)):
            if fixed.promotion[i] != promotion:  # line items are sorted by promotion
                promotion = fixed.promotion[i]
                in_stock = mean_in_stock = state.stock_left[n, promotion]
            demand = demanded[i]
            served = min(demand, in_stock)
            redeemed = _redeemed(served, room, fixed.unit_subsidy[promotion], fixed.sampled)
            rates[n - begin, 2, i] = _taught(demand, redeemed, in_stock, fixed.sampled)
            in_stock -= redeemed
            state.stock_left[n, promotion] = in_stock
            mean = min(shown[i] * rates[n - begin, 0, i] * rates[n - begin, 1, i], mean_in_stock)
            mean_in_stock -= mean
            subsidies[i] = redeemed * fixed.unit_subsidy[promotion]
            room -= subsidies[i]
            subsidised += subsidies[i]
            paid = fixed.spend_weight * spend[i]
            lost[i] = demand - served
            unredeemed[i] = served - redeemed
            demanded[i] = redeemed
            value[i] = redeemed * fixed.conversion_value[promotion]
            profit[i] = redeemed * flights.profit[n, promotion]
            objective[i] = redeemed * flights.worth[n, promotion] - paid
            mean_objective[i] = mean * flights.worth[n, promotion] - paid
        state.subsidised[n] += subsidised


@njit(cache=True, error_model="numpy")
def _see(delay, booked, seen, pending_fast, pending_slow, sampled, cursor):  # type: ignore[no-untyped-def]
    """Conversions that are seen by the next decision; the others stay pending.

    It takes rows alone, being called for each flight.
    """
    fast_part, fast_stays, slow_stays = delay[0], delay[1], delay[2]
    if sampled:
        for i in range(len(booked)):
            fast = binomial(cursor, booked[i], fast_part) if booked[i] > 0 else 0.0
            slow = pending_slow[i] + booked[i] - fast
            slow_seen = binomial(cursor, slow, 1 - slow_stays) if slow > 0 else 0.0
            pending_slow[i] = slow - slow_seen
            fast += pending_fast[i]
            draws = fast_stays > 0 and fast > 0
            fast_seen = binomial(cursor, fast, 1 - fast_stays) if draws else fast
            pending_fast[i] = fast - fast_seen
            seen[i] = slow_seen + fast_seen
    else:
        for i in range(len(booked)):
            fast = pending_fast[i] + booked[i] * fast_part
            slow = pending_slow[i] + booked[i] * (1 - fast_part)
            pending_fast[i], pending_slow[i] = fast * fast_stays, slow * slow_stays
            seen[i] = fast * (1 - fast_stays) + slow * (1 - slow_stays)


@njit(cache=True, error_model="numpy")
def _see_past(pending, share, seen, sampled, cursor):  # type: ignore[no-untyped-def]
    for i in range(len(pending)):
        part = binomial(cursor, pending[i], share) if sampled else pending[i] * share
        pending[i] -= part
        seen[i] += part


@njit(cache=True, error_model="numpy")
def _learn(begin, end, day, fixed, state, books, rates, tired):  # type: ignore[no-untyped-def]
    """What audiences have been shown, and what the beliefs take in.

    Trials count as if on the reference day and rested, as far as their conversions should have been
    seen by now and could be served.
    """
    for n in range(begin, end):
        shown, clicks, seen = books.impressions[n], books.clicks[n], books.observed[n]
        first_trials, first_events = state.first_trials[n], state.first_events[n]
        second_trials, second_events = state.second_trials[n], state.second_events[n]
        waiting_fast, waiting_slow = state.waiting_fast[n], state.waiting_slow[n]
        for i in range(len(shown)):
            audience = fixed.audience[i]
            state.fatigue[n, audience] += shown[i] * fixed.per_person[i]
            rested = shown[i] * tired[n - begin, 1, audience] * fixed.first_relative[day, i]
            clicked = clicks[i] * fixed.second_relative[day, i]
            late = rates[n - begin, 2, i] * (clicked if fixed.has_clicks else rested)
            fast = waiting_fast[i] + late * fixed.fast_share
            slow = waiting_slow[i] + late * (1 - fixed.fast_share)
            waiting_fast[i] = fast * fixed.fast_waits
            waiting_slow[i] = slow * fixed.slow_waits
            due = fast * (1 - fixed.fast_waits) + slow * (1 - fixed.slow_waits)
            if fixed.has_clicks:
                first_trials[i] += rested
                first_events[i] += clicks[i]
                second_trials[i] += due
                second_events[i] += seen[i]
            else:
                first_trials[i] += due
                first_events[i] += seen[i]


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
def _redeemed(served, room, unit_subsidy, sampled):  # type: ignore[no-untyped-def]
    """What the budget's reserve still pays the subsidy of; whole orders where they are drawn."""
    if unit_subsidy <= 0 or served * unit_subsidy <= room:
        return served
    payable = max(room, 0.0) / unit_subsidy
    return min(math.floor(payable) if sampled else payable, served)
