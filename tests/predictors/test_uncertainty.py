import dataclasses

import numpy as np
import pytest

from promopilot.predictors.uncertainty import Residuals, estimate_spread, spread_between

NONE = (0.0, 0.0, 0.0)


def world(shared: float, own: float, seed: int = 0, promotions: int = 80) -> Residuals:
    """Ten line items per promotion in two rows each, 40,000 impressions a row."""
    rng = np.random.default_rng(seed)
    promotion = np.repeat(np.arange(promotions), 20)
    item = np.repeat(np.arange(promotions * 10), 2)
    shift = shared * rng.standard_normal(promotions)[promotion]
    shift = shift + own * rng.standard_normal(promotions * 10)[item]
    rate = rng.uniform(0.02, 0.2, len(item))
    truth = 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + shift)))
    trials = np.full(len(item), 40_000)
    return Residuals(
        promotion=promotion,
        item=item,
        trials=trials.astype(float),
        successes=rng.binomial(trials, truth).astype(float),
        rate=rate,
        is_new=np.zeros(len(item), dtype=bool),
    )


@pytest.mark.parametrize(("shared", "own"), [(0.3, 0.15), (0.1, 0.25), (0.2, 0.06)])
def test_known_spreads_are_found(shared: float, own: float) -> None:
    found = [estimate_spread(world(shared, own, seed), 0.01, NONE) for seed in range(6)]
    assert np.mean([one.shared for one in found]) == pytest.approx(shared, rel=0.15)
    assert np.mean([one.own for one in found]) == pytest.approx(own, rel=0.15)


def test_pure_binomial_noise_gives_the_floor() -> None:
    found = estimate_spread(world(0.0, 0.0), 0.05, NONE)
    assert found.shared == 0.05
    assert found.own == 0.05


def test_new_texts_are_wider() -> None:
    mixed = world(0.2, 0.1)
    new = mixed.promotion % 4 == 0
    worse = np.where(new, np.minimum(mixed.successes * 1.8, mixed.trials), mixed.successes)
    found = estimate_spread(dataclasses.replace(mixed, is_new=new, successes=worse), 0.05, NONE)
    assert found.shared_new > 2 * found.shared
    assert found.shared == pytest.approx(0.2, rel=0.3)


def test_too_little_evidence_falls_back_to_a_stated_width() -> None:
    found = estimate_spread(world(0.0, 0.0, promotions=4), 0.05, NONE)
    assert (found.shared, found.own) == (0.5, 0.5)
    assert found.shared_new > found.shared


def test_only_new_texts_tell_the_spread_of_new_texts() -> None:
    every = world(0.3, 0.1)
    found = estimate_spread(
        dataclasses.replace(every, is_new=np.ones(len(every.item), dtype=bool)), 0.05, NONE
    )
    assert found.shared_new == found.shared == pytest.approx(0.3, rel=0.3)


def test_spread_between_levels() -> None:
    logit = np.array([-1.0, -1.0, -3.0, -3.0])
    level = np.array([1, 1, 3, 3])
    assert spread_between(logit, level, np.ones(4)) == pytest.approx(1.0)
    assert spread_between(logit, np.zeros(4, dtype=np.int64), np.ones(4)) == 0.0
