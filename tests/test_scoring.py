"""From tables to a predictor and to rates.csv, with a tiny BERT instead of the packaged one."""

import json
from pathlib import Path

import pandas as pd
import pytest
from transformers import BertConfig, BertModel, BertTokenizer

from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.example import example_tables, write_example
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder, predict_to_csv

RATES = ["ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and eight dimensions, made of chance."""
    folder = tmp_path_factory.mktemp("bert")
    texts = example_tables(0)["promotions"]["text"].str.lower().str.findall(r"[a-z]+|[^a-z ]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({w for t in texts for w in t})]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    return folder / "data"


def quick(base: Path, *overrides: str) -> RunConfig:
    few = ["predictor.epochs=2", "predictor.mode=frozen", f"predictor.base_model={base}"]
    return make_config({}, [*few, *overrides])


@pytest.fixture(scope="module")
def model(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "shop"
    metrics = fit_from_folder(data, out, quick(base), 0, silent)
    assert json.loads((out / "metrics.json").read_text()) == metrics
    return out


def test_the_last_flight_is_held_out_and_scored(model: Path) -> None:
    test = json.loads((model / "metrics.json").read_text())["predictor"]["test"]
    assert {"log_loss", "log_loss_base", "baselines", "spearman", "ece"} <= set(test)
    assert set(test["baselines"]) == {"one_hot", "tfidf", "frozen"}
    performance = example_tables(1)["performance"]
    last = performance["date"] > str(pd.Timestamp(performance["date"].max()) - pd.Timedelta("28D"))
    assert test["impressions"] == performance.loc[last, "impressions"].sum()


def test_predict_scores_the_line_items_and_dates_of_performance(
    model: Path, data: Path, tmp_path: Path
) -> None:
    summary = predict_to_csv(model, data, tmp_path / "rates.csv", silent)
    rates = pd.read_csv(tmp_path / "rates.csv")
    keys = ["promotion_id", "placement_id", "segment_id", "date"]
    performance = pd.read_csv(data / "performance.csv")
    assert list(rates.columns) == [*keys, *RATES]
    assert summary["rows"] == len(rates) == len(performance)
    assert (rates[keys] == performance[keys]).all(axis=None)
    assert rates[RATES].gt(0).all(axis=None)
    assert (rates["ctcvr"] - rates["ctr"] * rates["cvr"]).abs().max() < 1e-8
    assert [p.name for p in tmp_path.iterdir()] == ["rates.csv"]


def test_predict_reads_no_outcomes(model: Path, data: Path, tmp_path: Path) -> None:
    for name in ("promotions", "placements", "segments"):
        (tmp_path / f"{name}.csv").write_bytes((data / f"{name}.csv").read_bytes())
    keys = ["promotion_id", "placement_id", "segment_id", "date"]
    performance = pd.read_csv(data / "performance.csv").head(20)
    performance[keys].to_csv(tmp_path / "performance.csv", index=False)
    predict_to_csv(model, tmp_path, tmp_path / "bare.csv", silent)
    predict_to_csv(model, data, tmp_path / "full.csv", silent)
    bare, full = pd.read_csv(tmp_path / "bare.csv"), pd.read_csv(tmp_path / "full.csv").head(20)
    pd.testing.assert_frame_equal(bare, full, rtol=1e-5)


def test_without_performance_every_line_item_gets_its_weekly_mean(
    model: Path, data: Path, tmp_path: Path
) -> None:
    for name in ("promotions", "placements", "segments"):
        (tmp_path / f"{name}.csv").write_bytes((data / f"{name}.csv").read_bytes())
    predict_to_csv(model, tmp_path, tmp_path / "rates.csv", silent)
    rates = pd.read_csv(tmp_path / "rates.csv")
    assert list(rates.columns) == ["promotion_id", "placement_id", "segment_id", *RATES]
    assert len(rates) == 8 * 3 * 2 == len(rates.drop_duplicates(list(rates.columns[:3])))
    predict_to_csv(model, data, tmp_path / "dated.csv", silent)
    # The last week: without dates the level is that of the last days.
    week = pd.read_csv(tmp_path / "dated.csv").sort_values("date").tail(7 * len(rates))
    means = week.groupby(list(rates.columns[:3]))["ctcvr"].mean()
    given = rates.set_index(list(rates.columns[:3]))["ctcvr"]
    assert (means / given - 1).abs().max() < 1e-5


def test_a_model_never_replaces_something_else(base: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(RunFolderError, match="holds files that are no predictor"):
        fit_from_folder(data, tmp_path, quick(base), 0, silent)
    with pytest.raises(RunFolderError, match="is a file: name a folder"):
        fit_from_folder(data, tmp_path / "thesis.docx", quick(base), 0, silent)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_model_is_replaced_only_when_asked(base: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "predictor.json").write_text("{}")
    with pytest.raises(RunFolderError, match="holds a predictor already; start anew with --over"):
        fit_from_folder(data, tmp_path, quick(base), 0, silent)
    fit_from_folder(data, tmp_path, quick(base), 0, silent, overwrite=True)
    assert (tmp_path / "model_card.md").is_file()


def test_rates_need_a_folder_to_stand_in(model: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a folder"):
        predict_to_csv(model, data, tmp_path / "none" / "rates.csv", silent)


def days(first: str, last: str) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.date_range(first, last)})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["flight.start=2024-12-01"], "the flight starts on 2024-12-01, outside the data"),
        (["flight.start=2025-01-01"], "outside the data: `performance` covers 2025-01-01 to"),
        (["flight.start=2026-01-01"], "at most `$.flight.history_days` (35) days after its last"),
        (["split.choose_from=2025-06-01"], "the dates are not in order"),
        (["split.fit_from=2025-03-01", "split.choose_from=2025-02-01"], "`$.split.fit_from` 2025"),
    ],
)
def test_a_flight_outside_the_data_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        resolve_dates(make_config({}, overrides), days("2025-01-01", "2025-04-30"))
    assert said in str(error.value)


def test_a_run_needs_a_history() -> None:
    with pytest.raises(ConfigError, match="`performance` has no rows"):
        resolve_dates(RunConfig(), days("2025-01-02", "2025-01-01"))


def test_the_parts_share_no_day_and_none_lies_in_the_flight() -> None:
    table = days("2025-01-01", "2025-06-30")
    dates = resolve_dates(make_config({}, ["flight.start=2025-05-01"]), table)
    parts = [part(table)["date"] for part in (dates.fit, dates.choose, dates.flight)]
    assert sum(map(len, parts)) == len(pd.concat(parts).unique())
    assert parts[0].max() < parts[1].min()
    assert parts[1].max() < pd.Timestamp("2025-05-01") == parts[2].min()
    assert len(parts[2]) == 28
    assert dates.history(table)["date"].agg(["min", "max", "size"]).tolist() == [
        *(pd.Timestamp("2025-03-27"), pd.Timestamp("2025-04-30")),
        35,
    ]
