import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from promopilot.predictors import logistic
from promopilot.predictors.base_vectors import changed_weights, restored, vectors_of
from promopilot.predictors.baseline_files import read_baselines, write_baselines
from promopilot.predictors.baselines import NAMES, Baselines, StoredBaselines, fit_baselines
from promopilot.predictors.columns import Columns
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.encoder import load_encoder
from promopilot.predictors.logistic import Design, fit_logistic, sigmoid
from promopilot.predictors.scores import log_loss
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.text_features import Frozen, Tfidf
from promopilot.predictors.training import fit

Parts = tuple[Rows, Rows, Rows]


def letters(texts: list[str]) -> Floats:
    """A stand-in for the base model: how often each of four letters stands in a text."""
    return np.array([[float(text.count(letter)) for letter in "aeio"] for text in texts])


def offsets(*parts: Rows) -> tuple[Floats, ...]:
    return tuple(np.zeros((len(rows), len(rows.stages))) for rows in parts)


def fitted(train: Rows, choose: Rows) -> Baselines:
    return fit_baselines(train, choose, offsets(train, choose)[:2], letters)


@pytest.mark.parametrize("penalty", [0.1, 10.0])
@pytest.mark.parametrize("newton", [True, False])
@pytest.mark.parametrize("sparse_texts", [True, False])
def test_it_is_scikit_learns_logistic_regression(
    penalty: float, newton: bool, sparse_texts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "_NEWTON_SIZE", 100 if newton else 0)
    monkeypatch.setattr(logistic, "_LBFGS_TOLERANCE", 1e-14)
    rng = np.random.default_rng(0)
    rows, texts = 60, 9
    code = rng.integers(0, texts, rows)
    vectors = rng.normal(size=(texts, 4))
    context = rng.normal(size=(rows, 3))
    trials = rng.integers(1, 40, rows)
    successes = rng.binomial(trials, 0.3)
    gather = sparse.csr_matrix((np.ones(rows), (np.arange(rows), code)), shape=(rows, texts))
    given = sparse.csr_matrix(vectors) if sparse_texts else vectors
    design = Design(sparse.csr_matrix(context), given, gather, np.zeros(rows))
    ours = fit_logistic(design, trials.astype(float), successes.astype(float), penalty)
    features = np.hstack([context, vectors[code]])
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(
        np.vstack([features, features]),
        np.repeat([1, 0], rows),
        np.concatenate([successes, trials - successes]),
    )
    assert ours[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert ours[1:] == pytest.approx(theirs.coef_[0], abs=1e-4)


def test_a_fixed_offset_is_kept_and_explained_by_nothing_else() -> None:
    rng = np.random.default_rng(1)
    rows = 400
    x, offset = rng.normal(size=rows), 2.0 * rng.normal(size=rows)
    trials = np.full(rows, 1000.0)
    successes = rng.binomial(1000, sigmoid(-1.0 + 0.5 * x + offset)).astype(float)
    design = Design(
        sparse.csr_matrix(x[:, None]),
        np.zeros((1, 0)),
        sparse.csr_matrix(np.ones((rows, 1))),
        offset,
    )
    beta = fit_logistic(design, trials, successes, 1e-6)
    assert beta == pytest.approx([-1.0, 0.5], abs=0.02)


def test_separated_counts_and_absent_counts_stay_finite() -> None:
    context = sparse.csr_matrix(np.array([[1.0], [-1.0], [0.0]]))
    gather = sparse.csr_matrix(np.ones((3, 1)))
    design = Design(context, np.zeros((1, 0)), gather, np.zeros(3))
    sure = fit_logistic(design, np.full(3, 1e4), np.array([1e4, 0.0, 5e3]), 0.1)
    assert np.isfinite(sure).all()
    assert np.isfinite(fit_logistic(design, np.zeros(3), np.zeros(3), 0.1)).all()


def test_baselines_predict_rows_that_were_held_back(parts: Parts) -> None:
    train, choose, test = parts
    rates = fitted(train, choose).rates(test, *offsets(test), letters)
    assert set(rates) == {"base", *NAMES}
    counts = StageCounts.of(test)
    for z in range(2):
        base = log_loss(rates["base"][:, z], counts.trials[:, z], counts.successes[:, z])
        for name in NAMES:
            mine = log_loss(rates[name][:, z], counts.trials[:, z], counts.successes[:, z])
            assert mine < base


def test_nothing_of_later_rows_enters(parts: Parts) -> None:
    train, choose, test = parts
    stored = fitted(train, choose)
    alone = stored.rates(test.pick(np.arange(5)), np.zeros((5, 2)), letters)
    together = stored.rates(test, *offsets(test), letters)
    for name in NAMES:
        assert alone[name] == pytest.approx(together[name][:5], rel=1e-12)


def test_what_is_new_is_no_obstacle(parts: Parts) -> None:
    train, choose, test = parts
    strange = dataclasses.replace(
        test,
        placement_ids=tuple(f"new {name}" for name in test.placement_ids),
        promotions=dataclasses.replace(
            test.promotions,
            text=np.array([f"{text} !" for text in test.promotions.text], dtype=object),
            fields={},
        ),
    )
    for rates in fitted(train, choose).rates(strange, *offsets(test), letters).values():
        assert ((rates > 0) & (rates < 1)).all()


def test_files_give_the_same_rates_whatever_the_order_of_columns(
    parts: Parts, tmp_path: Path, base_model: Path
) -> None:
    train, choose, test = parts

    def turned(rows: Rows) -> Rows:
        fields = dict(sorted(rows.promotions.fields.items(), reverse=True))
        return dataclasses.replace(
            rows, promotions=dataclasses.replace(rows.promotions, fields=fields)
        )

    stored = fitted(turned(train), turned(choose))
    assert len(stored.columns.fields) > 1
    base = load_encoder(base_model, 0)
    other = load_encoder(base_model, 1)
    with_weights = changed_weights(base, other) | {"embeddings.word_embeddings.weight": _weights()}

    write_baselines(StoredBaselines(stored, with_weights), tmp_path)
    read = read_baselines(tmp_path)
    before = stored.rates(test, *offsets(test), letters)
    after = read.baselines.rates(test, *offsets(test), letters)
    for name, rates in before.items():
        assert after[name] == pytest.approx(rates, rel=1e-12)
    assert list(read.base_weights) == ["embeddings.word_embeddings.weight"]


def _weights() -> torch.Tensor:
    return torch.ones(2, 3)


def test_the_base_model_comes_back_from_what_the_fit_changed(
    parts: Parts, quick: PredictorSettings, base_model: Path, tmp_path: Path
) -> None:
    raw = quick.model_copy(update={"head_epochs": 1, "encoder_learning_rate": 1e-3})
    predictor = fit(parts[0], parts[1], raw, tmp_path / "p", 0)
    stored = predictor.baselines
    assert stored is not None
    assert stored.base_weights  # the top layer learnt
    assert all(name.startswith("layers.1.") for name in stored.base_weights)
    cpu = torch.device("cpu")
    texts = ["10% off soup", "30% off tea"]
    again = vectors_of(
        restored(predictor.funnel.encoder, stored.base_weights), predictor.tokenizer, 64, cpu
    )(texts)
    base = vectors_of(load_encoder(base_model, 0), predictor.tokenizer, 64, cpu)(texts)
    tuned = vectors_of(predictor.funnel.encoder, predictor.tokenizer, 64, cpu)(texts)
    assert again == pytest.approx(base, abs=1e-6)
    assert np.abs(tuned - base).max() > 1e-4
    with pytest.raises(RuntimeError, match="no weight nowhere"):
        restored(predictor.funnel.encoder, {"nowhere": torch.ones(1)})


def test_text_features_know_the_fit_texts_only() -> None:
    tfidf = Tfidf.fit(["green tea", "black tea"])
    assert set(tfidf.words) == {"green", "black", "tea", "green tea", "black tea"}
    found = tfidf.features(["green tea", "red wine"])
    assert found[[0]].power(2).sum() == pytest.approx(1.0)
    assert found[[1]].nnz == 0
    assert Tfidf.fit(["!", "?"]).features(["!"]).shape == (1, 0)
    frozen = Frozen.fit(["aa", "ae"], letters)
    assert frozen.features(["aa", "ae"], letters)[:, :2].std(axis=0) == pytest.approx([1.0, 1.0])
    assert (frozen.features(["o", "i"], letters)[:, 2:] == 0.0).all()  # constant in the fit


def test_a_column_of_groups_is_left_out_where_groups_are_held_out(parts: Parts) -> None:
    train, choose, _ = parts
    group = choose.promotions.fields["group_id"]
    others = dataclasses.replace(
        choose,
        promotions=dataclasses.replace(
            choose.promotions,
            fields={
                **choose.promotions.fields,
                "group_id": np.array([f"other {g}" for g in group], dtype=object),
            },
        ),
    )
    assert "group_id" in Columns.from_rows(train, choose).fields
    assert set(Columns.from_rows(train, others).fields) == {"brand"}
