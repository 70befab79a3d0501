"""Sums over groups, the studentised bootstrap, influence functions and the Bernstein bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as student_t

from promopilot.experiments.ope.estimator import Ratio, Terms
from promopilot.experiments.ope.inference.bernstein import bernstein_interval
from promopilot.experiments.ope.inference.bootstrap import (
    replicate,
    resample,
    studentized_interval,
)
from promopilot.experiments.ope.inference.influence import standard_error, t_interval
from promopilot.experiments.ope.inference.sums import groups_of, sum_by_group


def some_terms(rng, count):
    """A mean, a ratio, and a mean with two ratios."""
    weight, reward = rng.exponential(size=count), rng.normal(1.0, 1.0, size=count)
    ratio = Ratio(weight * reward, weight)
    return [
        Terms(weight * reward),
        Terms(None, (ratio,)),
        Terms(reward, (ratio, Ratio(reward, 1.0 + weight))),
    ]


def test_sums_by_group_add_up():
    group = groups_of(np.array([7, 3, 7, 5]), 10, np.random.default_rng(0))
    values = np.array([1.0, 2.0, 4.0, 8.0])
    sums = sum_by_group(group, values, [Terms(10.0 * values)])
    assert sums.matrix.tolist() == [[1.0, 2.0, 20.0], [1.0, 8.0, 80.0], [2.0, 5.0, 50.0]]


@given(st.lists(st.integers(-3, 5), min_size=1, max_size=30))
def test_groups_are_numbered_from_0_in_the_order_of_clusters(clusters):
    found = groups_of(np.array(clusters), 100, np.random.default_rng(0))
    assert found.tolist() == np.unique(clusters, return_inverse=True)[1].tolist()


@pytest.mark.parametrize("most", [100_000, 500])
def test_dealing_clusters_into_groups_keeps_spread_and_lean(most):
    rng = np.random.default_rng(8)
    values = rng.exponential(size=20_000) ** 2
    group = groups_of(np.arange(20_000), most, rng)
    sums = sum_by_group(group, values, [])
    drawn = resample(sums.matrix, 4000, np.random.default_rng(9))
    mean = sums.logged(drawn)
    assert mean.std() == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.12)
    assert mean.mean() == pytest.approx(values.mean(), rel=0.01)


def test_influence_is_what_leaving_a_group_out_changes():
    rng = np.random.default_rng(1)
    group = np.sort(rng.integers(200, size=1_000))
    group = np.unique(group, return_inverse=True)[1]
    sums = sum_by_group(group, rng.normal(size=1_000), some_terms(rng, 1_000))
    for at in range(3):
        whole = float(sums.values(at, sums.totals()))
        without = sums.values(at, sums.totals() - sums.matrix)
        np.testing.assert_allclose(sums.influence(at), whole - without, rtol=0.05, atol=1e-4)
        assert abs(sums.influence(at).sum()) < 1e-12
    logged = float(sums.logged(sums.totals()))
    without = sums.logged(sums.totals() - sums.matrix)
    np.testing.assert_allclose(sums.influence_of_logged(), logged - without, rtol=0.05, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.1, 100.0))
def test_scaling_what_units_bring_scales_estimates_and_errors(seed, factor):
    group = np.arange(40) // 2

    def replicates(scale):
        rng = np.random.default_rng(seed)
        weight, reward = rng.exponential(size=40), scale * rng.normal(1.0, 1.0, size=40)
        terms = [Terms(weight * reward), Terms(None, (Ratio(weight * reward, weight),))]
        return replicate(sum_by_group(group, reward, terms), 100, np.random.default_rng(0))

    one, other = replicates(1.0), replicates(factor)
    for name in ("value", "value_error", "gain", "gain_error"):
        np.testing.assert_allclose(
            getattr(other, name), factor * getattr(one, name), rtol=1e-9, atol=1e-12
        )


def test_a_replicate_is_the_estimate_and_error_of_the_groups_drawn():
    """Against the same computed from the drawn groups' own units."""
    rng = np.random.default_rng(2)
    group, logged, terms = np.arange(60) // 3, rng.normal(size=60), some_terms(rng, 60)
    sums = sum_by_group(group, logged, terms)
    found = replicate(sums, 5, np.random.default_rng(3))
    picks = np.random.default_rng(3).integers(20, size=(5, 20))
    for number, drawn in enumerate(picks):
        units = (3 * drawn[:, None] + np.arange(3)).ravel()
        for at, one in enumerate(terms):
            again = Terms(
                None if one.plain is None else one.plain[units],
                tuple(Ratio(above[units], below[units]) for above, below in one.ratios),
            )
            mine = sum_by_group(np.arange(60) // 3, logged[units], [again])
            moved = mine.influence(0)
            assert found.value[number, at] == pytest.approx(again.value())
            assert found.value_error[number, at] == pytest.approx(standard_error(moved))
            assert found.gain[number, at] == pytest.approx(again.value() - logged[units].mean())
            gained = standard_error(moved - mine.influence_of_logged())
            assert found.gain_error[number, at] == pytest.approx(gained)


def test_few_replicates_are_drawn_in_the_same_order_as_many():
    sums = sum_by_group(np.arange(30), np.ones(30), some_terms(np.random.default_rng(4), 30))
    few, many = (replicate(sums, count, np.random.default_rng(5)).value for count in (32, 96))
    np.testing.assert_array_equal(few, many[:32])


def test_a_symmetric_spread_gives_about_students_interval():
    rng = np.random.default_rng(6)
    values = rng.normal(size=400)
    sums = sum_by_group(np.arange(400), values, [Terms(values)])
    found = replicate(sums, 4_000, rng)
    error = standard_error(sums.influence(0))
    low, high = studentized_interval(
        values.mean(), error, found.value[:, 0], found.value_error[:, 0], 0.95
    )
    expected = t_interval(values.mean(), sums.influence(0), 0.95)
    assert (low, high) == pytest.approx(expected, abs=0.15 * error)


def test_terms_skewed_to_the_right_stretch_the_upper_end():
    values = np.random.default_rng(7).lognormal(sigma=1.5, size=200)
    sums = sum_by_group(np.arange(200), values, [Terms(values)])
    found = replicate(sums, 2_000, np.random.default_rng(8))
    error = standard_error(sums.influence(0))
    low, high = studentized_interval(
        values.mean(), error, found.value[:, 0], found.value_error[:, 0], 0.95
    )
    usual = float(student_t.ppf(0.975, 199)) * error
    assert high - values.mean() > 1.2 * usual
    assert values.mean() - low > 0.95 * usual  # the other end is no nearer for that


def test_skewed_means_are_covered_where_students_interval_fails():
    truth, hits, plain = np.exp(0.5), 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values = rng.lognormal(size=40)
        sums = sum_by_group(np.arange(40), values, [Terms(values)])
        found = replicate(sums, 400, rng)
        low, high = studentized_interval(
            values.mean(),
            standard_error(sums.influence(0)),
            found.value[:, 0],
            found.value_error[:, 0],
            0.95,
        )
        hits += low <= truth <= high
        low, high = t_interval(values.mean(), sums.influence(0), 0.95)
        plain += low <= truth <= high
    assert binomtest(hits, 200, 0.92, alternative="less").pvalue > 0.01
    assert plain < hits


def test_undefined_replicates_are_left_out_and_too_many_give_no_interval():
    values, errors = np.linspace(-2.0, 2.0, 401), np.ones(401)
    whole = studentized_interval(0.0, 1.0, values, errors, 0.9)
    assert whole == pytest.approx((-1.8, 1.8), abs=0.01)
    some = np.concatenate([values, np.full(50, np.nan)]), np.ones(451)
    assert studentized_interval(0.0, 1.0, *some, 0.9) == whole
    most = np.concatenate([values, np.full(500, np.nan)]), np.ones(901)
    assert np.isnan(studentized_interval(0.0, 1.0, *most, 0.9)).all()


def test_replicates_without_spread_lie_endlessly_far_on_their_side():
    values, errors = np.linspace(-2.0, 2.0, 401), np.ones(401)
    few = np.concatenate([values, np.full(5, -3.0)]), np.concatenate([errors, np.zeros(5)])
    low, high = studentized_interval(0.0, 1.0, *few, 0.9)
    assert low < -1.8
    assert high > 1.8
    more = np.concatenate([values, np.full(80, -3.0)]), np.concatenate([errors, np.zeros(80)])
    assert np.isnan(studentized_interval(0.0, 1.0, *more, 0.9)).all()


def test_what_does_not_vary_or_is_undefined_has_no_interval():
    replicates, errors = np.full(100, 3.0), np.zeros(100)
    assert np.isnan(studentized_interval(3.0, 0.0, replicates, errors, 0.95)).all()
    assert np.isnan(studentized_interval(np.nan, np.nan, replicates, errors, 0.95)).all()


def test_bernsteins_bound_is_maurers_and_pontils():
    values = np.array([0.0, 0.0, 1.0, 0.5, 0.25])
    low, high = bernstein_interval(values.mean(), (values - values.mean()) / 5, 0.95)
    log = np.log(4 / 0.05)
    reach = np.sqrt(2 * values.var(ddof=1) * log / 5) + 7 * log / (3 * 4)
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach))


def test_bernsteins_bound_covers_far_more_often_than_it_says_and_scales():
    hits = 0
    for seed in range(300):
        values = np.random.default_rng(seed).random(50) ** 4
        low, high = bernstein_interval(values.mean(), (values - values.mean()) / 50, 0.95)
        hits += low <= 0.2 <= high
    assert hits == 300
    one = np.array([-1.0, 0.0, 1.0]) / 3
    assert bernstein_interval(0.0, 2 * one, 0.9)[1] == pytest.approx(
        2 * bernstein_interval(0.0, one, 0.9)[1]
    )
    assert np.isnan(bernstein_interval(1.0, np.zeros(1), 0.95)).all()
