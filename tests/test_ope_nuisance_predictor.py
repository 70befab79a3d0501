"""A predictor of rates as a reward model: context by context, calibrated to the log's reward."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from transformers import BertConfig, BertModel, BertTokenizer

from promopilot.experiments.config import make_config
from promopilot.experiments.errors import LogError
from promopilot.experiments.example import example_tables, write_example
from promopilot.experiments.ope.bandit.database import open_database
from promopilot.experiments.ope.bandit.log_file import open_log
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance import predictor_rewards
from promopilot.experiments.ope.nuisance.choose import reward_model_for
from promopilot.experiments.ope.nuisance.folds import fold_of
from promopilot.experiments.ope.nuisance.reward_model import fit_rewards
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder
from promopilot.experiments.tables import read_tables
from promopilot.predictors.host import LocalHost

COUNT = 3000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    return folder / "data"


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """A predictor on a BERT of one layer and eight dimensions, made of chance."""
    base = tmp_path_factory.mktemp("bert")
    texts = example_tables(0)["promotions"]["text"].str.lower().str.findall(r"[a-z]+|[^a-z ]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({w for t in texts for w in t})]
    (base / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(base / "vocab.txt")).save_pretrained(base)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)).save_pretrained(
        base
    )
    config = make_config(
        {}, ["predictor.epochs=2", "predictor.mode=frozen", f"predictor.base_model={base}"]
    )
    out = tmp_path_factory.mktemp("models") / "shop"
    fit_from_folder(data, out, config, 0, silent)
    return out


@pytest.fixture(scope="module")
def settings(data, model):
    return OpeSettings(reward_model="predictor", predictor=model, data=data)


@pytest.fixture(scope="module")
def frame(data):
    """Decisions worth 1000 times the line item's rate in `performance`, and noise; `none` is 0."""
    rng = np.random.default_rng(0)
    tables = read_tables(data)
    names = [*tables.promotions["promotion_id"], "none"]
    keys = ["promotion_id", "placement_id", "segment_id"]
    sums = tables.performance.groupby(keys)[["impressions", "conversions"]].sum()
    log = pd.DataFrame(
        {
            "decision_id": [f"d{i:05d}" for i in range(COUNT)],
            "action": rng.choice(names, COUNT),
            "x_placement": rng.choice(tables.placements["placement_id"], COUNT),
            "x_segment": rng.choice(tables.segments["segment_id"], COUNT),
            "timestamp": rng.choice(["2025-05-01", "2025-05-02T08:30"], COUNT),
            "propensity": 1.0 / len(names),
        }
    )
    shown = pd.MultiIndex.from_frame(log[["action", "x_placement", "x_segment"]])
    rate = (sums["conversions"] / sums["impressions"]).reindex(shown).fillna(0.0)
    log["truth"] = 1000.0 * rate.to_numpy()
    return log.assign(reward=log["truth"] + rng.normal(size=COUNT))


def opened(folder, frame, settings, also=()):
    """The choice of a model for a log in a file, and the log as one block."""
    path = folder / "log.csv"
    frame.drop(columns="truth", errors="ignore").to_csv(path, index=False)
    with open_database(500) as database:
        log = open_log(database, path)
        log = replace(log, actions=(*log.actions, *also))
        (block,) = log.blocks(log.count)
        return reward_model_for(log, settings, 0), block


def estimates(choice, block, settings, reward=None):
    log = block.log if reward is None else replace(block.log, reward=reward)
    fold = fold_of(block.decision, 3)
    features = choice.features(block)
    return fit_rewards(log, features, fold, settings, 0, choice.make).predict(features, fold), fold


def test_rates_become_rewards(tmp_path, frame, settings):
    choice, block = opened(tmp_path, frame, settings)
    found, _ = estimates(choice, block, settings)
    assert found.shape == (COUNT, len(block.log.actions))
    taken = found[np.arange(COUNT), block.log.action]
    truth = frame["truth"].to_numpy()
    assert np.mean((taken - truth) ** 2) < 0.2 * truth.var()


def test_a_decisions_own_reward_does_not_reach_its_estimate(tmp_path, frame, settings):
    choice, block = opened(tmp_path, frame, settings)
    before, fold = estimates(choice, block, settings)
    moved = block.log.reward + 100.0 * (fold == 2)
    after, _ = estimates(choice, block, settings, moved)
    assert (after[fold == 2] == before[fold == 2]).all()
    assert (after[fold != 2] != before[fold != 2]).any()


def test_an_evaluation_with_a_predictor_reads_files_as_any_other(tmp_path, frame, settings):
    path = tmp_path / "log.parquet"
    frame.drop(columns="truth").to_parquet(path)
    best = frame.groupby("action")["truth"].mean().idxmax()
    inputs = Inputs(path, f"always:{best}")
    few = settings.model_copy(update={"replicates": 100})
    result = evaluate_files(inputs, tmp_path / "out", few, 0)
    found = {one["estimator"]: one for one in result["estimates"]}
    places = ["x_placement", "x_segment"]
    worth = frame[frame["action"] == best].groupby(places)["truth"].first()
    truth = worth.reindex(pd.MultiIndex.from_frame(frame[places])).mean()
    assert found["dm"]["estimate"] == pytest.approx(truth, rel=0.1)
    low, high = found["dr"]["ci95"]
    assert low < truth < high


def test_a_promotion_that_the_log_never_shows_is_judged_by_its_text(tmp_path, frame, settings):
    truth = frame.groupby("action")["truth"].mean().drop("none")
    missed = {"predictor": [], "boosting": []}
    for name, worth in truth.items():
        rest = frame[frame["action"] != name]
        for chosen in (settings, OpeSettings()):
            choice, block = opened(tmp_path, rest, chosen, also=(name,))
            found, _ = estimates(choice, block, chosen)
            missed[chosen.reward_model].append(abs(found[:, -1].mean() - worth))
    # Medians: the little model of this test is far off for one of the eight texts.
    assert np.median(missed["predictor"]) < 0.75 * np.median(missed["boosting"])


def test_each_text_is_encoded_once(tmp_path, frame, settings, data, monkeypatch):
    seen = []
    closed = LocalHost.close
    monkeypatch.setattr(
        LocalHost, "close", lambda self: seen.append(self.measures()) or closed(self)
    )
    monkeypatch.setattr(predictor_rewards, "_ROWS", 200)  # several passes
    opened(tmp_path, frame, settings)
    (measures,) = seen
    assert measures.requests > 1
    assert measures.encoded == len(read_tables(data).promotions)


def test_places_may_be_numbers_and_dates_may_be_absent(tmp_path, frame, settings, data):
    tables = read_tables(data)
    as_ids, _ = opened(tmp_path, frame, settings)
    numbers = frame.assign(
        x_placement=frame["x_placement"].map(list(tables.placements["placement_id"]).index),
        x_segment=frame["x_segment"].map(list(tables.segments["segment_id"]).index),
    )
    choice, block = opened(tmp_path, numbers, settings)
    named = choice.contexts.frame().iloc[choice.contexts.codes(block)]
    assert (named["placement_id"].to_numpy() == frame["x_placement"].to_numpy()).all()
    assert (named["segment_id"].to_numpy() == frame["x_segment"].to_numpy()).all()
    dated = named["date"].dt.strftime("%Y-%m-%d").to_numpy()
    assert (dated == frame["timestamp"].str[:10].to_numpy()).all()
    undated, _ = opened(tmp_path, frame.drop(columns="timestamp"), settings)
    assert "date" not in undated.contexts.frame()
    assert as_ids.contexts.shape == (3, 2, 2)
    assert undated.contexts.shape == (3, 2, 1)


FAULTS = [
    ({"action": "soap-5"}, r"action 'soap-5' is no promotion of the tables in .*data"),
    ({"x_placement": "moon"}, r"log.csv, row 3: x_placement is 'moon'; the tables in data have"),
    ({"x_segment": ""}, r"log.csv, row 3: x_segment is empty; the tables in data have"),
    ({"timestamp": "soon"}, r"log.csv, row 3: timestamp is 'soon'; it must be an ISO date"),
    ({"timestamp": ""}, r"log.csv, row 3: timestamp is empty; a predictor needs a date"),
]


@pytest.mark.parametrize(("bad", "message"), FAULTS)
def test_what_a_predictor_cannot_place_is_named(tmp_path, frame, settings, bad, message):
    few = frame.head(50).copy()
    for column, value in bad.items():
        few.loc[1, column] = value
    with pytest.raises(LogError, match=message):
        opened(tmp_path, few, settings)


def test_a_predictor_needs_to_know_the_place(tmp_path, frame, settings):
    with pytest.raises(LogError, match=r"log.csv has no column 'x_placement'; the tables in data"):
        opened(tmp_path, frame.drop(columns="x_placement"), settings)


@pytest.mark.parametrize("missing", ["predictor", "data"])
def test_both_folders_must_be_named(tmp_path, frame, settings, missing):
    with pytest.raises(LogError, match=r"name a folder of `predictor fit` with ope.predictor"):
        opened(tmp_path, frame, settings.model_copy(update={missing: None}))
