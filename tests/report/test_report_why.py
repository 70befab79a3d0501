"""Why these predictions: what is named, what is not, and how it is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from promopilot.experiments.report import render_report
from promopilot.experiments.report.finished_run import read_run
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.section import Page
from promopilot.experiments.report.why import section

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def told(run: Path, tmp_path: Path) -> Callable[[Change | None], str]:
    """The section of a copy of the run, its explanations changed."""

    def tell(change: Change | None) -> str:
        copied = Path(shutil.copytree(run, tmp_path / "run"))
        path = copied / "explanations.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        if change is None:
            path.unlink()
        else:
            change(found)
            path.write_text(json.dumps(found), encoding="utf-8")
        html = render_report(copied)
        return html.partition('<section id="why"')[2].partition("</section>")[0]

    return tell


def unchanged(found: dict[str, Any]) -> None:
    """As the run wrote it."""


def test_words_that_passed_the_test_are_named(told: Callable[[Change | None], str]) -> None:
    text = told(unchanged)
    assert "Both kinds move it their way by more than random words do" in text
    assert "Words that raise" in text
    assert "Word by word" in text
    assert "Pizza <data" in text
    assert "caution" not in text


def test_words_that_failed_the_test_are_left_out(told: Callable[[Change | None], str]) -> None:
    def fail(found: dict[str, Any]) -> None:
        found["comprehensiveness"]["ctcvr"] |= {"holds": False}

    text = told(fail)
    assert "the words must not be trusted, and none is named below" in text
    assert 'class="caution"' in text
    assert "Words that raise" not in text
    assert "Word by word" not in text
    assert "Against average" in text  # fields need no trust in words


def test_untested_words_are_a_hint_only(told: Callable[[Change | None], str]) -> None:
    text = told(lambda found: found.update(comprehensiveness={}, texts_tested=6))
    assert "Too few texts for a test of the words named below" in text
    assert 'id="chart-why-test"' not in text


def test_a_run_without_explanations_says_so(told: Callable[[Change | None], str]) -> None:
    text = told(None)
    assert "This run holds no explanations" in text
    assert "<table" not in text


def test_promotions_that_differ_in_nothing_get_no_chart(
    told: Callable[[Change | None], str],
) -> None:
    def alike(found: dict[str, Any]) -> None:
        found["fields"] = {}
        for each in found["promotions"]:
            each["fields"] = {}

    text = told(alike)
    assert 'id="chart-why-fields"' not in text
    assert 'id="chart-why-test"' in text


def test_promotions_left_out_are_counted(told: Callable[[Change | None], str]) -> None:
    text = told(lambda found: found.update(promotions_in_plan=1000))
    assert ">994</data> promotions with least money are not explained" in text
    assert "not explained" not in told_again(text)


def told_again(text: str) -> str:
    """What is said before the sentence about those left out."""
    return text.partition(" The <data")[0]


def test_clicks_alone_bear_the_first_event_s_name(told: Callable[[Change | None], str]) -> None:
    def only_clicks(found: dict[str, Any]) -> None:
        found["rates"] = ["ctr"]

    text = told(only_clicks)
    assert "followed by “clicked”" in text
    assert "ordered" not in text


def test_markup_in_words_is_text(told: Callable[[Change | None], str]) -> None:
    def hostile(found: dict[str, Any]) -> None:
        found["promotions"][0]["words"][0] |= {"word": "<b>free</b>"}

    text = told(hostile)
    assert "<b>free" not in text
    assert "&lt;b&gt;free" in text


def test_a_run_of_words_is_shortened(told: Callable[[Change | None], str]) -> None:
    def longer(found: dict[str, Any]) -> None:
        found["promotions"][0]["words"][0] |= {"word": "one two three four five six seven,"}

    assert "one two three four five six… " in told(longer)


def test_what_matters_most_comes_first(run: Path) -> None:
    finished = read_run(run)
    view = section(Page(finished, Numbers(finished.world.currency))).view
    bars = view["charts"][0].traces[0]["x"]
    assert bars == sorted(bars, reverse=True)
    funded = finished.plan.groupby("promotion_id")["planned_budget"].sum()
    order = [each["promotion_id"] for each in finished.explanations["promotions"]]
    assert list(funded[order]) == sorted(funded, reverse=True)
    for row in view["rows"]:
        assert all("\N{MINUS SIGN}" not in str(part) for part in row.raising)
        assert all("\N{MINUS SIGN}" in str(part) for part in row.lowering)


@pytest.mark.parametrize(
    ("columns", "apart"),
    [
        ({}, False),
        ({"test_id": "a"}, True),
        ({"campaign_id": "one campaign of many texts"}, True),
        ({"text": "the same"}, True),
    ],
)
def test_wording_that_none_can_tell_from_the_promotion_is_said_to_be(
    run: Path, tmp_path: Path, columns: dict[str, str], apart: bool
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    path = copied / "data" / "promotions.csv"
    promotions = pd.read_csv(path)
    own = {"text": "Save with " + promotions["promotion_id"]}
    promotions.assign(**(own | columns)).to_csv(path, index=False)
    chart = section(Page(read_run(copied), Numbers("USD"))).view["charts"][0]
    assert ("may as well be the promotion" in chart.note) != apart
