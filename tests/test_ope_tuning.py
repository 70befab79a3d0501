"""Hyper-parameters chosen from the log: grids, SLOPE, and the estimated mean squared error."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import BANDIT
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Terms
from promopilot.experiments.ope.request import made, parse_requests
from promopilot.experiments.ope.tuning import choose, least_error, slope

TUNED = ("ipw_clip", "switch_dr", "dros", "sg_ipw", "sg_dr")
LEAST_BIASED = {"ipw_clip": "ipw", "sg_ipw": "ipw", "switch_dr": "dr", "dros": "dr", "sg_dr": "dr"}


def world(seed, count=1000, actions=10, sharpness=1.5, model_error=0.5):
    """Rows of a made-up log of seldom rewards, and the policy's true value."""
    fixed, rng = np.random.default_rng(1), np.random.default_rng(seed)
    features = rng.normal(size=(count, 4))
    logged, better = fixed.normal(size=(4, actions)), fixed.normal(size=(4, actions))

    def softmax(logits):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    behavior, policy = softmax(features @ logged / 2), softmax(sharpness * features @ better)
    expected = 1.0 / (1.0 + np.exp(2.0 - features @ better / 2))
    row = np.arange(count)
    action = np.minimum((behavior.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1), actions - 1)
    qhat = (1.0 - model_error) * expected + model_error * expected.mean()
    rows = BanditRows(
        reward=(rng.random(count) < expected[row, action]).astype(float),
        weight=policy[row, action] / behavior[row, action],
        q_logged=qhat[row, action],
        q_policy=(policy * qhat).sum(axis=1),
    )
    return rows, float((policy * expected).sum(axis=1).mean())


def grid(name, rows):
    return list(BANDIT.families[name].grid(rows))


@pytest.mark.parametrize("name", TUNED)
def test_a_grid_starts_unshrunk_shrinks_on_and_is_a_handful(name):
    rows, _ = world(0)
    found = grid(name, rows)
    assert 2 < len(found) <= 15
    used = [one.used_weight(rows).max() for one in found]
    assert used[0] == pytest.approx(rows.weight.max(), rel=0.02)
    assert all(before >= after for before, after in pairwise(used))
    assert used[-1] < rows.weight.max() / 5
    first = BANDIT.families[LEAST_BIASED[name]].make()
    assert found[0].estimate(rows) == pytest.approx(first.estimate(rows), rel=0.02)


@pytest.mark.parametrize("name", TUNED)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_neither_grid_nor_choice(name, seed):
    rows, _ = world(seed % 5, count=200)
    order = np.random.default_rng(seed).permutation(200)
    shuffled = BanditRows(
        *(getattr(rows, f)[order] for f in ("reward", "weight", "q_logged", "q_policy"))
    )
    assert grid(name, shuffled) == grid(name, rows)
    group = np.arange(200)
    for method in ("mse", "slope"):
        mixed = choose(method, grid(name, rows), shuffled, group)
        assert mixed == choose(method, grid(name, rows), rows, group)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize(
    "weight", [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0], [1e90, 0, 1]]
)
@pytest.mark.parametrize("method", ["mse", "slope"])
def test_logs_with_no_weight_equal_weights_or_one_weight_are_tuned_too(name, weight, method):
    rows = BanditRows(np.array([0.0, 1.0, 1.0]), np.array(weight), np.zeros(3), np.ones(3))
    choice = choose(method, grid(name, rows), rows, np.arange(3))
    assert choice.candidates == len(grid(name, rows))
    assert np.isfinite(choice.estimator.estimate(rows))


def test_one_group_tells_no_error_and_the_least_biased_is_taken():
    rows, _ = world(0, count=50)
    one = np.zeros(50, dtype=int)
    for method in ("mse", "slope"):
        assert choose(method, grid("dros", rows), rows, one).estimator == grid("dros", rows)[0]


@dataclass(frozen=True)
class Shifted(Estimator[BanditRows]):
    """The mean reward, off by a bias, its spread scaled: what a candidate is to be chosen by."""

    name = "shifted"
    bias: float
    spread: float

    def terms(self, rows):
        return Terms(self.bias + self.spread * (rows.reward - rows.reward.mean()))


def rows_of(count=400):
    reward = np.random.default_rng(3).normal(size=count)
    return BanditRows(reward, np.ones(count), np.zeros(count), np.zeros(count)), np.arange(count)


@pytest.mark.parametrize(
    ("biases", "spreads", "mse", "by_slope"),
    [
        ((0.0, 0.0, 0.0), (4.0, 2.0, 1.0), 2, 2),  # no bias: the steadiest
        ((0.0, 9.0, 9.0), (4.0, 2.0, 1.0), 0, 0),  # bias at once: none
        # Standard errors are .2, .1, .05 and .025: the third is off by half of the first one's.
        ((0.0, 0.0, 0.1, 3.0), (4.0, 2.0, 1.0, 0.5), 1, 2),
        # A later candidate that happens to agree does not undo a break.
        ((0.0, 3.0, 0.0), (4.0, 2.0, 1.0), 2, 0),
    ],
)
def test_what_is_chosen_of_known_biases_and_spreads(biases, spreads, mse, by_slope):
    rows, group = rows_of()
    given = [Shifted(bias, spread) for bias, spread in zip(biases, spreads, strict=True)]
    assert least_error(given, rows, group).estimator == given[mse]
    assert slope(given, rows, group).estimator == given[by_slope]


def test_a_candidate_that_is_not_defined_is_passed_over():
    rows, group = rows_of()
    given = [Shifted(np.nan, 1.0), Shifted(0.0, 2.0), Shifted(0.0, 1.0)]
    for method in ("mse", "slope"):
        assert choose(method, given, rows, group).estimator == given[2]


@pytest.mark.parametrize(("name", "times"), [("ipw_clip", 1.8), ("switch_dr", 2.5), ("dros", 2.5)])
def test_the_tuned_estimator_errs_little_more_than_the_best_candidate(name, times):
    tuned, by_slope, each = [], [], []
    for seed in range(60):
        rows, truth = world(1000 + seed)
        found, group = grid(name, rows), np.arange(len(rows.reward))
        each.append([(one.estimate(rows) - truth) ** 2 for one in found])
        tuned.append((least_error(found, rows, group).estimator.estimate(rows) - truth) ** 2)
        by_slope.append((slope(found, rows, group).estimator.estimate(rows) - truth) ** 2)
    best, worst = np.min(np.mean(each, axis=0)), np.max(np.mean(each, axis=0))
    assert worst > 3 * best  # there is something to choose
    assert np.mean(tuned) < times * best
    assert np.mean(tuned) < np.mean(by_slope)


@pytest.mark.parametrize("name", TUNED)
def test_without_its_setting_an_estimator_is_open_and_not_a_fault(name):
    (request,) = parse_requests([name], BANDIT)
    assert request.params == ()
    with pytest.raises(LogError, match=f"estimator {name} needs lambda="):
        made(request, BANDIT.families[name])
