"""What bad input gets from `predictor fit`, `predictor predict` and `data check`: one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from tests.small_shop import START, write_small_shop

runner = CliRunner()
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_shop(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def model(shop: Path) -> Path:
    out = shop.parent / "model"
    result = fit(shop, shop.parent / "shop" / "data", out)
    assert result.exit_code == 0, result.stderr
    return out


def fit(shop: Path, data: Path, out: Path, *sets: str) -> Result:
    options = [part for text in sets for part in ("--set", text)]
    arguments = ["--config", str(shop), "--data", str(data), "--out", str(out), *options]
    return runner.invoke(app, ["predictor", "fit", *arguments])


def changed(shop: Path, folder: Path, change: Callable[[Frames], None]) -> Path:
    source = shop.parent / "shop" / "data"
    frames = {path.stem: pd.read_csv(path) for path in source.glob("*.csv")}
    change(frames)
    folder.mkdir()
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def at(table: str, column: str, value: object) -> Callable[[Frames], None]:
    """Writes a value into the first row of a column."""

    def change(frames: Frames) -> None:
        frames[table][column] = frames[table][column].astype(object)
        frames[table].loc[0, column] = value

    return change


def everywhere(**columns: object) -> Callable[[Frames], None]:
    def change(frames: Frames) -> None:
        frames["performance"] = frames["performance"].assign(**columns)

    return change


def without(*columns: str) -> Callable[[Frames], None]:
    def change(frames: Frames) -> None:
        frames["performance"] = frames["performance"].drop(columns=list(columns))

    return change


def doubled(frames: Frames) -> None:
    table = frames["performance"]
    frames["performance"] = pd.concat([table, table["clicks"]], axis=1)


def every_impression_clicked(frames: Frames) -> None:
    table = frames["performance"]
    table["clicks"] = table["impressions"]


REFUSED = {
    "empty text": (
        at("promotions", "text", ""),
        "promotions.csv, row 2, column text must be filled",
    ),
    "white space": (at("promotions", "text", " \t "), "promotions.csv, row 2, column text"),
    "more clicks": (
        at("performance", "clicks", 10**9),
        "performance.csv, row 2, column clicks, impressions: '1000000000, ",
    ),
    "nothing shown": (
        everywhere(impressions=0, clicks=0, conversions=0),
        "performance.csv, column impressions must be above 0 in some row",
    ),
    "no conversion": (everywhere(conversions=0), "has no conversions: widen its dates"),
    "no click": (everywhere(clicks=0, conversions=0), "has no clicks: widen its dates"),
    "all clicked": (every_impression_clicked, "every impression has its clicks"),
    "NaN price": (at("promotions", "price", "nan"), "promotions.csv, row 2, column price: 'nan'"),
    "no impressions": (
        without("impressions"),
        "performance.csv, column impressions is a required column",
    ),
    "no outcome": (without("clicks", "conversions"), "neither a column clicks nor conversions"),
    "doubled": (doubled, "performance.csv, row 1, column clicks must appear once in the header"),
    "no date": (
        at("performance", "date", "6 March"),
        "performance.csv, row 2, column date: '6 March' must be an ISO date",
    ),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_fit_refuses_it_in_one_sentence(
    shop: Path, tmp_path: Path, change: Callable[[Frames], None], said: str
) -> None:
    result = fit(shop, changed(shop, tmp_path / "data", change), tmp_path / "model")
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("text_template='{text} {colour}'", "no column 'colour'"),
        ("text_template='{text} {categori}'", "did you mean {category}?"),
        ("text_template='{text.upper}'", "$.predictor.text_template"),
        ("text_template='{price:d%}'", "$.predictor.text_template"),
        ("base_model=no/such/folder/here", "which is no folder"),
    ],
)
def test_a_setting_that_does_not_suit_is_refused(
    shop: Path, tmp_path: Path, setting: str, said: str
) -> None:
    data = shop.parent / "shop" / "data"
    result = fit(shop, data, tmp_path / "model", f"predictor.{setting}")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "model").exists()


def foreign(frames: Frames) -> None:
    frames["promotions"]["text"] = [
        f"全新商品 限时优惠 {i}" for i in range(len(frames["promotions"]))
    ]


def test_texts_that_the_model_cannot_read_are_said_once_and_recorded(
    shop: Path, model: Path, tmp_path: Path
) -> None:
    data = changed(shop, tmp_path / "data", foreign)
    fitted = fit(shop, data, tmp_path / "model")
    assert fitted.exit_code == 0, fitted.stderr
    out = tmp_path / "rates.csv"
    arguments = ["predictor", "predict", str(model), "--data", str(data), "--out", str(out)]
    predicted = runner.invoke(app, arguments)
    assert predicted.exit_code == 0, predicted.stderr
    for result in (fitted, predicted):
        said = [line for line in result.stderr.splitlines() if "warning: " in line]
        assert len(said) == 1
        assert "100% of the letters" in said[0]
        assert "全新商品" in said[0]
        assert "multilingual" in said[0]
    record = json.loads((tmp_path / "model" / "predictor.json").read_text(encoding="utf-8"))
    assert record["record"]["readability"]["unread_share"] == 1.0
    card = (tmp_path / "model" / "model_card.md").read_text(encoding="utf-8")
    assert "leaves 100.0% of the texts' letters unread" in card


def test_a_long_text_is_cut_and_said_once(shop: Path, model: Path, tmp_path: Path) -> None:
    def long(frames: Frames) -> None:
        text = frames["promotions"].loc[0, "text"]
        frames["promotions"].loc[0, "text"] = " ".join([text] * (100_000 // len(text)))

    data, out = changed(shop, tmp_path / "data", long), tmp_path / "rates.csv"
    arguments = ["predictor", "predict", str(model), "--data", str(data), "--out", str(out)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    (said,) = [line for line in result.stderr.splitlines() if "warning: " in line]
    assert "12% of the promotions' texts are longer than 64 word pieces" in said
    assert pd.read_csv(out)["ctr"].between(0, 1).all()


def test_rows_are_scored_by_the_template_that_the_model_was_fitted_with(
    shop: Path, tmp_path: Path
) -> None:
    data = shop.parent / "shop" / "data"
    result = fit(shop, data, tmp_path / "model", "predictor.text_template='{text} | {category}'")
    assert result.exit_code == 0, result.stderr
    bare = tmp_path / "data"
    shutil.copytree(data, bare)
    promotions = pd.read_csv(data / "promotions.csv").drop(columns="category")
    promotions.to_csv(bare / "promotions.csv", index=False)
    out = tmp_path / "rates.csv"
    arguments = ["predictor", "predict", str(tmp_path / "model"), "--data", str(bare)]
    refused = runner.invoke(app, [*arguments, "--out", str(out)])
    assert refused.exit_code == 2
    assert "no column 'category'" in refused.stderr


def test_a_fit_on_clicks_alone_predicts_clicks(shop: Path, tmp_path: Path) -> None:
    data = changed(shop, tmp_path / "data", without("conversions", "conversion_value"))
    fitted = fit(shop, data, tmp_path / "model")
    assert fitted.exit_code == 0, fitted.stderr
    out = tmp_path / "rates.csv"
    arguments = ["predictor", "predict", str(tmp_path / "model"), "--data", str(data)]
    assert runner.invoke(app, [*arguments, "--out", str(out)]).exit_code == 0
    rates = pd.read_csv(out)
    assert rates["ctr"].gt(0).all()
    assert rates[["cvr", "ctcvr"]].isna().all(axis=None)


def test_cells_that_a_source_does_not_record_do_no_harm(shop: Path, tmp_path: Path) -> None:
    def lacking(frames: Frames) -> None:
        table = frames["performance"]
        table["clicks"] = table["clicks"].astype(object)
        table.loc[::5, "clicks"] = np.nan
        table.loc[::7, ["conversions", "conversion_value"]] = np.nan

    result = fit(shop, changed(shop, tmp_path / "data", lacking), tmp_path / "model")
    assert result.exit_code == 0, result.stderr


def test_earlier_readings_of_a_day_change_nothing(shop: Path, tmp_path: Path) -> None:
    """The same history, once with every day read a first time before anything had arrived."""

    def read(frames: Frames) -> None:
        table = frames["performance"]
        day = pd.to_datetime(table["date"])
        table["as_of"] = (day + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%d")

    def read_twice(frames: Frames) -> None:
        read(frames)
        last = frames["performance"]
        empty = {"clicks": 0, "conversions": 0, "conversion_value": 0.0}
        # The eve of the flight is read for the second time on its first day, which is too late.
        was_read = pd.to_datetime(last["date"]) + pd.Timedelta(days=1) < START
        first = last[was_read].assign(as_of=last["date"], **empty)
        frames["performance"] = pd.concat([first, last], ignore_index=True)

    told = []
    for name, change in (("once", read), ("twice", read_twice)):
        data = changed(shop, tmp_path / name, change)
        result = fit(shop, data, tmp_path / f"{name}-model")
        assert result.exit_code == 0, result.stderr
        record = json.loads((tmp_path / f"{name}-model" / "predictor.json").read_text())
        told.append(record["record"]["data"])
    assert told[0] == told[1]


@pytest.mark.parametrize("name", ["predictor.json", "model.safetensors", "encoder/tokenizer.json"])
def test_a_broken_model_folder_is_one_sentence(
    shop: Path, model: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    arguments = ["predictor", "predict", str(folder), "--data", str(shop.parent / "shop" / "data")]
    result = runner.invoke(app, [*arguments, "--out", str(tmp_path / "rates.csv")])
    assert result.exit_code == 2
    assert name in result.stderr
    assert not (tmp_path / "rates.csv").exists()


def test_what_happened_is_not_read_where_rates_are_predicted(
    shop: Path, model: Path, tmp_path: Path
) -> None:
    """Outcomes and impressions of the rows to be scored may be anything, or absent."""

    def nonsense(frames: Frames) -> None:
        table = frames["performance"]
        frames["performance"] = table.assign(
            impressions="unknown", clicks="n/a", conversions=-1, spend="12 EUR", subsidy="--"
        )

    told = []
    plain = shop.parent / "shop" / "data"
    for name, data in (("plain", plain), ("odd", changed(shop, tmp_path / "data", nonsense))):
        out = tmp_path / f"{name}.csv"
        arguments = ["predictor", "predict", str(model), "--data", str(data), "--out", str(out)]
        result = runner.invoke(app, arguments)
        assert result.exit_code == 0, result.stderr
        told.append(out.read_bytes())
    assert told[0] == told[1]
