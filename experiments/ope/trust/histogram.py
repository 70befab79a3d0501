"""Where the weights lie: a histogram with bins of equal ratio."""

from typing import Any

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray

# Bins for positive weights; powers of 2 that cover them are widened until they are so few.
_BINS = 16


def weight_histogram(weight: FloatArray) -> list[dict[str, Any]]:
    """Bins from low to high: ends, units in it, and its share of the total weight.

    Edges are powers of 2 (of 4, 16, ... where weights span more), a bin holds its lower end; zeros
    stand in a bin of their own from 0 to 0. The last edge lies above the largest weight.

    Args:
        weight: [n], at least 0.
    """
    positive = weight[weight > 0.0]
    zeros = len(weight) - len(positive)
    bins: list[dict[str, Any]] = []
    if zeros:
        bins.append({"from": 0.0, "to": 0.0, "units": zeros, "weight_share": 0.0})
    if len(positive) == 0:
        return bins
    _, power = np.frexp(positive)  # weight in [2^(power - 1), 2^power)
    place = np.asarray(power, dtype=np.int64) - 1
    width = 1
    while place.max() // width - place.min() // width >= _BINS:
        width *= 2
    place = place // width
    first = int(place.min())
    units = np.bincount(place - first)
    scale = float(positive.max())
    held = np.bincount(place - first, positive / scale)
    total = float(held.sum())
    for at, (count, part) in enumerate(zip(units, held, strict=True)):
        low = float(np.exp2(float((first + at) * width)))
        bins.append(
            {
                "from": low,
                "to": float(np.exp2(float((first + at + 1) * width))),
                "units": int(count),
                "weight_share": float(part) / total,
            }
        )
    return bins
