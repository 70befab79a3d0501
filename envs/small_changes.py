"""Dropping changes that are too small to be worth making, where limits allow."""

from __future__ import annotations

import numpy as np

from promopilot.envs.arrays import Floats

_SLIGHT = 1e-12  # of a limit: so much is no violation


def without_small_changes(
    spend: Floats,
    shown: Floats,
    current: Floats,
    current_shown: Floats,
    share: float,
    bounds: tuple[Floats, Floats],
    rows: tuple[Floats, Floats],
    ends: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """Put line items back to what they spend now where the change is small, one after the other.

    Those that spend less than planned then go first, as they leave money for the others. Every step
    keeps the limits, so the result does; it need not be the best such plan.

    Args:
        spend: The plan `[N, L]`.
        shown: Its impressions `[N, L]`.
        current: What is spent now `[N, L]`.
        current_shown: Impressions for that `[N, L]`.
        share: A change below this share of `current` is small.
        bounds: Least and most spend `[N, L]`.
        rows: What limits count, per unit of spend `[R, L]` and per impression `[N, R, L]`.
        ends: Least and most of each limit `[N, R]`.

    Returns:
        Spend and impressions `[N, L]`.
    """
    spend, shown = spend.copy(), shown.copy()
    (least, most), (money, count), (low, high) = bounds, rows, ends
    slight = _SLIGHT * np.maximum(np.abs(np.where(np.isfinite(high), high, 0.0)), 1e-300)
    used = spend @ money.T + np.einsum("nrl,nl->nr", count, shown)
    for frees in (True, False):
        for i in range(spend.shape[1]):
            change = current[:, i] - spend[:, i]
            small = (np.abs(change) < share * current[:, i]) & (change != 0)
            small &= (change < 0) == frees
            small &= (current[:, i] >= least[:, i]) & (current[:, i] <= most[:, i])
            more = current_shown[:, i] - shown[:, i]
            after = used + change[:, None] * money[:, i] + more[:, None] * count[:, :, i]
            # A limit that is broken already, by a rounding error, must not be broken further.
            small &= (after <= np.maximum(high + slight, used)).all(axis=1)
            small &= (after >= np.minimum(low - slight, used)).all(axis=1)
            spend[small, i] = current[small, i]
            shown[small, i] = current_shown[small, i]
            used[small] = after[small]
    return spend, shown
