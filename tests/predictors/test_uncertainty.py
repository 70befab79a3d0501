import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from promopilot.predictors.dataset import Floats
from promopilot.predictors.predictive import ItemCounts, covered, transform
from promopilot.predictors.uncertainty import (
    Residuals,
    StageSpread,
    estimate_spread,
    scaled,
    spread_between,
)

NONE = (0.0, 0.0)


def world(
    shared: float | Callable[[Floats], Floats],
    own: float,
    seed: int = 0,
    promotions: int = 80,
    strangers: bool = False,
    shown: int = 40_000,
) -> Residuals:
    """Ten line items per promotion in two rows each; `shared` may depend on events in the fit."""
    rng = np.random.default_rng(seed)
    promotion = np.repeat(np.arange(promotions), 20)
    item = np.repeat(np.arange(promotions * 10), 2)
    events = np.exp(rng.uniform(np.log(5), np.log(5000), promotions))
    sd = shared(events) if callable(shared) else np.full(promotions, shared)
    shift = (sd * rng.standard_normal(promotions))[promotion]
    shift = shift + own * rng.standard_normal(promotions * 10)[item]
    rate = np.repeat(rng.uniform(0.02, 0.2, promotions * 10), 2)
    truth = 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + shift)))
    trials = np.full(len(item), shown)
    return Residuals(
        promotion=promotion,
        item=item,
        trials=trials.astype(float),
        successes=rng.binomial(trials, truth).astype(float),
        rate=rate,
        is_stranger=np.full(len(item), strangers),
        events=events[promotion],
    )


def shared_sd(spread: StageSpread, events: Floats) -> Floats:
    excess = spread.shared_new**2 - spread.shared**2
    return np.sqrt(spread.shared**2 + excess / (1 + events / spread.half_events))


@pytest.mark.parametrize(("shared", "own"), [(0.3, 0.15), (0.1, 0.25), (0.2, 0.06)])
def test_known_spreads_are_found(shared: float, own: float) -> None:
    found = [estimate_spread(world(shared, own, seed), 0.01, NONE, 0.0) for seed in range(5)]
    typical = [float(np.median(shared_sd(one, world(0, 0).events))) for one in found]
    assert np.sqrt(np.mean(np.square(typical))) == pytest.approx(shared, rel=0.2)
    assert np.mean([one.own for one in found]) == pytest.approx(own, rel=0.15)


def test_few_counts_do_not_bias_the_spread() -> None:
    """Thirty events an item: linearising at the prediction would find a third too much."""
    worlds = [world(0.5, 0.3, seed, shown=140) for seed in range(4)]
    found = [estimate_spread(one, 0.01, NONE, 0.0) for one in worlds]
    assert np.mean([one.own for one in found]) == pytest.approx(0.3, rel=0.15)


def test_what_the_fit_saw_of_a_text_narrows_it() -> None:
    def truth(events: Floats) -> Floats:
        return np.sqrt(0.05**2 + 0.5**2 / (1 + events / 60.0))

    worlds = [world(truth, 0.1, seed, promotions=200) for seed in range(3)]
    found = [estimate_spread(one, 0.01, NONE, 0.0) for one in worlds]
    for events in (0.0, 60.0, 2000.0):
        told = np.mean([shared_sd(one, np.array([events]))[0] for one in found])
        assert told == pytest.approx(truth(np.array([events]))[0], rel=0.2)


def test_eighty_per_cent_intervals_hold_eighty_per_cent_of_later_counts() -> None:
    def truth(events: Floats) -> Floats:
        return np.sqrt(0.1**2 + 0.3**2 / (1 + events / 100.0))

    inside = []
    for seed in range(3):
        spread = estimate_spread(world(truth, 0.15, seed, shown=500), 0.01, NONE, 0.0)
        later = world(truth, 0.15, 100 + seed, shown=500)
        counts = ItemCounts(
            promotion=later.promotion,
            trials=later.trials,
            rate=later.rate,
            sd=np.sqrt(shared_sd(spread, later.events) ** 2 + spread.own**2),
            events=later.successes,
        )
        inside.append(covered(transform(counts)).mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)


def test_heavy_tails_leave_the_middle_as_wide_as_it_is() -> None:
    """One promotion in eight strays far: the standard deviation says more than the middle does."""
    calm, wild = world(0.1, 0.1, promotions=160), world(0.8, 0.1, seed=1, promotions=160)
    far = calm.promotion % 8 == 0
    mixed = dataclasses.replace(calm, successes=np.where(far, wild.successes, calm.successes))
    mixed = dataclasses.replace(mixed, rate=np.where(far, wild.rate, calm.rate))
    spread = estimate_spread(mixed, 0.01, NONE, 0.0)
    counts = ItemCounts(
        promotion=mixed.promotion,
        trials=mixed.trials,
        rate=mixed.rate,
        sd=np.sqrt(shared_sd(spread, mixed.events) ** 2 + spread.own**2),
        events=mixed.successes,
    )
    assert covered(transform(counts)).mean() == pytest.approx(0.8, abs=0.03)


def test_pure_binomial_noise_gives_the_floor() -> None:
    found = estimate_spread(world(0.0, 0.0), 0.05, NONE, 0.0)
    assert found.shared == 0.05
    assert found.own == 0.05


def test_too_little_evidence_falls_back_to_a_stated_width() -> None:
    found = estimate_spread(world(0.0, 0.0, promotions=4), 0.05, NONE, 0.0)
    assert (found.shared, found.own) == (0.5, 0.5)
    assert found.shared_new > found.shared


def test_where_groups_are_held_out_theirs_is_all_the_spread_there_is() -> None:
    found = estimate_spread(world(0.3, 0.1, strangers=True), 0.05, NONE, 9.0)
    assert found.shared_new == found.shared == pytest.approx(0.3, rel=0.2)
    assert found.group == pytest.approx(0.0, abs=0.15)  # eighty of them overrule what was told


def test_few_strangers_leave_what_is_known_of_them_from_elsewhere() -> None:
    found = estimate_spread(world(0.3, 0.1), 0.05, NONE, 0.9)
    assert np.hypot(found.group, found.shared_new) == pytest.approx(max(0.9, found.shared_new))


def test_a_longer_look_back_widens_and_leaves_strangers_alone() -> None:
    spread = StageSpread(0.1, 0.1, 0.2, 0.0, 0.0, 0.6, 50.0)
    wider = scaled(spread, 2.0, 1.5, {"a": 3.0})
    assert (wider.shared, wider.shared_new, wider.own) == (0.2, 0.4, pytest.approx(0.15))
    assert np.hypot(wider.group, wider.shared_new) == pytest.approx(np.hypot(0.6, 0.2))
    assert wider.known == {"a": 3.0}


def test_spread_between_levels() -> None:
    logit = np.array([-1.0, -1.0, -3.0, -3.0])
    level = np.array([1, 1, 3, 3])
    assert spread_between(logit, level, np.ones(4)) == pytest.approx(1.0)
    assert spread_between(logit, np.zeros(4, dtype=np.int64), np.ones(4)) == 0.0
