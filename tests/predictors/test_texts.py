"""The text that the encoder reads, written from a promotion's fields by a template."""

import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.template import parts_of
from promopilot.predictors.texts import texts_from

PROMOTIONS = pd.DataFrame(
    {
        "promotion_id": ["a", "b", "c"],
        "text": ["Milk", "Bread: fresh", "Beer"],
        "category": ["dairy", None, "drinks"],
        "discount": [0.25, np.nan, np.nan],
        "price": [2.0, 1.5, np.nan],
        "stock": [1200.0, np.nan, 7.0],
        "start_date": pd.to_datetime(["2026-03-02", None, None]),
        "stars": ["4.5", "3", None],  # a column beyond the contract: text in a CSV file
    }
)


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("{text}", ["Milk", "Bread: fresh", "Beer"]),
        (
            "{text} | {category} | {discount:.0%} off",
            ["Milk | dairy | 25% off", "Bread: fresh", "Beer | drinks"],
        ),
        ("{category}: {text}", ["dairy: Milk", "Bread: fresh", "drinks: Beer"]),
        ("{text} ({category})", ["Milk (dairy)", "Bread: fresh", "Beer (drinks)"]),
        (
            "{text} - {category} / {price}",
            ["Milk - dairy / 2", "Bread: fresh / 1.5", "Beer - drinks"],
        ),
        ("only {price:.2f}, {text}", ["only 2.00, Milk", "only 1.50, Bread: fresh", "Beer"]),
        (
            "{text} for {price:.2f} now",
            ["Milk for 2.00 now", "Bread: fresh for 1.50 now", "Beer for now"],
        ),
        ("{text}, {stock:d} left", ["Milk, 1200 left", "Bread: fresh", "Beer, 7 left"]),
        ("{text}; from {start_date}", ["Milk; from 2026-03-02", "Bread: fresh", "Beer"]),
        (
            "{text} from {start_date:%d %B}",
            ["Milk from 02 March", "Bread: fresh from", "Beer from"],
        ),
        ("{text}, {stars:.1f} stars", ["Milk, 4.5 stars", "Bread: fresh, 3.0 stars", "Beer"]),
        ("{{{text}}}", ["{Milk}", "{Bread: fresh}", "{Beer}"]),
        ("2-for-1 {text}", ["2-for-1 Milk", "2-for-1 Bread: fresh", "2-for-1 Beer"]),
    ],
)
def test_fields_are_put_together_and_nothing_is_left_of_missing_ones(
    template: str, texts: list[str]
) -> None:
    assert texts_from(PROMOTIONS, template).tolist() == texts


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{text} {categry}", r"no column 'categry': did you mean \{category\}\?"),
        ("{text} {zzz}", r"no column 'zzz': write one of promotion_id, text"),
        ("{text", "is no template"),
        ("text}", "is no template"),
        ("{}", r"holds \{\}; braces hold the name of a column"),
        ("{0}", r"holds \{0\}"),
        ("{text.__class__}", r"holds \{text\.__class__\}"),
        ("{text[0]}", r"holds \{text\[0\]\}"),
        ("{text!r}", r"holds \{text!r\}"),
        ("{price:{discount}}", r"holds \{price:\{discount\}\}"),
        ("{price:999999999.2f}", "numbers must be at most 99"),
        ("all the same", "names no column"),
        ("", "names no column"),
        ("{price:q}", r"the format 'q' does not suit price 2\.0 in row 2"),
        ("{text:.0%}", r"the format '\.0%' does not suit text 'Milk' in row 2"),
        ("{price:d}", r"the format 'd' does not suit price 1\.5 in row 3"),
        ("{category}", r"row 3: the text of promotion 'b' is empty by the template '\{category\}'"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(template: str, message: str) -> None:
    with pytest.raises(PredictorDataError, match=message):
        texts_from(PROMOTIONS, template)


@pytest.mark.parametrize("text", ["", " \t\n", None])
def test_an_empty_text_names_its_row(text: str | None) -> None:
    promotions = pd.DataFrame({"promotion_id": ["a", "b"], "text": ["Milk", text]})
    with pytest.raises(PredictorDataError, match=r"row 3: the text of promotion 'b' is empty"):
        texts_from(promotions, "{text}")


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_the_plain_template_gives_every_text_as_it_stands(texts: list[str]) -> None:
    frame = pd.DataFrame({"promotion_id": [str(i) for i in range(len(texts))], "text": texts})
    assert texts_from(frame, "{text}").tolist() == texts


@given(st.text(max_size=30))
def test_any_string_is_a_template_or_refused_in_words(template: str) -> None:
    with suppress(PredictorDataError):  # anything else would be a bug
        assert all(text.strip() for text in texts_from(PROMOTIONS, template))


@given(st.lists(st.sampled_from(["{text}", "{category}", "{price}"]), min_size=1, unique=True))
def test_parts_keep_every_field_in_order(fields: list[str]) -> None:
    parts = parts_of(" | ".join(fields))
    assert ["{" + part.fields[0].column + "}" for part in parts] == fields


def test_checking_a_template_imports_no_pandas() -> None:
    code = (
        "import sys, promopilot.predictors.template as t; t.parts_of('{text}')\n"
        "print({'pandas', 'numpy', 'torch'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
