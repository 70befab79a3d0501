"""A random BERT of two tiny layers and a small table with a known truth, for the predictor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit

WORDS = ["off", "national", "brand", "private", "soup", "milk", "beer", "tea", "cheese", "10", "30"]
PRODUCTS = ("soup", "milk", "beer", "tea", "cheese")


def tiny_bert(folder: Path, layers: int = 2) -> Path:
    """Writes a BERT folder with random weights: 32 wide, 200 kB."""
    folder.mkdir(parents=True)
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "%", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab={word: index for index, word in enumerate(vocab)})
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = BertModel(config)
    config.save_pretrained(folder)
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


def tables(
    seed: int = 0, days: int = 28, shared_sd: float = 0.0, clicks: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Twenty promotions in three placements and two segments; product and discount set the rate.

    `shared_sd` shifts each promotion's click logit by a normal draw that no text tells.
    """
    rng = np.random.default_rng(seed)
    promotions = pd.DataFrame(
        [
            {
                "promotion_id": f"{product}-{brand}-{discount}",
                "text": f"{discount}% off {brand} brand {product}",
                "discount": discount / 100,
                "price": 2.0 + index,
                "group_id": product,
                "brand": brand,
            }
            for index, product in enumerate(PRODUCTS)
            for brand in ("national", "private")
            for discount in (10, 30)
        ]
    )
    placements = pd.DataFrame({"placement_id": ["front", "back", "shelf"], "text": "a place"})
    segments = pd.DataFrame({"segment_id": ["low", "high"], "text": "households"})
    grid = pd.MultiIndex.from_product(
        [
            pd.date_range("2024-01-01", periods=days),
            range(len(promotions)),
            range(3),
            range(2),
        ],
        names=["date", "p", "l", "s"],
    ).to_frame(index=False)
    product = grid["p"].to_numpy() // 4
    discount = grid["p"].to_numpy() % 2
    shift = shared_sd * rng.standard_normal(len(promotions))[grid["p"]]
    ctr = _sigmoid(-2.5 + 0.4 * product - 0.5 * grid["l"] + 0.3 * discount + shift)
    cvr = _sigmoid(-1.5 + 0.3 * discount + 0.2 * grid["s"])
    grid["impressions"] = rng.integers(50, 150, len(grid))
    clicked = rng.binomial(grid["impressions"], ctr)
    performance = pd.DataFrame(
        {
            "date": grid["date"],
            "promotion_id": promotions["promotion_id"].to_numpy()[grid["p"]],
            "placement_id": placements["placement_id"].to_numpy()[grid["l"]],
            "segment_id": segments["segment_id"].to_numpy()[grid["s"]],
            "impressions": grid["impressions"],
            "clicks": clicked,
            "conversions": rng.binomial(clicked, cvr),
        }
    )
    if not clicks:
        performance = performance.drop(columns="clicks")
    return promotions, placements, segments, performance


def _sigmoid(logit: "pd.Series[float]") -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.asarray(logit, dtype=float)))


Parts = tuple[Rows, Rows, Rows]


def split(world: tuple[pd.DataFrame, ...], settings: PredictorSettings) -> Parts:
    """Two weeks to fit, one to choose, one to test."""
    promotions, placements, segments, performance = world
    week = (performance["date"] - performance["date"].min()).dt.days // 7
    fit_rows, choose, test = (
        rows_from_tables(promotions, placements, segments, performance[chosen], settings)
        for chosen in (week < 2, week == 2, week == 3)
    )
    return fit_rows, choose, test


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("model") / "bert")


@pytest.fixture(scope="session")
def quick(base_model: Path) -> PredictorSettings:
    """Few passes over few texts: a second or two."""
    return PredictorSettings(
        base_model=base_model,
        trainable_layers=1,
        head_epochs=15,
        epochs=5,
        encoder_learning_rate=1e-4,
        patience=30,
        batch_texts=4,
        head_learning_rate=1e-2,
        averaging=0.8,
        device="cpu",
        precision="fp32",
    )


@pytest.fixture(scope="session")
def parts(quick: PredictorSettings) -> Parts:
    return split(tables(), quick)


@pytest.fixture(scope="session")
def predictor(
    parts: Parts, quick: PredictorSettings, tmp_path_factory: pytest.TempPathFactory
) -> Predictor:
    return fit(parts[0], parts[1], quick, tmp_path_factory.mktemp("fitted") / "predictor", 0)


@pytest.fixture(scope="session")
def world_without_clicks(quick: PredictorSettings) -> Parts:
    return split(tables(clicks=False), quick)


@pytest.fixture(scope="session")
def shifted_world(quick: PredictorSettings) -> Parts:
    """The choose week comes from a world whose promotions are shifted otherwise (sd .4)."""
    train, _, test = split(tables(), quick)
    return train, split(tables(seed=1, shared_sd=0.4), quick)[1], test
