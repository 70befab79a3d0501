"""The study of headline tests, on an invented archive of thirty stories and a tiny BERT."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.bench import prediction as quality
from promopilot.experiments.bench import predictor as speed
from promopilot.experiments.bench import upworthy, upworthy_fits
from promopilot.experiments.bench.figure import figure
from promopilot.experiments.bench.suite import HeadlineStudy, measure_all
from promopilot.experiments.bench.upworthy_fits import Bench, KeptFit
from promopilot.experiments.bench.upworthy_tables import (
    StoryFolders,
    upworthy_tables,
    write_stories,
)
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.errors import DataError
from promopilot.experiments.progress import silent
from promopilot.experiments.tables import read_tables
from promopilot.predictors.comparison import Score
from tests.predictors.conftest import WORDS, tiny_bert

STORIES = 30


def archive() -> pd.DataFrame:
    """One test of four headlines a story; beer is clicked twice as often as what has none."""
    rng = np.random.default_rng(5)
    rows = []
    for story in range(STORIES):
        for place in range(4):
            text = f"{' '.join(rng.choice(WORDS, 4))} {'beer' if place % 2 else 'milk'} {story}"
            shown = int(rng.integers(2000, 4000))
            rows.append(
                {
                    "story_id": f"story-{story}",
                    "test_id": f"test-{story}",
                    "week": f"{2013 + story % 2}{story:02d}",
                    "headline": text,
                    "impressions": shown,
                    "clicks": int(rng.binomial(shown, 0.02 + 0.02 * (place % 2))),
                }
            )
    # The first headline was shown in a second week too.
    return pd.DataFrame([*rows, rows[0] | {"week": "201301", "clicks": 7}])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "headlines.csv"
    archive().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def stories(file: Path, tmp_path_factory: pytest.TempPathFactory) -> StoryFolders:
    return write_stories(file, tmp_path_factory.mktemp("stories"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    base = tiny_bert(tmp_path_factory.mktemp("bert") / "tiny")
    few = ["predictor.head_epochs=2", "predictor.epochs=1", "predictor.device=cpu"]
    return make_config({}, [*few, f"predictor.base_model={base}", "split.choose_share=0.3"])


def test_a_promotion_is_a_headline_in_a_test_and_a_row_a_week_of_it(file: Path) -> None:
    promotions, performance = upworthy_tables(file)
    assert list(promotions) == ["promotion_id", "text", "group_id", "test_id"]
    assert list(performance) == ["date", "promotion_id", "impressions", "clicks"]
    assert promotions["promotion_id"].is_unique
    assert len(promotions) == 4 * STORIES == len(performance) - 1
    source = archive()
    joined = performance.merge(promotions, on="promotion_id", validate="many_to_one")
    assert joined["text"].tolist() == source["headline"].tolist()
    assert joined["group_id"].tolist() == source["story_id"].tolist()
    assert joined["clicks"].tolist() == source["clicks"].tolist()
    for week, date in zip(source["week"], performance["date"], strict=True):
        assert (date - pd.Timestamp(f"{week[:4]}-01-01")).days == 7 * int(week[4:])


def test_no_story_crosses_and_the_rule_is_the_contracts(file: Path, stories: StoryFolders) -> None:
    train, test = (read_tables(folder) for folder in (stories.train, stories.test))
    sides = [set(part.promotions["group_id"]) for part in (train, test)]
    expected = {
        story
        for story in archive()["story_id"]
        if int(hashlib.sha256(story.encode()).hexdigest()[:8], 16) / 2**32 < 0.2
    }
    assert sides == [set(archive()["story_id"]) - expected, expected]
    assert len(train.performance) + len(test.performance) == len(archive())
    assert not set(train.promotions["text"]) & set(test.promotions["text"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="week"), "headlines.csv, column week is a required column"),
        (lambda t: t.assign(week="201460"), "row 2, column week: '201460' must be year and week"),
        (lambda t: t.assign(clicks=9999), "'9999, .*' must not exceed impressions"),
        (lambda t: t.assign(headline=None), "column headline must be filled in every row"),
        (lambda t: pd.concat([t, t[:1]]), "row 123, .* must be one row per test, headline and"),
        (lambda t: t.assign(test_id="one"), "column test_id, story_id: .* must be one story per"),
        (lambda t: t[t["story_id"] == "story-0"], "but all fall into its part test"),
    ],
)
def test_a_file_that_is_no_archive_is_refused(change, said: str, tmp_path: Path) -> None:
    change(archive()).to_csv(tmp_path / "headlines.csv", index=False)
    with pytest.raises(DataError) as error:
        write_stories(tmp_path / "headlines.csv", tmp_path / "out")
    assert re.search(said, str(error.value)), error.value


def test_a_killed_study_goes_on_and_a_finished_one_fits_nothing(
    stories: StoryFolders,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitted: list[int] = []
    real = upworthy_fits.fit_from_folder

    def killed_at_the_second(data, out, config, seed, progress):
        fitted.append(seed)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return real(data, out, config, seed, progress)

    monkeypatch.setattr(upworthy_fits, "fit_from_folder", killed_at_the_second)
    told: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        upworthy.measure(stories, tmp_path, lambda what, share: told.append(share), config=config)
    assert fitted == [0, 1]
    assert told == sorted(told)  # one bar for the whole study
    assert max(told) < 0.5
    figures = upworthy.measure(stories, tmp_path, silent, config=config)
    assert fitted == [0, 1, 1, 2]
    assert capsys.readouterr().err.count("takes up the finished fit") == 1
    assert upworthy.measure(stories, tmp_path, silent, config=config) == figures
    assert fitted == [0, 1, 1, 2]
    # Nothing but scores is left of them.
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert [name[:6] for name in names] == ["seed0-", "seed1-", "seed2-"]
    kept = [json.loads((tmp_path / name).read_text()) for name in names]
    ours = [
        score["value"]
        for part in kept
        for score in part["scores"]
        if (score["contender"], score["measure"]) == ("predictor", "pair_accuracy")
    ]
    assert figures["upworthy_pair_accuracy"] == figure(float(np.mean(ours)), "share", at_least=0.75)
    assert figures["upworthy_test_stories"]["value"] == len(
        read_tables(stories.test).promotions["group_id"].unique()
    )
    ends = ["", "_base", "_one_hot", "_tfidf", "_frozen"]
    ends += [f"_minus_{name}{end}" for name in ("tfidf", "frozen") for end in ("", "_low", "_high")]
    expected = {f"upworthy_{measure}{end}" for measure in upworthy.MEASURES for end in ends}
    expected -= {"upworthy_spearman_base"}  # equal rates have no order
    whole = {"fit_seconds", "test_stories", "test_rows", "clear_pairs"}
    assert set(figures) == expected | {f"upworthy_{name}" for name in whole}
    assert figures["upworthy_fit_seconds"]["goal"] == 900.0


def test_an_interrupted_fit_is_taken_up_and_has_no_time(
    stories: StoryFolders, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(stories, tmp_path)

    def killed_in_the_scores(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(upworthy_fits, "assess", killed_in_the_scores)
        with pytest.raises(KeyboardInterrupt):
            bench.fit(config, silent)
    assert bench.kept(config) is None

    def never(*_: object) -> None:
        raise AssertionError("it was fitted already")

    monkeypatch.setattr(upworthy_fits, "fit_from_folder", never)
    taken_up = bench.fit(config, silent)
    assert taken_up.seconds is None
    assert bench.kept(config) == taken_up


def test_what_is_kept_belongs_to_config_code_and_data(
    stories: StoryFolders, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(stories, tmp_path)
    place = bench.place(config)
    assert bench.place(config) == place
    assert bench.place(config.model_copy(update={"seed": 1})) != place
    assert bench.place(upworthy.changed(config, {"rank_loss": 0.0})) != place
    assert Bench(StoryFolders(stories.test, stories.train), tmp_path).place(config) != place
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "fit.py").write_text("")
    monkeypatch.setattr(upworthy_fits.predictors, "__path__", [str(tmp_path / "code")])
    assert bench.place(config) != place
    place.write_text("{")  # not readable: as if it were not there
    assert bench.kept(config) is None


def kept_fit(seed: int, pairs: float, low: float, loss: float) -> KeptFit:
    """A fit with these figures; the baselines order half the pairs, with losses .1 and .2."""
    scores = [Score("ctr", "predictor", "pair_accuracy", pairs)]
    scores += [Score("ctr", "predictor", "log_loss", loss)]
    for name, other in (("base", 0.3), ("one_hot", 0.2), ("tfidf", 0.2), ("frozen", 0.1)):
        difference = (pairs - 0.5, low, 0.4)
        scores.append(Score("ctr", name, "pair_accuracy", 0.5, 0.4, 0.6, *difference))
        scores.append(Score("ctr", name, "log_loss", other, None, None, loss - other))
    return KeptFit(seed, 10.0 * seed, 2, "cpu", 100, 20, 50, tuple(scores))


@pytest.mark.parametrize(("low", "holds"), [(0.02, True), (-0.01, False), (-0.02, False)])
def test_figures_are_means_over_seeds_and_goals_are_strict(low: float, holds: bool) -> None:
    fits = [kept_fit(0, 0.7, 0.01, 0.1), kept_fit(1, 0.9, low, 0.1)]
    figures = upworthy.figures_of(fits)
    assert figures["upworthy_pair_accuracy"]["value"] == pytest.approx(0.8)
    assert figures["upworthy_pair_accuracy"]["holds"] is True
    lower = figures["upworthy_pair_accuracy_minus_frozen_low"]
    assert lower["value"] == pytest.approx((0.01 + low) / 2)
    assert (lower["goal"], lower["holds"]) == (0.0, holds)  # a bound of 0 does not exclude it
    loss = figures["upworthy_log_loss"]
    assert (loss["goal"], loss["holds"]) == (0.1, False)  # equal to frozen is not below it
    assert "upworthy_spearman" not in figures
    assert "upworthy_log_loss_minus_tfidf_low" not in figures
    assert figures["upworthy_fit_seconds"]["value"] == 10.0
    one_without = [replace(fits[0], seconds=None), replace(fits[1], seconds=None)]
    assert "upworthy_fit_seconds" not in upworthy.figures_of(one_without)


def test_ablations_change_one_thing_each_and_fit_the_default_once(
    stories: StoryFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[RunConfig] = []

    def fit(self: Bench, config: RunConfig, progress) -> KeptFit:
        fitted.append(config)
        return kept_fit(config.seed, 0.7, 0.1, 0.1)

    monkeypatch.setattr(Bench, "fit", fit)
    figures = upworthy.measure(stories, tmp_path, silent, ablations=True)
    plain = RunConfig()
    assert [part.seed for part in fitted[:3]] == [0, 1, 2]
    assert all(part.predictor == plain.predictor for part in fitted[:3])
    expected = [
        settings
        for change in upworthy.ABLATIONS.values()
        if (settings := plain.predictor.model_copy(update=change)) != plain.predictor
    ]
    assert [part.predictor for part in fitted[3:]] == expected
    assert {part.seed for part in fitted[3:]} == {0}
    for name in upworthy.ABLATIONS:
        assert figures[f"upworthy_ablation_{name}_pair_accuracy"]["value"] == 0.7
        assert f"upworthy_ablation_{name}_seconds" in figures


def test_a_later_bench_keeps_the_studys_figures(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "measure", lambda: {"speed": figure(1.0, "x")})
    monkeypatch.setattr(quality, "measure", lambda: {"gap": figure(0.0, "%")})
    asked: list[tuple[Path, bool]] = []

    def study(stories, out, progress, ablations):
        asked.append((out, ablations))
        return {"upworthy_spearman": figure(0.7, "", at_least=0.69)}

    monkeypatch.setattr(upworthy, "measure", study)
    out = tmp_path / "bench.json"
    measure_all(["predictor"], out, None, silent, HeadlineStudy(file, ablations=True))
    assert asked == [(tmp_path / "upworthy", True)]
    monkeypatch.setattr(speed, "measure", lambda: {"speed": figure(2.0, "x")})
    measure_all(["predictor"], out, None, silent)
    written = json.loads(out.read_text())["predictor"]
    assert written["speed"]["value"] == 2.0
    assert written["upworthy_spearman"]["holds"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predictor", "--upworthy", "none.csv"], "none.csv must be a file of headline tests"),
        (["market", "--upworthy", "none.csv"], "a study of the bench predictor: name it too"),
        (["predictor", "--ablations"], "--ablations needs --upworthy FILE"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> None:
        raise AssertionError("it was measured")

    monkeypatch.setattr(speed, "measure", never)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["bench", *arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
