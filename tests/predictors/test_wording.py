import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.wording import NAMES, WORDINGS, wording, wordings


def of(text: str) -> dict[str, float]:
    return dict(zip(NAMES, wording(text), strict=True))


def test_how_a_text_is_put() -> None:
    found = of('JAW DROP: "3 States" Think That?')
    assert found["words"] == pytest.approx(np.log(7))
    assert found["has figures"] == 1
    assert found["words in capitals"] == pytest.approx(2 / 6)
    assert found["asks"] == found["ends asking"] == found["has a colon"] == found["has quotes"] == 1
    assert found["exclaims"] == 0
    assert of("Really? Yes. No!")["sentences"] == pytest.approx(np.log(4))


def test_full_width_marks_count_as_others() -> None:
    chinese = of("\u60ca\u559c\uff01\u4e70\u4e00\u9001\u4e00\uff1f")
    assert chinese["asks"] == chinese["ends asking"] == chinese["exclaims"] == 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_finite_numbers(text: str) -> None:
    assert np.isfinite(wording(text)).all()


def test_a_very_long_text_costs_little_and_no_texts_are_none() -> None:
    assert wording("a " * 1_000_000) == wording("a " * 2_000)
    assert wordings([]).shape == (0, WORDINGS)
