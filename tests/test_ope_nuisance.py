"""Folds, samples and cross-fitting with any scikit-learn estimator; the linear model's algebra."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from promopilot.experiments.ope.nuisance.action_scores import ActionScores
from promopilot.experiments.ope.nuisance.basis import basis_of
from promopilot.experiments.ope.nuisance.boosting import boosted_trees
from promopilot.experiments.ope.nuisance.cross_fit import fit_folds
from promopilot.experiments.ope.nuisance.folds import fold_of, folds_of_units, place_of
from promopilot.experiments.ope.nuisance.shrinkage import (
    Penalties,
    fit_shrunken,
    products,
    solve,
)
from promopilot.experiments.ope.settings import OpeSettings

KEYS = np.array([f"d{i}" for i in range(20_000)], dtype=object)


def test_folds_depend_on_the_key_alone():
    fold = fold_of(KEYS, 5)
    assert (fold_of(KEYS[::-1], 5) == fold[::-1]).all()
    assert (fold_of(KEYS[:100], 5) == fold[:100]).all()
    assert np.bincount(fold, minlength=5).min() > len(KEYS) / 5 * 0.95


def test_decisions_of_a_unit_share_a_fold_unless_there_is_but_one():
    unit = np.array([f"u{i // 10}" for i in range(len(KEYS))], dtype=object)
    fold = folds_of_units(unit, KEYS, 5).reshape(-1, 10)
    assert (fold == fold[:, :1]).all()
    assert set(fold[:, 0]) == {0, 1, 2, 3, 4}
    alone = np.full(len(KEYS), "u", dtype=object)
    assert (folds_of_units(alone, KEYS, 5) == fold_of(KEYS, 5)).all()


def test_a_sample_goes_by_the_key_alone_and_not_by_the_fold():
    place = place_of(KEYS)
    assert (place_of(KEYS[::-1]) == place[::-1]).all()
    assert place.min() >= 0.0
    assert place.max() < 1.0
    assert np.mean(place < 0.3) == pytest.approx(0.3, abs=0.02)
    shares = np.bincount(fold_of(KEYS, 5), place < 0.3) / np.bincount(fold_of(KEYS, 5))
    assert shares == pytest.approx(np.full(5, 0.3), abs=0.04)


@pytest.mark.parametrize("make", [LinearRegression, lambda: boosted_trees(OpeSettings(), 0)])
def test_any_regressor_is_cross_fitted(make):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(900, 2))
    target = features[:, 0] + 0.1 * rng.normal(size=900)
    fold = np.arange(900) % 3
    scored = 0
    for model, rows in fit_folds(make, features, target, fold).by_fold(fold):
        seen = fold != fold[rows[0]]
        alone = make().fit(features[seen], target[seen]).predict(features[rows])
        assert (model.predict(features[rows]) == alone).all()
        assert np.mean((alone - features[rows, 0]) ** 2) < 0.05
        scored += len(rows)
    assert scored == 900


def test_at_most_so_many_rows_are_fitted_on():
    class Counting(LinearRegression):
        def fit(self, features, target):
            self.rows_ = len(target)
            return super().fit(features, target)

    features, fold = np.arange(100.0)[:, None], np.arange(100) % 4
    fitted = fit_folds(Counting, features, features[:, 0], fold, most=30)
    assert {model.rows_ for model in fitted.models.values()} == {30}


def test_one_fold_gives_no_model():
    features, fold = np.arange(10.0)[:, None], np.zeros(10, dtype=int)
    fitted = fit_folds(LinearRegression, features, features[:, 0], fold)
    assert not fitted.models
    assert not list(fitted.by_fold(fold))


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    action = rng.integers(3, size=400)
    slopes = rng.normal(size=(3, 3))
    reward = np.einsum("nk,nk->n", design, slopes[action]) + 0.1 * rng.normal(size=400)
    return design, action, reward


@pytest.mark.parametrize("level", [0.5, 30.0])
@pytest.mark.parametrize("slopes", [0.5, 300.0])
def test_coefficients_are_those_of_one_large_ridge_regression(drawn, level, slopes):
    """Common columns and, behind them, a copy per action, each with its own penalty."""
    design, action, reward = drawn
    common = 2.0
    found = solve(
        products(design, action, reward, 3), Penalties(common, level, slopes)
    ).coefficients
    own = [design * (action == a)[:, None] for a in range(3)]
    everything = np.hstack([design, *own])
    penalty = np.array([1e-6, common, common, *([level, slopes, slopes] * 3)])
    left = everything.T @ everything + np.diag(penalty)
    whole = np.linalg.solve(left, everything.T @ reward)
    assert found == pytest.approx(whole[:3] + whole[3:].reshape(3, 3), abs=1e-9)


def test_shrinkage_is_chosen_by_what_the_log_shows(drawn):
    design, action, reward = drawn
    apart = fit_shrunken(design, action, reward, 3)
    each = [
        Ridge(1e-6, fit_intercept=False).fit(design[action == a], reward[action == a]).coef_
        for a in range(3)
    ]
    assert apart == pytest.approx(np.array(each), abs=0.05)
    rng = np.random.default_rng(0)
    noise = fit_shrunken(design, action, 5.0 + rng.normal(size=400), 3)
    assert noise[:, 0] == pytest.approx(np.full(3, 5.0), abs=0.15)
    assert np.abs(noise[:, 1:]).max() < 0.1


def test_errors_from_products_are_those_of_the_rows(drawn):
    design, action, reward = drawn
    sums = products(design, action, reward, 3)
    coefficients = np.arange(9.0).reshape(3, 3)
    left = reward - np.einsum("nk,nk->n", design, coefficients[action])
    assert sums.squared_error(coefficients) == pytest.approx(np.square(left).sum())


@pytest.mark.parametrize("slopes", [3.0, 300.0])
def test_the_likelihood_is_that_of_a_normal_distribution(drawn, slopes):
    """Of rewards whose covariance is that of the random effects; level known, variance profiled."""
    design, action, reward = (part[:60] for part in drawn)
    sums = products(design, action, reward, 3)
    penalties = Penalties(common=2.0, level=5.0, slopes=slopes)
    found = solve(sums, penalties).unlikeliness
    prior = np.diag([1e6, 0.5, 0.5])
    own = np.diag([1.0 / 5.0, 1.0 / slopes, 1.0 / slopes])
    same = action[:, None] == action
    covariance = np.eye(60) + design @ prior @ design.T + same * (design @ own @ design.T)
    least = reward @ np.linalg.solve(covariance, reward)
    expected = 60 * np.log(least) + np.linalg.slogdet(covariance)[1]
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_design_has_mean_0_and_variance_1_and_no_empty_column():
    rng = np.random.default_rng(0)
    features = np.column_stack(
        [
            rng.normal(size=600) * 1e6,
            rng.integers(3, size=600),
            np.full(600, 4.0),
            np.full(600, np.nan),
            np.where(rng.random(600) < 0.1, np.inf, rng.normal(size=600)),
        ]
    )
    basis = basis_of(features, 10)
    design = basis.design(features)
    assert (design[:, 0] == 1.0).all()
    assert design[:, 1:].mean(axis=0) == pytest.approx(np.zeros(design.shape[1] - 1), abs=1e-9)
    assert design[:, 1:].std(axis=0) == pytest.approx(np.ones(design.shape[1] - 1))
    assert (basis.design(features[:5]) == design[:5]).all()
    unknown = basis.design(np.array([[0.0, 17.0, 4.0, 1.0, 0.0]]))  # a level never met
    assert np.isfinite(unknown).all()


@pytest.mark.parametrize("actions", [2, 300, 5000])
def test_products_of_features_stop_where_there_is_no_room(actions):
    features = np.random.default_rng(0).normal(size=(200, 30))
    width = basis_of(features, actions).design(features).shape[1]
    assert width == {2: 1 + 30 * 4 + 60, 300: 1 + 30 + 27, 5000: 1 + 30}[actions]


def test_scores_are_scaled_over_the_rows_given_and_gaps_are_average():
    values = np.array([[[1.0, 7.0], [np.nan, np.nan]], [[3.0, 7.0], [5.0, 7.0]]])  # [C, A, S]
    context, action = np.array([0, 1, 0]), np.array([0, 0, 1])
    scaled = ActionScores(values).scaled(context, action)
    assert scaled[:, :, 0] == pytest.approx(np.array([[-1.0, 0.0], [1.0, 3.0]]))
    assert (scaled[:, :, 1] == 0.0).all()
