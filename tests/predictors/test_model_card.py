"""The card beside a model: every figure from the record, the same bytes for the same files."""

import json
from pathlib import Path
from typing import Any

import pytest

from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.model_card import CARD, render_card, write_model_card
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings

TEST = {
    "log_loss": 0.123456,
    "log_loss_base": 0.2,
    "baselines": {"one_hot": 0.15, "tfidf": 0.14, "frozen": 0.13},
    "spearman": 0.71,
    "baselines_spearman": {"one_hot": 0.5, "tfidf": 0.6, "frozen": 0.65},
    "ece": 0.0012,
    "normalised_entropy": 0.87,
    "rows": 1234,
    "impressions": 98765,
}


@pytest.fixture
def saved(predictor: Predictor, quick: PredictorSettings, tmp_path: Path) -> Path:
    assert quick.base_model is not None
    save_predictor(predictor, Path(quick.base_model), tmp_path / "predictor")
    return tmp_path / "predictor"


def record_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    return content


def lines_of(card: str, first: str) -> list[str]:
    """Cells of the table rows that begin with `first`."""
    rows = [line for line in card.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in rows[0].strip("|").split(" | ")]


def test_a_saved_model_has_a_card_that_tells_of_its_data_and_base(saved: Path) -> None:
    record, card = record_of(saved), (saved / CARD).read_text(encoding="utf-8")
    fitted = record["record"]["data"]["fit"]
    assert lines_of(card, "fit") == [
        *("fit", fitted["from"], fitted["to"], f"{fitted['rows']:,}"),
        *(f"{fitted[key]:,}" for key in ("promotions", "impressions", "events")),
    ]
    for digest in record["record"]["base_model"]["digests"].values():
        assert digest in card
    assert record["digests"]["model.safetensors"] in card
    assert "Not measured: no rows were left" in card
    assert "- mode: `top_k`" in card
    assert "trainable_layers: `1`" in card
    assert "lora_rank" not in card  # says nothing in this mode


def test_scores_stand_beside_every_baseline(saved: Path) -> None:
    (saved / "metrics.json").write_text(json.dumps({"predictor": {"test": TEST}}))
    write_model_card(saved)
    card = (saved / CARD).read_text(encoding="utf-8")
    assert lines_of(card, "this model") == ["this model", "0.123456", "0.710"]
    assert lines_of(card, "base rate") == ["base rate", "0.200000", "-"]
    assert lines_of(card, "TF-IDF") == ["TF-IDF", "0.140000", "0.600"]
    assert lines_of(card, "frozen base model") == ["frozen base model", "0.130000", "0.650"]
    assert "1,234 rows with 98,765 impressions" in card
    assert "Calibration error on the test part: 0.001200" in card
    assert "- normalised entropy: 0.8700" in card


def test_every_figure_of_the_card_follows_the_record(saved: Path) -> None:
    """A figure that stays when its source changes would be written into the card by hand."""
    record = record_of(saved)
    before = render_card(record, TEST)
    changed = json.loads(json.dumps(record))
    changed["record"]["data"]["fit"]["events"] = 424_242
    changed["calibration"]["slope"][0] = 42.4242
    changed["spreads"][0]["shared"] = 4.242
    after = render_card(changed, TEST | {"log_loss": 0.424242})
    for figure in ("424,242", "42.4242", "4.242", "0.424242"):
        assert figure in after
        assert figure not in before


def test_the_same_files_give_the_same_bytes(saved: Path) -> None:
    before = (saved / CARD).read_bytes()
    write_model_card(saved)
    assert (saved / CARD).read_bytes() == before


def test_limits_say_what_the_record_says(saved: Path) -> None:
    record = record_of(saved)
    record["record"]["readability"] = {
        "texts": 40,
        "unread_share": 0.375,
        "cut_share": 0.05,
        "max_tokens": 64,
    }
    assert "observational" in render_card(record, None)
    record["record"]["data"]["fit"]["tests"] = 17
    card = render_card(record, None)
    assert "leaves 37.5% of the texts' letters unread; 5.0% of 40 texts" in card
    assert "17 randomised tests" in card
    assert "observational" not in card


def test_a_template_with_bars_and_ticks_stays_readable(saved: Path) -> None:
    record = record_of(saved)
    record["settings"]["text_template"] = "{text} | `{category}`"
    assert "- text_template: `` {text} | `{category}` ``" in render_card(record, None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("predictor.json", "{", "is not readable JSON"),
        ("predictor.json", "[]", "holds no JSON object"),
        ("predictor.json", "{}", "lacks what a model card tells"),
        ("metrics.json", '{"predictor": {"test": {"log_loss": 1}}}', "lacks what a model card"),
    ],
)
def test_files_that_tell_nothing(saved: Path, name: str, content: str, message: str) -> None:
    (saved / name).write_text(content)
    with pytest.raises(ArtifactError, match=message):
        write_model_card(saved)
