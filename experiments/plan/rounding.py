"""Money in cents that still sums: largest remainder."""

import numpy as np

from promopilot.envs.arrays import Floats, Ints


def to_cents(amounts: Floats, total: int) -> Ints:
    """Whole cents of each amount that sum to `total` cents.

    Each amount (in money) is cut to whole cents, and the cents missing go to the largest remainders
    (Hamilton's method), the first of equals first. Amounts of 0 get a cent only if nothing else is
    left to give it to.

    Args:
        amounts: Money `[n]`; negative amounts are cut downwards.
        total: Cents to be given out, within n of the sum of the amounts.
    """
    exact = amounts * 100
    # A sum of floats a hair below a whole cent is that cent.
    whole = np.floor(exact + 1e-7).astype(np.int64)
    remainder = exact - whole
    missing = int(total - whole.sum())
    if missing > 0:
        order = np.argsort(-np.where(amounts == 0, -1.0, remainder), kind="stable")
        whole[order[:missing]] += 1
    elif missing < 0:
        order = np.argsort(np.where(whole > 0, remainder, 2.0), kind="stable")
        whole[order[:-missing]] -= 1
    return whole


def days_in_cents(amounts: Floats, most: float, most_a_day: float) -> Ints:
    """Cents `[D, L]` of spends `[D, L]`: days sum to their rounded totals, nothing passes a limit.

    Args:
        amounts: Money per day and line item.
        most: Money for the flight.
        most_a_day: Money for a day; inf where free.
    """
    by_day = amounts.sum(axis=1)
    limit = int(np.floor(most * 100 + 1e-7))
    days = to_cents(by_day, min(int(np.rint(by_day.sum() * 100)), limit))
    if np.isfinite(most_a_day):
        days = np.minimum(days, int(np.floor(most_a_day * 100 + 1e-7)))
    return np.stack([to_cents(row, int(total)) for row, total in zip(amounts, days, strict=True)])


def money_columns(amounts: Floats) -> Floats:
    """Money `[D, L]` in whole cents, each day summing to its own rounded total."""
    totals = np.rint(amounts.sum(axis=1) * 100).astype(np.int64)
    rows = [to_cents(row, int(total)) for row, total in zip(amounts, totals, strict=True)]
    return np.stack(rows) / 100
