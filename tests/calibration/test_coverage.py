"""Stated uncertainty holds the truth as often as it says, over shops drawn from the priors.

One value of each kind counts per world, since those of one world share its draws.
"""

from collections import defaultdict

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest
from tests.calibration.shop import Truth, draw_shop

from promopilot.envs.calibration import Calibration, calibrate
from promopilot.envs.calibration.estimate import Estimate

LEVEL = 0.8
AGES = np.array([1.0, 3.0, 7.0])


def compared(found: Calibration, truth: Truth) -> dict[str, tuple[Estimate, np.ndarray | float]]:
    """What calibration says beside what is true, by name."""
    return {
        "price level": (found.price, np.exp(truth.log_price)),
        "price sd": (found.price_sd, truth.price_sd),
        "price persistence": (found.price_persistence, truth.price_persistence),
        "last price": (found.price_deviation, truth.price_deviation),
        "weekday": (found.weekday, truth.weekday),
        "trend": (found.trend, truth.trend),
        "reach": (found.reach, np.exp(truth.log_reach)),
        "supply": (found.supply, np.exp(truth.log_supply)),
        "noise of supply": (found.supply_sd, truth.supply_sd),
        "noise that pools share": (found.supply_day_sd, truth.supply_day_sd),
        "walk of supply": (found.supply_walk_sd, truth.supply_walk_sd),
        "fatigue": (found.fatigue_exponent, truth.fatigue_exponent),
        "walk of rates": (found.rate_walk_sd, truth.rate_walk_sd),
        "noise of first rates": (found.first_day_sd, truth.first_day_sd),
        "noise of second rates": (found.second_day_sd, truth.second_day_sd),
    }


def inside(worlds: range) -> dict[str, list[bool]]:
    """By name, whether the world's one value lies in its central interval."""
    held: dict[str, list[bool]] = defaultdict(list)
    for world in worlds:
        history, truth = draw_shop(np.random.default_rng(world))
        found = calibrate(history)
        for name, (estimate, value) in compared(found, truth).items():
            low, high = (np.ravel(end) for end in estimate.interval(LEVEL))
            one = world % len(low)
            held[name].append(bool(low[one] <= np.ravel(value)[one] <= high[one]))
        assert found.delay_fit is not None
        mean, sd = found.delay_fit.seen(AGES)
        z = np.abs(mean - logit(truth.delay.seen(AGES))) / sd
        for age, far in zip(AGES, z, strict=True):
            held[f"seen within {age:g} days"].append(bool(far < 1.2816))
    return held


@pytest.mark.slow
def test_intervals_of_a_hundred_shops_hold_the_truth_as_often_as_they_say() -> None:
    for name, hits in inside(range(100)).items():
        test = binomtest(sum(hits), len(hits), LEVEL)
        # Of eighteen numbers, two of them close to their bounds: each at 1 % in the whole.
        assert test.pvalue > 0.01 / 18, f"{name}: {sum(hits)} of {len(hits)}"


def test_intervals_of_a_few_shops_hold_most_of_the_truth() -> None:
    held = inside(range(200, 206))
    hits = [hit for found in held.values() for hit in found]
    assert np.mean(hits) > 0.65
