"""What learns in each mode, and how a step is made up."""

from pathlib import Path

import pytest
import torch
from tests.predictors.conftest import Parts

from promopilot.predictors.adapters import AdaptedEncoder
from promopilot.predictors.device import has_bf16
from promopilot.predictors.encoder import TextEncoder, encode, load_encoder
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit


def moved(predictor: Predictor, settings: PredictorSettings) -> set[str]:
    assert isinstance(settings.base_model, Path)
    before = load_encoder(settings.base_model, 0).state_dict()
    after = predictor.funnel.encoder.state_dict()
    assert set(after) == set(before)  # a fitted encoder is a plain one
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize(
    ("mode", "part"),
    [
        ("frozen", lambda names: not names),
        ("top_k", lambda names: names and all(name.startswith("layers.1.") for name in names)),
        ("full", lambda names: {name.split(".")[0] for name in names} == {"layers", "embeddings"}),
        ("lora", lambda names: names and all("query" in n or "value" in n for n in names)),
    ],
)
def test_each_mode_moves_its_own_weights_and_is_read_back(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, mode: str, part: object
) -> None:
    config = quick.model_copy(
        update={"mode": mode, "head_epochs": 2, "epochs": 2, "encoder_learning_rate": 1e-3}
    )
    fitted = fit(parts[0], parts[1], config, tmp_path / mode, 0)
    assert callable(part)
    assert part(moved(fitted, config))
    again = Predictor.load(tmp_path / mode, "cpu").predict(parts[2]).last
    assert torch.equal(torch.tensor(again), torch.tensor(fitted.predict(parts[2]).last))


def test_merging_adapters_changes_nothing(base_model: Path, predictor: Predictor) -> None:
    tokens = predictor.tokens(["30% off soup", "beer", "national brand tea"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adapted = AdaptedEncoder(load_encoder(base_model, 0), rank=4)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:  # starts at zero: nothing adapted yet
                parameter.data.normal_()
    learning = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert 0 < learning < 0.1 * sum(p.numel() for p in adapted.parameters())
    before = encode(adapted, tokens)
    merged = adapted.merged()
    assert type(merged) is TextEncoder
    assert torch.allclose(encode(merged, tokens), before, atol=1e-5)
    assert not torch.allclose(encode(load_encoder(base_model, 0), tokens), before, atol=1e-3)


@pytest.mark.parametrize(("mode", "within"), [("full", 1e-6), ("lora", 1e-4)])
def test_fine_tuning_can_be_taken_back_by_a_share(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, mode: str, within: float
) -> None:
    tuning = {"mode": mode, "head_epochs": 2, "epochs": 2, "encoder_learning_rate": 1e-3}
    none, half, whole = (
        fit(
            *parts[:2],
            quick.model_copy(update=tuning | {"tuned_share": share}),
            tmp_path / str(share),
            0,
        ).funnel.encoder.state_dict()
        for share in (0.0, 0.5, 1.0)
    )
    assert isinstance(quick.base_model, Path)
    base = load_encoder(quick.base_model, 0).state_dict()
    for name, weight in base.items():
        assert torch.equal(none[name], weight)
        assert torch.allclose(half[name], (weight + whole[name]) / 2, atol=within)
    assert any(not torch.equal(whole[name], weight) for name, weight in base.items())


def test_accumulated_steps_are_those_of_large_batches(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    # Without dropout the parts of a batch add up to it.
    still = {"dropout": 0.0, "group_dropout": 0.0, "encoder_dropout": False, "head_epochs": 3}
    still |= {"encoder_learning_rate": 1e-5}  # AdamW enlarges rounding where gradients vanish
    whole, halves = (
        fit(
            *parts[:2],
            quick.model_copy(update=still | {"epochs": 2} | sizes),
            tmp_path / str(sizes["accumulate"]),
            0,
        )
        for sizes in ({"batch_texts": 10, "accumulate": 1}, {"batch_texts": 5, "accumulate": 2})
    )
    for name, value in whole.funnel.encoder.state_dict().items():
        assert torch.allclose(value, halves.funnel.encoder.state_dict()[name], atol=2e-4), name


class Notes:
    """Stands in for a SummaryWriter."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, value, step))


def test_each_pass_is_noted_for_tensorboard(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    notes = Notes()
    few = quick.model_copy(update={"head_epochs": 3, "epochs": 2})
    fitted = fit(parts[0], parts[1], few, tmp_path / "p", 0, scribe=notes)
    tags = [(tag, step) for tag, _, step in notes.scalars if tag.endswith("choose_loss")]
    assert tags == [("head/choose_loss", i) for i in (1, 2, 3)] + [
        ("fine-tuning/choose_loss", i) for i in (1, 2)
    ]
    losses = [value for tag, value, _ in notes.scalars if tag.endswith("choose_loss")]
    assert losses == fitted.record["head_loss"] + fitted.record["fine_tuned_loss"]


def test_bf16_learns_as_float32_does(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    if not has_bf16(torch.device("cpu")):
        pytest.skip("this processor has no bf16 in hardware")
    few = {"head_epochs": 8, "epochs": 3}
    best = {
        precision: fit(
            *parts[:2],
            quick.model_copy(update=few | {"precision": precision}),
            tmp_path / precision,
            0,
        ).record["best"]
        for precision in ("fp32", "bf16")
    }
    assert best["bf16"] == pytest.approx(best["fp32"], rel=1e-3)
