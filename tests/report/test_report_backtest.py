"""The backtest: what is said of a market that foresaw the days, and of one that did not."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.report.backtests import judged_days

from promopilot.experiments.report import render_report

BEFORE = date(2023, 12, 4)
Told = Callable[..., str]


@pytest.fixture
def told(run: Path, tmp_path: Path) -> Told:
    """What a page says in its summary or its backtest when the run's files hold these."""

    def read(
        backtest: dict[str, Any] | None,
        afterwards: dict[str, Any] | None = None,
        section: str = "backtest",
    ) -> str:
        again = Path(shutil.copytree(run, tmp_path / "run", dirs_exist_ok=True))
        for name, document in (("backtest", backtest), ("afterwards", afterwards)):
            (again / f"{name}.json").unlink(missing_ok=True)
            if document is not None:
                (again / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        html = render_report(again).partition(f'<section id="{section}"')[2]
        return html.partition("</section>")[0]

    return read


def plain(html: str) -> str:
    html = re.sub(r"<script.*?</script>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))


def charts(html: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def test_a_market_that_passed_says_what_that_does_not_show(told: Told) -> None:
    judged = judged_days(BEFORE, 28)
    assert judged["passes"]
    text = plain(told(judged))
    assert "4 December to 31 December 2023, 256 times, given the money that was really" in text
    assert "The market foresaw these days well enough." in text
    assert "What this does not show: it is one window" in text
    assert "were not tested" not in text
    assert "Line items that the market knows had 97 % of the exposures." in text
    assert "own days" not in text


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"level": 1.6}, "How the plan splits money between promotions is then little more than"),
        ({"level": 1.6}, "the market promised too much, and the plan may do so too"),
        ({"level": 0.5}, "the market promised too little, and the plan may do so too"),
        ({"sure": True}, "are far too narrow, and so are the ranges of this plan"),
    ],
)
def test_a_market_that_failed_says_so_in_the_summary_too(
    told: Told, made: dict[str, Any], sentence: str
) -> None:
    judged = judged_days(BEFORE, 28, **made)
    assert not judged["passes"]
    text = plain(told(judged))
    assert "The market did not foresee these days." in text
    assert "Do not move the whole budget on this plan: try it on a part" in text
    assert sentence in text
    summary = told(judged, section="summary")
    before, _, _ = summary.partition('<dl class="tiles">')  # in plain sight
    assert "The market failed its backtest. Do not move the whole budget" in plain(before)


@pytest.mark.parametrize(
    ("days", "promotions", "told_of", "words"),
    [
        (23, 23, "82 % of 28 days and 77 % of 30 promotions", "no further off than chance"),
        (20, 18, "71 % of 28 days and 60 % of 30 promotions", "those of promotions are too narrow"),
        (17, 30, "61 % of 28 days and 100 % of 30 promotions", "those of days are too narrow"),
        (28, 24, "100 % of 28 days and 80 % of 30 promotions", "those of days are wider"),
        (17, 18, "61 % of 28 days and 60 %", "those of days and promotions are too narrow"),
    ],
)
def test_words_of_ranges_follow_the_worse_of_days_and_promotions(
    told: Told, days: int, promotions: int, told_of: str, words: str
) -> None:
    judged = judged_days(BEFORE, 28, promotions=30)
    judged |= {"coverage_80_by_day": days / 28, "coverage_80_by_promotion": promotions / 30}
    for section in ("summary", "backtest"):
        text = plain(told(judged, section=section))
        assert f"ts ranges held {told_of}" in text
        assert words in text


def test_promotions_fail_a_market_however_many_days_were_foreseen(told: Told) -> None:
    judged = judged_days(BEFORE, 28, promotions=8, sure=True, noise=0.0)
    days, promotions = judged["coverage_80_by_day"], judged["coverage_80_by_promotion"]
    assert promotions < 0.5 < 0.7 < days
    assert judged["coverage_80"] > 0.6  # all of them together
    assert not judged["passes"]
    text = plain(told(judged, section="summary"))
    assert "The market failed its backtest." in text
    assert "those of promotions are far too narrow" in text


def test_a_flight_that_was_not_foreseen_is_told_apart_from_a_failed_backtest(told: Told) -> None:
    good, bad = judged_days(BEFORE, 28), judged_days(date(2024, 1, 1), 7, level=3.0)
    summary = plain(told(good, bad, section="summary"))
    assert "The market did not foresee the flight." in summary
    assert "failed its backtest" not in summary
    text = plain(told(good, bad))
    assert text.count("The market foresaw these days well enough.") == 1
    assert text.count("The market did not foresee these days.") == 1
    assert text.count("What this does not show") == 1
    assert "whether or not anybody followed the plan" in text


def test_given_exposures_prices_and_saturation_were_not_tested(told: Told) -> None:
    text = plain(told(judged_days(BEFORE, 28, given="exposures")))
    assert "given the exposures that were really shown" in text
    assert "media prices and the shape of the response curves were not tested" in text


@pytest.mark.parametrize("after", [False, True])
def test_a_reason_stands_where_there_is_no_backtest(told: Told, after: bool) -> None:
    absent = {"absent": "no conversion was recorded in the days to be judged."}
    afterwards = judged_days(date(2024, 1, 1), 7) if after else None
    html = told(absent, afterwards)
    assert "no backtest here: no conversion was recorded in the days to be judged.<" in html
    assert len(charts(html)) == 2 * after
    summary = plain(told(absent, afterwards, section="summary"))
    assert "before the flight" not in summary
    assert ("flight's own 7 days" in summary) == after


def test_a_run_from_before_backtests_says_so(told: Told) -> None:
    assert "This run holds no backtest." in plain(told(None))
    assert "missed a day" not in plain(told(None, section="summary"))


def test_ranges_and_dots_are_those_of_the_file(told: Told) -> None:
    judged = judged_days(BEFORE, 28)
    days, promotions = charts(told(judged))
    band, mean, path, inside, outside = days["data"]
    assert [low + high for low, high in zip(band["base"], band["y"], strict=True)] == (
        pytest.approx([row["high"] for row in judged["by_day"]])
    )
    assert mean["y"][1:-1] == [row["mean"] for row in judged["by_day"]]
    assert path["y"] == [row["actual"] for row in judged["by_day"]]
    assert len(inside["x"]) / 28 == judged["coverage_80_by_day"]
    assert len(inside["x"]) + len(outside["x"]) == 28
    largest = sorted((row["actual"] for row in judged["by_promotion"]), reverse=True)[:12]
    dots = [x for trace in promotions["data"][2:] for x in trace["x"]]
    assert sorted(dots, reverse=True) == largest


def test_promotions_that_are_not_drawn_are_summed_and_listed(told: Told) -> None:
    judged = judged_days(BEFORE, 28, promotions=40)
    html = told(judged)
    order = sorted(judged["by_promotion"], key=lambda row: -row["actual"])
    rest = sum(row["actual"] for row in order[12:])
    assert "of the other 28 together" in plain(html)
    assert f"and {rest:,.0f} happened (all are in the figures below)" in plain(html)
    table = html.rpartition("<tbody>")[2].partition("</tbody>")[0]
    assert table.count("<tr>") == 40
    assert "Two loaves of bread" in table  # ran before the flight, not in it
    assert "Pizza (promotion-3)" in table  # two are called so
    assert "promotion-39" in table  # the tables know no such promotion


def test_a_panel_s_counts_are_told_from_the_business_s(run: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(run, tmp_path / "run"))
    config = again / "config.yaml"
    text = config.read_text(encoding="utf-8")
    changed = re.sub(r"panel_projection: 1(\.0)?", "panel_projection: 50", text)
    assert changed != text
    config.write_text(changed, encoding="utf-8")
    assert "Counts are those of your tables, not of the whole business." in render_report(again)
