"""The page of a search in a real browser: silent, drawn, readable by anyone at any width."""

from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import grave, open_page
from tests.made_up_trials import record, trials

from promopilot.experiments.report.search_page import render_search


@pytest.mark.parametrize(
    ("count", "width", "language"),
    [(16, 1300, "en"), (16, 400, "zh"), (200, 400, "en"), (1, 400, "en")],
)
def test_the_page_of_a_search_is_silent_drawn_and_fits(
    browser: Any, tmp_path: Path, count: int, width: int, language: Any
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_search(record(trials=count), trials(count), language), encoding="utf-8")
    opened = open_page(browser, file, width)
    assert opened.asked == []
    assert opened.complaints == []
    wide = opened.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    drawn = opened.page.evaluate(
        """[...document.querySelectorAll("figure.chart")].map(
          (figure) => figure.querySelectorAll(".point").length)"""
    )
    assert len(drawn) == (2 if count == 1 else 3)
    assert all(marks > 0 for marks in drawn)
    assert grave(opened.page) == []
    opened.page.close()


def test_a_line_says_which_trial_it_is(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_search(record(), trials(16), "en"), encoding="utf-8")
    opened = open_page(browser, file)
    plot = opened.page.locator("#chart-search-tried .plot")
    plot.scroll_into_view_if_needed()
    point = plot.locator(".scatterlayer .trace").last.locator(".point").first
    box = point.bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = plot.locator(".hoverlayer .hovertext")
    told.wait_for()
    assert "trial 12" in told.text_content()
    assert "learning rate" in told.text_content()
    opened.page.close()
