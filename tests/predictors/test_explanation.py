"""Effects that are known are found, and the deletion test tells true words from false."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.predictors.conftest import tables

from promopilot.predictors.attribution import TextEffects, scored_without, text_effects
from promopilot.predictors.dataset import Rows, line_item_rows, rows_from_tables
from promopilot.predictors.deletion import LEAST_TEXTS, faithfulness
from promopilot.predictors.encoder import Tokens, load_tokenizer
from promopilot.predictors.explanation import explain
from promopilot.predictors.fields import field_effects
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit
from promopilot.predictors.words import SplitText, split_texts

CONTEXTS = 6
# What each word does to the log of the first and of the second rate in the known world.
TRUTH = {"soup": (1.0, 0.0), "private": (-0.5, 0.3), "30%": (0.2, 0.4), "beer": (-0.3, -0.8)}


@dataclass(frozen=True)
class KnownWorld:
    """Rates that are a known function of words and fields; stands in for a predictor."""

    words: dict[str, tuple[float, float]]
    uses_fields: bool = False

    def predict(self, rows: Rows) -> Prediction:
        told = [
            np.sum([self.words.get(word, (0.0, 0.0)) for word in ["", *text.split()]], axis=0)
            for text in rows.promotions.text
        ]
        logs = np.array([-4.0, -3.0]) + np.array(told)[rows.promotion]
        if self.uses_fields:
            promotions = rows.promotions
            logs[:, 0] += 2.0 * promotions.discount[rows.promotion] - 0.4 * rows.placement
            logs[:, 0] += 0.1 * rows.weekday
            logs[:, 1] += 0.5 * promotions.log_price[rows.promotion]
            logs[:, 1] += 0.7 * (promotions.group_id[rows.promotion] == "tea")
        ctr, cvr = np.exp(logs).T
        return Prediction(ctr=ctr, cvr=cvr, ctcvr=ctr * cvr)


class Blanks:
    """A tokenizer that splits at blanks."""

    is_fast = True

    def __call__(
        self, texts: list[str], truncation: bool, max_length: int, return_offsets_mapping: bool
    ) -> dict[str, list[list[tuple[int, int]]]]:
        assert truncation
        assert return_offsets_mapping
        found = []
        for text in texts:
            ends = [place for place, letter in enumerate(f"{text} ") if letter == " "]
            spans = [(0, end) for end in ends][: max_length - 2]
            found.append([(0, 0), *spans, (0, 0)])
        return {"offset_mapping": found}


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Twenty promotions, each in six contexts."""
    promotions, placements, segments, _ = tables(days=1)
    items = (
        promotions[["promotion_id"]]
        .merge(placements[["placement_id"]], how="cross")
        .merge(segments[["segment_id"]], how="cross")
    )
    items["weekday"] = np.arange(len(items)) % 7
    return line_item_rows(promotions, placements, segments, items)


@pytest.fixture(scope="module")
def splits(rows: Rows) -> list[SplitText]:
    return split_texts(Blanks(), rows.promotions.text.tolist(), 64, 24)


# ---- words of a text ----


def words_of(text: str, max_tokens: int = 64, most: int = 24) -> list[str]:
    return split_texts(Blanks(), [text], max_tokens, most)[0].words


def test_words_read_as_they_stand_in_the_text() -> None:
    assert words_of("Half price: store-brand Café  tea!") == [
        *("Half", "price:", "store-brand", "Café", "tea!")
    ]


def test_characters_written_without_blanks_are_a_word_each() -> None:
    assert words_of("火锅满100减30 pizza") == [*("火", "锅", "满", "100", "减", "30", "pizza")]


def test_what_is_cut_is_no_word() -> None:
    assert words_of("one two three four", max_tokens=4) == ["one", "two"]


def test_many_words_are_taken_together() -> None:
    runs = words_of(" ".join(f"w{n}" for n in range(50)), most=24)
    assert len(runs) == 24
    assert " ".join(runs) == " ".join(f"w{n}" for n in range(50))


@given(st.lists(st.text("ab火:%", min_size=1, max_size=4), max_size=8), st.data())
@settings(max_examples=50, deadline=None)
def test_taking_words_out_leaves_the_others(parts: list[str], data: st.DataObject) -> None:
    split = split_texts(Blanks(), [" ".join(parts)], 64, 24)[0]
    number = len(split.spans)
    gone = data.draw(st.frozensets(st.sampled_from(range(number)))) if number else frozenset()
    kept = [word for place, word in enumerate(split.words) if place not in gone]
    assert "".join(split.without(gone).split()) == "".join(kept)
    assert split.without(frozenset()) == split.text


def test_a_tokenizer_without_places_cuts_nothing() -> None:
    split = split_texts(SimpleNamespace(is_fast=False), ["one two three"], 4, 24)[0]
    assert split.words == ["one", "two", "three"]


# ---- effects of words ----


def test_known_effects_of_words_are_found(rows: Rows, splits: list[SplitText]) -> None:
    for effect in text_effects(KnownWorld(TRUTH), rows, splits, CONTEXTS):
        truth = [TRUTH.get(word, (0.0, 0.0)) for word in effect.split.words]
        assert effect.effect == pytest.approx(np.array(truth), abs=1e-9)
        assert effect.untold == pytest.approx([-4.0, -3.0])


def test_words_that_need_each_other_share_their_effect(rows: Rows) -> None:
    class Both(KnownWorld):
        def predict(self, rows: Rows) -> Prediction:
            both = np.array(["soup" in t and "private" in t for t in rows.promotions.text])
            return Prediction(ctr=np.exp(-3.0 + both[rows.promotion]))

    split = split_texts(Blanks(), ["10% off private brand soup"], 64, 24)
    found = text_effects(Both({}), rows, split, CONTEXTS)[0]
    effect = dict(zip(found.split.words, found.effect[:, 0], strict=True))
    assert effect["private"] == pytest.approx(0.5)
    assert effect["soup"] == pytest.approx(0.5)
    assert effect["off"] == pytest.approx(0.0)


def test_effects_add_up_and_depend_on_the_seed_alone(
    predictor: Predictor, rows: Rows, splits: list[SplitText]
) -> None:
    found = text_effects(predictor, rows, splits, 2)
    for effect in found:
        assert effect.effect.sum(axis=0) == pytest.approx(effect.told - effect.untold)
    again = text_effects(predictor, rows, splits, 2)
    assert all(np.array_equal(a.effect, b.effect) for a, b in zip(found, again, strict=True))


def test_a_text_without_words_has_no_effects(rows: Rows) -> None:
    texts = rows.promotions.text.copy()
    texts[0] = ""
    empty = replace(rows, promotions=replace(rows.promotions, text=texts))
    found = explain(KnownWorld(TRUTH), empty, Blanks(), 64)
    assert found.words[found.text[0]].effect.shape == (0, 2)


# ---- the deletion test ----


def shuffled(effects: list[TextEffects], seed: int) -> list[TextEffects]:
    rng = np.random.default_rng(seed)
    return [replace(each, effect=rng.permutation(each.effect)) for each in effects]


def test_true_effects_pass_and_false_ones_fail(rows: Rows, splits: list[SplitText]) -> None:
    world = KnownWorld(TRUTH)
    effects = text_effects(world, rows, splits, CONTEXTS)
    true = faithfulness(world, rows, effects, CONTEXTS)
    assert len(true) == 3  # both stages and their product
    assert all(test.holds for test in true)
    assert all(test.raising < test.random < test.lowering for test in true)
    passed = [
        test.holds
        for seed in range(20)
        for test in faithfulness(world, rows, shuffled(effects, seed), CONTEXTS, seed + 100)
    ]
    assert np.mean(passed) <= 0.025  # what the interval's level allows on either side
    turned = [replace(each, effect=-each.effect) for each in effects]
    for test in faithfulness(world, rows, turned, CONTEXTS):
        assert not test.holds
        assert test.raising_gain[2] < 0  # the wrong way round, beyond chance


def test_a_model_that_reads_nothing_has_no_faithful_words(
    rows: Rows, splits: list[SplitText]
) -> None:
    effects = text_effects(KnownWorld(TRUTH), rows, splits, CONTEXTS)
    for test in faithfulness(KnownWorld({}), rows, effects, CONTEXTS):
        assert not test.holds
        assert test.raising == pytest.approx(0.0)


def test_few_texts_prove_nothing(rows: Rows, splits: list[SplitText]) -> None:
    world = KnownWorld(TRUTH)
    effects = text_effects(world, rows, splits, CONTEXTS)
    for few, told in ((LEAST_TEXTS - 1, False), (LEAST_TEXTS, True)):
        tests = faithfulness(world, rows, effects[:few], CONTEXTS)
        assert [test.is_tested for test in tests] == [told] * 3
    assert not any(test.holds for test in faithfulness(world, rows, effects[:3], CONTEXTS))
    assert faithfulness(world, rows, [], CONTEXTS) == []


# ---- a BERT that was taught what one word does ----


@pytest.fixture(scope="module")
def taught(
    quick: PredictorSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Predictor, Rows]:
    """Fitted in a world in which `private` triples clicks and nothing else matters."""
    promotions, placements, segments, performance = tables()
    promotions = promotions[["promotion_id", "text"]]
    rng = np.random.default_rng(5)
    private = performance["promotion_id"].str.contains("private")
    clicks = rng.binomial(performance["impressions"], np.where(private, 0.15, 0.05))
    performance = performance.assign(clicks=clicks, conversions=rng.binomial(clicks, 0.2))
    week = (performance["date"] - performance["date"].min()).dt.days // 7
    train, choose = (
        rows_from_tables(promotions, placements, segments, performance[chosen], quick)
        for chosen in (week < 3, week == 3)
    )
    out = tmp_path_factory.mktemp("taught") / "predictor"
    return fit(train, choose, quick, out, 0), choose


def test_the_word_that_drives_the_rate_is_named(taught: tuple[Predictor, Rows]) -> None:
    predictor, shown = taught
    found = explain(
        predictor, shown.pick(np.argsort(shown.promotion, kind="stable")), predictor.tokenizer, 64
    )
    assert found.stages == ("ctr", "cvr")
    for effect in found.words:
        clicks = dict(zip(effect.split.words, effect.effect[:, 0], strict=True))
        if "private" in clicks:
            assert max(clicks, key=lambda word: clicks[word]) == "private"
            assert clicks["private"] > 0.2
        else:
            assert min(clicks, key=lambda word: clicks[word]) == "national"
    clicked = found.faithful[0]
    assert clicked.holds
    wrong = faithfulness(predictor, shown, shuffled(found.words, 1), 4)[0]
    assert not wrong.holds
    # Nothing but the text told the promotions apart.
    size = dict(zip(found.fields.fields, np.abs(found.fields.effect[:, :, 0]).mean(0), strict=True))
    assert max(size, key=lambda name: size[name]) == "text"


def integrated_gradients(
    predictor: Predictor, rows: Rows, splits: list[SplitText]
) -> list[TextEffects]:
    """Captum's effects of words on the first stage's logit; words blanked by padding."""
    encoder, text_at = predictor.funnel.encoder, rows.promotions.text[rows.promotion].tolist()
    found = []
    for split in splits:
        row = rows.pick(np.array([text_at.index(split.text)]))
        weight = predictor.features(row)
        out = predictor.tokenizer(
            [split.text], return_offsets_mapping=True, return_special_tokens_mask=True
        )
        ids, mask = torch.tensor(out["input_ids"]), torch.tensor(out["attention_mask"])
        special = torch.tensor(out["special_tokens_mask"]) == 1

        def logit(ids: torch.Tensor, mask: torch.Tensor, features: object = weight) -> torch.Tensor:
            from promopilot.predictors.funnel import Context

            context = Context.from_features(features, ids.device)
            many = torch.zeros(len(ids), dtype=torch.int64)
            picked = context.pick(many, torch.arange(len(ids)))
            return predictor.funnel(encoder(Tokens(ids, mask.expand(len(ids), -1))), picked)

        predictor.funnel.eval()
        pieces = (
            LayerIntegratedGradients(logit, encoder.embeddings.word_embeddings)
            .attribute(
                ids,
                baselines=torch.where(special, ids, predictor.tokenizer.pad_token_id),
                additional_forward_args=(mask,),
                target=0,
                n_steps=32,
            )
            .sum(-1)[0]
            .detach()
            .numpy()
        )
        effect = np.zeros((len(split.spans), 1))
        for (first, end), piece in zip(out["offset_mapping"][0], pieces, strict=True):
            for place, (start, stop) in enumerate(split.spans):
                effect[place, 0] += piece * (start <= first < end <= stop)
        found.append(TextEffects(split, effect, np.zeros(1), np.zeros(1)))
    return found


def test_words_are_about_as_faithful_as_by_integrated_gradients(
    taught: tuple[Predictor, Rows],
) -> None:
    predictor, shown = taught
    texts = sorted(set(shown.promotions.text))
    splits = split_texts(predictor.tokenizer, texts, 64, 24)
    ours = text_effects(predictor, shown, splits, 4)
    theirs = [
        replace(each, effect=np.repeat(each.effect, 2, axis=1))
        for each in integrated_gradients(predictor, shown, splits)
    ]
    (own, *_), (other, *_) = (faithfulness(predictor, shown, e, 4) for e in (ours, theirs))
    assert other.holds  # so that it is no weak rival
    # Where one word decides, both methods name it, and they are alike.
    gain, rival = (test.raising_gain[0] + test.lowering_gain[0] for test in (own, other))
    assert gain >= 0.9 * rival


# ---- fields ----


def test_known_effects_of_fields_are_found(rows: Rows) -> None:
    world = KnownWorld(TRUTH, uses_fields=True)
    found = field_effects(world, rows)
    effect = dict(zip(found.fields, np.moveaxis(found.effect, 1, 0), strict=True))
    held = rows.pick((np.arange(CONTEXTS) * len(rows) + len(rows) // 2) // CONTEXTS)
    promotions, other = rows.promotions, held.promotion
    assert effect["discount"][:, 0] == pytest.approx(
        2.0 * (promotions.discount - promotions.discount[other].mean())
    )
    assert effect["price"][:, 1] == pytest.approx(
        0.5 * (promotions.log_price - promotions.log_price[other].mean())
    )
    is_tea = promotions.group_id == "tea"
    assert effect["group"][:, 1] == pytest.approx(0.7 * (is_tea - is_tea[other].mean()))
    placement = rows.placement.reshape(-1, CONTEXTS).mean(axis=1) - held.placement.mean()
    assert effect["placement"][:, 0] == pytest.approx(-0.4 * placement)
    weekday = rows.weekday.reshape(-1, CONTEXTS).mean(axis=1) - held.weekday.mean()
    assert effect["calendar"][:, 0] == pytest.approx(0.1 * weekday)
    assert effect["segment"] == pytest.approx(0.0)
    assert found.effect.sum(axis=1) == pytest.approx(found.own - found.average)


def test_effects_of_fields_add_up_in_a_network(predictor: Predictor, rows: Rows) -> None:
    found = field_effects(predictor, rows)
    assert found.effect.sum(axis=1) == pytest.approx(found.own - found.average)
    logs = np.log(predictor.predict(rows).last).reshape(-1, CONTEXTS).mean(axis=1)
    assert found.own.sum(axis=1) == pytest.approx(logs)


def test_what_is_the_same_everywhere_is_no_field(rows: Rows) -> None:
    one = rows.pick(np.arange(CONTEXTS))
    found = field_effects(KnownWorld(TRUTH), one)
    assert set(found.fields) == {"placement", "segment", "calendar"}
    nothing = field_effects(KnownWorld(TRUTH), rows.pick(np.arange(1)))
    assert nothing.fields == ()
    assert nothing.effect.shape == (1, 0, 2)


# ---- all of it ----


def test_clicks_alone_are_explained_as_one_stage(rows: Rows) -> None:
    class Clicks(KnownWorld):
        def predict(self, rows: Rows) -> Prediction:
            return Prediction(ctr=super().predict(rows).ctr)

    found = explain(Clicks(TRUTH), rows, Blanks(), 64)
    assert found.stages == ("ctr",)
    assert len(found.faithful) == 1
    assert found.fields.own.shape == (20, 1)


def test_promotions_of_one_text_share_their_words(rows: Rows) -> None:
    texts = rows.promotions.text.copy()
    texts[1] = texts[0]
    same = replace(rows, promotions=replace(rows.promotions, text=texts))
    found = explain(KnownWorld(TRUTH), same, Blanks(), 64)
    assert len(found.words) == 19
    assert found.text[0] == found.text[1]
    assert found.promotion.tolist() == list(range(20))


def test_each_text_is_scored_once_per_removal(rows: Rows, splits: list[SplitText]) -> None:
    asked = []

    class Counting(KnownWorld):
        def predict(self, rows: Rows) -> Prediction:
            asked.append(len(rows))
            return super().predict(rows)

    removals = [(0, frozenset({1})), (0, frozenset()), (0, frozenset({1}))] * 5
    scores = scored_without(Counting(TRUTH), rows, splits, removals, CONTEXTS)
    assert asked == [2 * CONTEXTS]
    assert scores.shape == (15, 2)


def test_the_tokenizer_of_the_base_model_tells_where_texts_are_cut(base_model: Path) -> None:
    split = split_texts(load_tokenizer(base_model), ["30% off national brand soup"], 6, 24)[0]
    assert split.words == ["30%", "off", "national"]
