import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from promopilot.predictors.baselines import Design, baseline_rates, fit_logistic
from promopilot.predictors.dataset import Rows
from promopilot.predictors.scores import log_loss

Parts = tuple[Rows, Rows, Rows]


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_it_is_scikit_learns_logistic_regression(penalty: float) -> None:
    rng = np.random.default_rng(0)
    rows, texts = 60, 9
    code = rng.integers(0, texts, rows)
    vectors = rng.normal(size=(texts, 4))
    context = rng.normal(size=(rows, 3))
    trials = rng.integers(1, 40, rows)
    successes = rng.binomial(trials, 0.3)
    gather = sparse.csr_matrix((np.ones(rows), (np.arange(rows), code)), shape=(rows, texts))
    design = Design(sparse.csr_matrix(context), vectors, gather)
    ours = fit_logistic(design, trials.astype(float), successes.astype(float), penalty)
    features = np.hstack([context, vectors[code]])
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(
        np.vstack([features, features]),
        np.repeat([1, 0], rows),
        np.concatenate([successes, trials - successes]),
    )
    assert ours[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert ours[1:] == pytest.approx(theirs.coef_[0], abs=1e-4)


def test_fields_predict_rows_that_were_held_back(parts: Parts) -> None:
    train, choose, test = parts
    assert train.conversions is not None
    assert test.conversions is not None
    chosen, rates = baseline_rates(parts, None)
    base = np.full(len(test), train.conversions.sum() / train.impressions.sum())
    assert log_loss(rates, test.impressions, test.conversions) < log_loss(
        base, test.impressions, test.conversions
    )
    assert choose.conversions is not None
    assert (chosen * choose.impressions).sum() == pytest.approx(choose.conversions.sum(), rel=0.05)


def test_text_features_come_from_the_fit_part(parts: Parts) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def length(fit_texts: list[str], texts: list[str]) -> np.ndarray:
        asked.append((fit_texts, texts))
        return np.array([[float(len(text))] for text in texts])

    baseline_rates(parts, length)
    fit_texts, texts = asked[0]
    assert fit_texts == sorted(set(parts[0].promotions.text))
    assert set(fit_texts) <= set(texts)


def test_nothing_of_the_test_part_enters_the_fit(parts: Parts) -> None:
    train, choose, test = parts
    both = baseline_rates((train, choose, test), None)
    again = baseline_rates((train, choose, choose), None)
    assert both[0] == pytest.approx(again[0], rel=1e-12)
