"""How things are said: one and many, words that are none, names that are blank, ticks of axes."""

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.conftest import write_run
from tests.report.test_report_page import charts, read, strings
from tests.test_scenarios_report import comparison

from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.report import render_report
from promopilot.experiments.report.chart import money_axis, outcome_axis
from promopilot.experiments.report.compared import render_comparison
from promopilot.experiments.report.finished_run import read_run
from promopilot.experiments.report.language import Language, plural, speaking
from promopilot.experiments.report.section import period

MANY = r"promotions|placements|segments|line items|changes|rows|texts|orders|days"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one promotion in one placement for one segment."""
    world = synthetic_world(SyntheticSize(promotions=1, placements=1, segments=1, days=7))
    return write_run(tmp_path_factory.mktemp("one") / "run", world, None, limits="exploration: 0\n")


def test_one_is_not_told_as_many(one: Path) -> None:
    text = read(render_report(one)).text
    assert "1 of 1 line items (promotion, placement, segment) has money" in text
    assert "The line item with most planned money" in text
    assert "The promotion with most planned money." in text
    assert not re.search(rf"(?<!of )(?<![\d.,:/-])\b1 ({MANY})\b", text)


def test_a_plan_that_is_the_current_mix_is_no_gain(one: Path) -> None:
    html = render_report(one)
    summary = read(html.partition('<section id="summary"')[2].partition("</section>")[0]).text
    assert "that may be nothing" in summary
    assert 'class="tile good"' not in html
    assert 'class="tile bad"' not in html
    assert "In all the budget changes" not in html  # by less than is read


def test_names_of_plans_are_text_in_charts_too() -> None:
    html = render_comparison(comparison() | {"sides": ["<b>May</b>", "R&D"]}, "en")
    names = {trace["name"] for chart in charts(html) for trace in chart["data"]}
    assert names == {"&lt;b&gt;May&lt;/b&gt;", "R&amp;D"}
    assert not any("<b>" in text for chart in charts(html) for text in strings(chart))


@pytest.mark.parametrize(("count", "told"), [(0, "days"), (1, "day"), (2, "days"), (1000, "days")])
def test_plural(count: int, told: str) -> None:
    assert plural(count, "day", "days") == told


@pytest.mark.parametrize("word", ["\N{EN DASH}", "&", "!", "\N{FULLWIDTH COLON}", "|", "…"])
def test_stops_are_no_words(run: Path, tmp_path: Path, word: str) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    path = copied / "explanations.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    found["promotions"][0]["words"][0] |= {
        "word": word,
        "pct": dict.fromkeys(found["rates"], 987.0),
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    html = render_report(copied)
    why = html.partition('<section id="why"')[2].partition("</section>")[0]
    assert ">+987" not in why
    assert "Word by word" in why


@pytest.mark.parametrize(
    ("name", "told"),
    [("", "Save on Pizza"), ("   ", "Save on Pizza"), (" Pizza! ", "Pizza!"), ("Pizza", "Pizza")],
)
def test_a_promotion_without_a_name_is_called_by_its_text(
    run: Path, tmp_path: Path, name: str, told: str
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    for path in (copied / "plan.csv", copied / "data" / "promotions.csv"):
        text = path.read_text(encoding="utf-8")
        lines = [
            re.sub(r"(promotion-3,(?:Save on Pizza,)?)Pizza", rf"\g<1>{name}", line)
            for line in text.splitlines()
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read_run(copied).promotions["promotion-3"] == told


def test_a_promotion_without_a_name_keeps_its_id_where_texts_are_long(
    run: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    path = copied / "data" / "promotions.csv"
    promotions = pd.read_csv(path)
    text = "Running shoes for every distance. Order today"
    promotions["text"] = promotions["text"].mask(promotions["promotion_id"] == "promotion-3", text)
    promotions.drop(columns="name").to_csv(path, index=False)
    plan = pd.read_csv(copied / "plan.csv", dtype=str, keep_default_na=False)
    plan.assign(promotion_name="").to_csv(copied / "plan.csv", index=False)
    assert all(one == name for one, name in read_run(copied).promotions.items())


def test_ticks_never_write_a_small_amount_with_a_letter(run: Path) -> None:
    formats = [
        axis.get("tickformat", "") for chart in charts(render_report(run)) for axis in axes(chart)
    ]
    assert formats
    assert not any("s" in text for text in formats)  # "~s" writes 0.5 as 500m
    with speaking("zh"):
        assert money_axis("¥")["tickformat"] == ",~f"


def axes(chart: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for name, part in chart["layout"].items() if name[1:].startswith("axis")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_orders_have_no_currency_in_any_language(language: Language) -> None:
    with speaking(language):
        assert outcome_axis("$", "conversions")["tickprefix"] == ""
        assert outcome_axis("$", "net_profit")["tickprefix"] == "$"


@pytest.mark.parametrize(
    ("first", "last", "english", "chinese"),
    [
        ((2017, 11, 6), (2017, 12, 3), "6 November to 3 December 2017", "2017年11月6日至12月3日"),
        (
            *((2017, 12, 6), (2018, 1, 3)),
            *("6 December 2017 to 3 January 2018", "2017年12月6日 至 2018年1月3日"),
        ),
    ],
)
def test_a_period_names_the_year_where_the_language_does(
    first: tuple[int, int, int], last: tuple[int, int, int], english: str, chinese: str
) -> None:
    assert period(date(*first), date(*last)) == english
    with speaking("zh"):
        assert period(date(*first), date(*last)) == chinese
