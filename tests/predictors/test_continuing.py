"""Going on from an earlier model: the new is learnt, the old is kept, and a guard sees to it."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.predictors.conftest import PRODUCTS, tables, tiny_bert
from tests.predictors.test_ranking import randomised, rows_of

from promopilot.predictors.artifact_record import RECORD
from promopilot.predictors.continuing import continue_fit
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.earlier import Earlier
from promopilot.predictors.errors import ArtifactError, ContinuationError, PredictorDataError
from promopilot.predictors.guard import TOLERANCE
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.recipes import recipe_for
from promopilot.predictors.replay import History
from promopilot.predictors.scores import log_loss
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit
from promopilot.predictors.warm_start import grown_funnel, grown_vocabulary

WEEKS = 7  # 0..3 old, the last of them chose; 4 and 5 new, 6 tells which of both was right


def world() -> Rows:
    """Twenty offers for four weeks, of which half go on, and ten bundles that come in the fifth.

    A bundle's rate is far from what its words would have meant before.
    """
    promotions, placements, segments, performance = tables(days=7 * WEEKS)
    rng = np.random.default_rng(5)
    bundles = [
        f"10% off {first} {second}"
        for at, first in enumerate(PRODUCTS)
        for second in PRODUCTS[at + 1 :]
    ]
    more = pd.DataFrame(
        {
            "promotion_id": [f"bundle-{at}" for at in range(len(bundles))],
            "text": bundles,
            "discount": 0.1,
            "price": 5.0,
            "group_id": "bundles",
            "brand": "both",
        }
    )
    week = (performance["date"] - performance["date"].min()).dt.days // 7
    ended = performance["promotion_id"].str.contains("national")
    running = performance[(week < 4) | ~ended]
    like = performance[(week >= 4) & performance["promotion_id"].str.startswith("soup")]
    like = like[like["promotion_id"] == "soup-national-10"]
    rate = np.where(np.arange(len(bundles)) % 2, 0.3, 0.02)
    shown = []
    for at, promotion_id in enumerate(more["promotion_id"]):
        clicks = rng.binomial(like["impressions"], rate[at])
        bought = rng.binomial(clicks, 0.3)
        own = {"promotion_id": promotion_id, "clicks": clicks, "conversions": bought}
        shown.append(like.assign(**own))
    return rows_from_tables(
        pd.concat([promotions, more], ignore_index=True),
        placements,
        segments,
        pd.concat([running, *shown], ignore_index=True),
        PredictorSettings(),
    )


@pytest.fixture(scope="module")
def rows() -> Rows:
    return world()


@pytest.fixture(scope="module")
def week(rows: Rows) -> np.ndarray:
    return (rows.day - rows.day.min()) // 7


@pytest.fixture(scope="module")
def brief(quick: PredictorSettings) -> PredictorSettings:
    """A head that learns for long enough to forget, under an encoder that hardly does."""
    return quick.model_copy(update={"head_epochs": 20, "epochs": 2})


@pytest.fixture(scope="module")
def model(
    rows: Rows,
    week: np.ndarray,
    brief: PredictorSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("earlier") / "model"
    fit(rows.pick(week < 3), rows.pick(week == 3), brief, folder, 0)
    return folder


ASKED = PredictorSettings(device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def earlier(model: Path) -> Earlier:
    return Earlier.load(model, ASKED)


@pytest.fixture(scope="module")
def history(rows: Rows, week: np.ndarray, earlier: Earlier) -> History:
    before = week < 6
    is_choose = (week == 3) | (week == 5)
    return History(rows.pick(before), earlier.is_new(rows)[before], is_choose[before])


@pytest.fixture(scope="module")
def settings(earlier: Earlier) -> PredictorSettings:
    return earlier.settings(ASKED)


@pytest.fixture(scope="module")
def gone_on(
    earlier: Earlier,
    history: History,
    settings: PredictorSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("later") / "model"
    continue_fit(earlier, history, settings, folder, 0)
    return folder


def told(predictor: Predictor) -> dict:
    return predictor.record["continued"]


def loss(predictor: Predictor, rows: Rows) -> float:
    counts = StageCounts.of(rows)
    return log_loss(predictor.predict(rows).last, counts.last_trials, counts.last_successes)


def weights(predictor: Predictor) -> dict[str, torch.Tensor]:
    return predictor.funnel.state_dict()


def same(a: Predictor, b: Predictor) -> bool:
    return all(torch.equal(value, weights(b)[name]) for name, value in weights(a).items())


def test_the_new_is_learnt_and_the_old_kept(
    gone_on: Path, earlier: Earlier, rows: Rows, week: np.ndarray
) -> None:
    kept = Predictor.load(gone_on, "cpu")
    decided = told(kept)
    assert decided["kept"] in ("continued", "mixed")
    assert decided["old"]["kept"] <= (1 + TOLERANCE) * decided["old"]["earlier"]
    assert decided["new"]["kept"] < decided["new"]["earlier"]
    # And so it is on rows as they are, of a week that neither has seen.
    before, after = (loss(p, rows.pick(week == 6)) for p in (earlier.predictor, kept))
    assert after < 0.99 * before
    old = rows.pick(week == 3)
    assert loss(kept, old) <= (1 + TOLERANCE) * loss(earlier.predictor, old)


def test_figures_of_the_guard_are_the_log_loss_of_the_rows(
    gone_on: Path, earlier: Earlier, rows: Rows, week: np.ndarray
) -> None:
    decided = told(Predictor.load(gone_on, "cpu"))
    for age, number in (("old", 3), ("new", 5)):
        found = loss(earlier.predictor, rows.pick(week == number))
        # Days are summed to cells; see `cells`.
        assert decided[age]["earlier"] == pytest.approx(found, rel=2e-4)


def test_what_is_new_by_name_is_known_after_it(gone_on: Path, earlier: Earlier) -> None:
    before, after = earlier.predictor.vocabulary, Predictor.load(gone_on, "cpu").vocabulary
    assert after.groups == (*before.groups, "bundles")
    assert after.placements == before.placements
    assert set(before.texts) < set(after.texts)
    assert after.discount == before.discount


def test_before_it_learns_it_says_what_the_earlier_model_said(
    earlier: Earlier, rows: Rows, settings: PredictorSettings
) -> None:
    own = earlier.predictor
    vocabulary = grown_vocabulary(own.vocabulary, rows)
    recipe = recipe_for(settings, rows)
    funnel = grown_funnel(earlier, vocabulary, settings, recipe, 1).eval()
    grown = dataclasses.replace(own, funnel=funnel, vocabulary=vocabulary)
    np.testing.assert_allclose(grown.logits(rows), own.logits(rows), atol=1e-5)


def test_without_replay_more_is_forgotten(
    earlier: Earlier,
    history: History,
    settings: PredictorSettings,
    gone_on: Path,
    tmp_path: Path,
) -> None:
    nothing = settings.model_copy(update={"replay_texts": 0})
    bare = continue_fit(earlier, history, nothing, tmp_path / "bare", 0)
    assert told(bare)["replayed"] == {"texts": 0, "of_texts": 20}
    rise = {}
    for name, predictor in (("with", Predictor.load(gone_on, "cpu")), ("without", bare)):
        learnt = told(predictor)["candidates"][0]
        assert learnt["share"] == 1.0
        rise[name] = learnt["losses"]["old"] / told(predictor)["old"]["earlier"] - 1
    assert rise["without"] > max(3 * rise["with"], 0.001)
    # The guard lets nothing through that forgets too much, replay or not.
    assert told(bare)["old"]["kept"] <= told(bare)["old"]["limit"]


def poisoned(history: History) -> History:
    """New rows to learn from in which whoever is clicked much is clicked little."""
    rows = history.rows
    assert rows.clicks is not None
    assert rows.conversions is not None
    bad = history.is_new & ~history.is_choose
    rate = np.where(rows.clicks > 0.08 * rows.impressions, 0.01, 0.4)
    clicks = np.where(bad, np.rint(rate * rows.impressions).astype(np.int64), rows.clicks)
    bought = np.where(bad, clicks // 3, rows.conversions)
    changed = dataclasses.replace(rows, clicks=clicks, conversions=bought)
    return dataclasses.replace(history, rows=changed)


def test_poisoned_rows_leave_the_earlier_model_as_it_was(
    earlier: Earlier,
    history: History,
    rows: Rows,
    week: np.ndarray,
    settings: PredictorSettings,
    tmp_path: Path,
) -> None:
    # What judges comes from the earlier model's own world: the offers that run on.
    known = np.isin(rows.promotion, np.unique(rows.promotion[week < 4]))[week < 6]
    calm = History(history.rows.pick(known), history.is_new[known], history.is_choose[known])
    kept = continue_fit(earlier, poisoned(calm), settings, tmp_path / "kept", 0)
    assert told(kept)["kept"] == "earlier"
    assert not any(candidate["passes"] for candidate in told(kept)["candidates"])
    assert told(kept)["old"]["kept"] == told(kept)["old"]["earlier"]
    again = Predictor.load(tmp_path / "kept", "cpu")
    assert same(again, earlier.predictor)
    assert again.calibration == earlier.predictor.calibration
    # It has not learnt from the new rows, and the next fit may.
    assert again.record["split"] == earlier.predictor.record["split"]


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


@pytest.mark.parametrize("passes", [6, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_fit_goes_on_to_the_same_bytes(
    earlier: Earlier,
    history: History,
    settings: PredictorSettings,
    gone_on: Path,
    tmp_path: Path,
    passes: int,
) -> None:
    heard: list[str] = []

    def kill(what: str, share: float) -> None:
        heard.append(what)
        if sum("pass" in line for line in heard) == passes:
            raise Killed

    kept, out = tmp_path / "kept", tmp_path / "model"
    with pytest.raises(Killed):
        continue_fit(earlier, history, settings, out, 0, kill, kept)
    assert not out.exists()
    heard.clear()
    listen: Callable[[str, float], None] = lambda what, _: heard.append(what)  # noqa: E731
    continue_fit(earlier, history, settings, out, 0, listen, kept)
    assert sum("pass" in line for line in heard) == 6 - passes
    for name in (RECORD, "model.safetensors"):
        assert (out / name).read_bytes() == (gone_on / name).read_bytes()


def test_the_state_of_a_fit_from_another_model_is_not_taken_up(
    earlier: Earlier, history: History, settings: PredictorSettings, tmp_path: Path
) -> None:
    heard: list[str] = []

    def kill(what: str, share: float) -> None:
        heard.append(what)
        if "pass" in what:
            raise Killed

    for start in (earlier, dataclasses.replace(earlier, seal="another")):
        heard.clear()
        with pytest.raises(Killed):
            continue_fit(start, history, settings, tmp_path / "model", 0, kill, tmp_path / "kept")
        assert heard[-1].startswith("head, pass 1")


def test_it_tells_where_it_comes_from_and_can_go_on_again(
    gone_on: Path, model: Path, rows: Rows, week: np.ndarray, tmp_path: Path
) -> None:
    seals = [json.loads((folder / RECORD).read_text())["seal"] for folder in (model, gone_on)]
    folder = copied(gone_on, tmp_path)
    second = Earlier.load(folder, ASKED)
    assert told(second.predictor)["lineage"] == seals[:1]
    assert told(second.predictor)["from"]["seal"] == seals[0]
    assert told(second.predictor)["from"]["data"]["choose"]["to"] == "2024-01-28"
    is_new = second.is_new(rows)
    assert (is_new == (week == 6)).all()
    late = rows.day - rows.day[is_new].min() >= 4
    history = History(rows, is_new, np.where(is_new, late, week == 5))
    # Onto the folder that it goes on from, as `--overwrite` does.
    third = continue_fit(second, history, second.settings(ASKED), folder, 0)
    assert told(third)["lineage"] == seals
    assert same(third, Predictor.load(folder, "cpu"))
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    assert "the last of 2 in its line" in card


def copied(folder: Path, where: Path) -> Path:
    shutil.copytree(folder, where / "copy")
    return where / "copy"


@pytest.mark.parametrize(
    "mode", ["lora", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("frozen", "full"))]
)
def test_it_goes_on_in_every_mode(
    earlier: Earlier, history: History, tmp_path: Path, mode: str
) -> None:
    asked = ASKED.model_copy(update={"mode": mode})
    asked.model_fields_set.add("mode")
    settings = earlier.settings(asked)
    assert settings.mode == mode
    kept = continue_fit(earlier, history, settings, tmp_path / mode, 0)
    assert told(kept)["kept"] in ("continued", "mixed")
    assert same(kept, Predictor.load(tmp_path / mode, "cpu"))


def test_settings_go_on_unless_they_are_asked_for(earlier: Earlier) -> None:
    own = earlier.predictor.settings
    asked = PredictorSettings(patience=7, epochs=3, device="cpu")
    found = earlier.settings(asked)
    assert (found.patience, found.epochs) == (7, 3)
    assert found.batch_texts == own.batch_texts == 4
    assert found.text_width == own.text_width


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"text_width": 32},
            "predictor.text_width is 32, but the earlier model was fitted with",
        ),
        ({"hidden_width": 8}, "predictor.hidden_width is 8, but the earlier model was fitted with"),
        ({"text_template": "Offer: {text}"}, "predictor.text_template is 'Offer: {text}', but the"),
        (
            {"max_tokens": 16},
            "predictor.max_tokens is 16, but the earlier model was fitted with",
        ),
        ({"text_layers": "every"}, "is 'every', but the earlier model was fitted with 'last'"),
    ],
)
def test_another_shape_is_refused(earlier: Earlier, asked: dict[str, object], said: str) -> None:
    with pytest.raises(ContinuationError) as error:
        earlier.settings(PredictorSettings.model_validate(asked))
    assert said in str(error.value)


def test_another_base_model_is_refused(earlier: Earlier, base_model: Path, tmp_path: Path) -> None:
    assert earlier.settings(PredictorSettings(base_model=base_model)).text_width == 64
    other = tiny_bert(tmp_path / "other", layers=3)
    with pytest.raises(ContinuationError, match="fitted from 'bert' with other weights: leave"):
        earlier.settings(PredictorSettings(base_model=other))


def test_nothing_new_and_other_stages_are_refused(
    earlier: Earlier, rows: Rows, week: np.ndarray
) -> None:
    with pytest.raises(ContinuationError, match=r"nothing new: .* all days up to 2024-01-28"):
        earlier.is_new(rows.pick(week < 4))
    with pytest.raises(ContinuationError, match="records ctcvr, but the earlier model predicts"):
        earlier.is_new(dataclasses.replace(rows, clicks=None))


def test_new_rows_without_events_are_refused(
    earlier: Earlier, history: History, settings: PredictorSettings, tmp_path: Path
) -> None:
    rows = history.rows
    assert rows.conversions is not None
    none = np.where(history.is_new & ~history.is_choose, 0, rows.conversions)
    barren = dataclasses.replace(history, rows=dataclasses.replace(rows, conversions=none))
    with pytest.raises(PredictorDataError, match="new fit part of performance has no conversions"):
        continue_fit(earlier, barren, settings, tmp_path / "model", 0)


def test_an_altered_model_is_refused(gone_on: Path, tmp_path: Path) -> None:
    folder = copied(gone_on, tmp_path)
    (folder / "model.safetensors").write_bytes(b"0")
    with pytest.raises(ArtifactError, match="has sha256"):
        Earlier.load(folder, ASKED)
    with pytest.raises(ArtifactError, match=r"predictor\.json is missing"):
        Earlier.load(tmp_path, ASKED)


def test_randomised_tests_go_on_too(base_model: Path, tmp_path: Path) -> None:
    """Their linear part learns by regression, and no test is in two parts."""
    settings = PredictorSettings(base_model=base_model, device="cpu", precision="fp32", text_sd=1.0)
    table = randomised(240, 0)
    rows = rows_of(table.assign(text=table["text"] + " " + table["test_id"]))  # each comes once
    assert rows.promotions.test_id is not None
    part = np.unique(rows.promotions.test_id, return_inverse=True)[1][rows.promotion] % 8
    fit(rows.pick(part < 3), rows.pick(part == 3), settings, tmp_path / "model", 0)
    earlier = Earlier.load(tmp_path / "model", ASKED)
    assert earlier.predictor.record["split"]["by"] == "group"
    before = part < 7
    is_choose = np.isin(part, (3, 6))
    history = History(rows.pick(before), earlier.is_new(rows)[before], is_choose[before])
    few = earlier.settings(ASKED).model_copy(update={"replay_texts": 40})
    kept = continue_fit(earlier, history, few, tmp_path / "later", 0)
    assert told(kept)["replayed"]["texts"] < told(kept)["replayed"]["of_texts"]
    decided = told(kept)
    assert decided["kept"] != "earlier"
    assert decided["old"]["kept"] <= decided["old"]["limit"]
    assert decided["new"]["kept"] < decided["new"]["earlier"]
    assert (Earlier.load(tmp_path / "later", ASKED).is_new(rows) == (part == 7)).all()
