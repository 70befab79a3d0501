import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.sources import complete_journey_text as text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("POPCORN - MICROWAVE", "microwave popcorn"),
        ("FRZN NOVELTIES/WTR ICE", "frozen novelties and water ice"),
        ("FEM. HYGN.NAPKINS", "feminine hygiene napkins"),
        ("BUTTER SPRAY CRACKER (RITZ/CLU", "butter spray cracker"),
        ("CANDY BARS (MULTI PACK)", "candy bars, multi pack"),
        ("FRZN SS PREMIUM ENTREES/DNRS/N", "frozen single-serve premium entrees and dinners"),
        ("SEAFOOD-FRZ-IQF RAW SHRIMP RW", "frozen raw shrimp seafood"),
        ("AUSTRALIAN/NZ WINES", "australian and New Zealand wines"),
        ("MEAT: TURKEY BULK", "turkey bulk meat"),
    ],
)
def test_descriptions_are_spelt_out(words: str, expected: str) -> None:
    assert text.plain(words) == expected


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (("CHEESE", "SHREDDED CHEESE", "Private", 20), "20% off store-brand shredded cheese"),
        (("LUNCHMEAT", "HAM", "National", 50), "Half price: national-brand lunchmeat: ham"),
        (
            ("COFFEE", "GROUND COFFEE", "Private", 0),
            "Featured this week: store-brand ground coffee",
        ),
        (("COFFEE", "GROUND COFFEE", "Private", None), "On offer: store-brand ground coffee"),
        (("COFFEE", "GROUND COFFEE", "Private", 10), "Save 10% on store-brand ground coffee"),
    ],
)
def test_an_offer_reads_as_on_a_shelf(
    offer: tuple[str, str, str, int | None], expected: str
) -> None:
    assert text.offer_text(*offer) == expected


def test_wording_differs_by_tier() -> None:
    tiers = [None, 0, 10, 20, 30, 40, 50]
    assert len({text.offer_text("TEA", "GREEN TEA", "National", t) for t in tiers}) == len(tiers)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)
RANGES = st.lists(
    st.tuples(
        NAMES | st.sampled_from(["CANDY", "TEA"]),
        NAMES | st.sampled_from(["CANDY BARS (SI", "CANDY BARS"]),
        st.sampled_from(["National", "Private", "", "Größe"]),
    ),
    max_size=15,
)


@given(RANGES)
def test_slugs_are_unique_short_ascii(rows: list[tuple[str, str, str]]) -> None:
    slugs = text.slugs(rows)
    assert len(set(slugs)) == len(rows)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", s) for s in slugs)
    assert all(len(s) <= text.SLUG_LENGTH + 4 for s in slugs)


@given(NAMES, NAMES)
def test_any_description_gives_one_line(category: str, kind: str) -> None:
    line = text.offer_text(category, kind, "National", 20)
    assert line.startswith("20% off national-brand")
    assert "  " not in line


def test_placements_and_segments_in_words() -> None:
    assert text.placement_text("mailer-back-page+display") == (
        "Back page of the weekly mailer with a display in the store"
    )
    assert text.segment_text("unknown") == "Households that did not state their income"
    assert "income band rich" in text.segment_text("rich")
