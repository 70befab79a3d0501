"""The report in a real browser: silent, sortable, filterable, readable at any width, by anyone."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import Opened, grave, open_page

from promopilot.experiments.report import render_report, write_report

LINES = "#lines tbody tr"
SHOWN = f"{LINES}:not([hidden])"
LIGHT, DARK = "rgb(251, 250, 247)", "rgb(20, 24, 27)"  # of the page


@pytest.fixture(scope="module")
def opened(browser: Any, run: Path) -> Iterator[Opened]:
    found = open_page(browser, write_report(run))
    yield found
    found.page.close()


@pytest.fixture
def page(opened: Opened) -> Iterator[Any]:
    """The page, left as it was found."""
    yield opened.page
    opened.page.emulate_media(media="screen", color_scheme="light")
    opened.page.set_viewport_size({"width": 1400, "height": 900})
    opened.page.locator("[data-reset]").click()


def column(page: Any, number: int) -> list[float]:
    """Raw numbers of a column of the table of line items, from the top."""
    cells = f"{SHOWN} td:nth-child({number + 1}) data"
    found: list[str] = page.locator(cells).evaluate_all("found => found.map(d => d.value)")
    return [float(value) for value in found]


# ---- silent and drawn ----


def test_nothing_is_asked_for_and_nothing_is_wrong(opened: Opened) -> None:
    assert opened.asked == []
    assert opened.complaints == []


def test_a_name_that_is_a_script_is_text(page: Any) -> None:
    assert page.locator("#lines").get_by_text("<script>alert(1)</script>").count() > 0


@pytest.mark.parametrize("width", [1400, 360])
def test_every_chart_is_drawn_within_the_window(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function(
        "[...document.querySelectorAll('.plot')].every("
        "p => Math.abs(p.querySelector('.main-svg').clientWidth - p.clientWidth) < 2)"
    )
    drawn = page.evaluate(
        """[...document.querySelectorAll("figure.chart")].map((figure) => [
          figure.id,
          figure.querySelector(".main-svg").clientWidth,
          figure.querySelectorAll(".point, .js-line, .hm image").length,
        ])"""
    )
    assert len(drawn) > 30
    assert [name for name, _, marks in drawn if marks == 0] == []
    assert [name for name, size, _ in drawn if not 200 < size < width] == []


def test_a_phone_scrolls_in_one_direction_only(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_chinese_page_is_drawn_and_filters_too(browser: Any, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(run, "zh"), encoding="utf-8")
    opened = open_page(browser, file, width=360)
    assert (opened.asked, opened.complaints) == ([], [])
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    opened.page.get_by_role("searchbox").fill("火锅")
    assert opened.page.locator("[role=status]").inner_text().endswith("行")
    assert opened.page.locator(SHOWN).count() > 0
    opened.page.close()


# ---- tables ----


def test_a_heading_that_is_pressed_sorts_its_table(page: Any) -> None:
    heading = page.locator("#lines th", has=page.get_by_role("button", name="Change", exact=True))
    heading.get_by_role("button").click()
    changes = column(page, 5)
    assert heading.get_attribute("aria-sort") == "descending"
    assert changes == sorted(changes, reverse=True)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 5) == sorted(changes)
    assert page.locator("#lines th[aria-sort]").count() == 1


def test_names_are_sorted_from_the_keyboard(page: Any) -> None:
    page.locator("#lines").get_by_role("button", name="Placement").focus()
    page.keyboard.press("Enter")
    names = page.locator(f"{SHOWN} td:nth-child(2)").all_inner_texts()
    assert len(set(names)) > 1
    assert names == sorted(names, key=str.lower)


def test_every_table_sorts_by_its_last_column(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    tables = page.locator("table[data-sort]")
    assert tables.count() > 20
    pressed = page.evaluate(
        """[...document.querySelectorAll("table[data-sort]")].map((table) => {
          const heading = [...table.tHead.rows[0].cells].at(-1);
          const before = table.tBodies[0].rows.length;
          heading.querySelector("button").click();
          return [before === table.tBodies[0].rows.length, heading.getAttribute("aria-sort")];
        })"""
    )
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    assert all(kept and way in ("ascending", "descending") for kept, way in pressed)


def test_filters_filter_and_the_sums_follow(page: Any) -> None:
    every, whole = page.locator(LINES).count(), sum(column(page, 4))
    page.get_by_role("combobox", name="Placement").select_option("Home page")
    names = page.locator(f"{SHOWN} td:nth-child(2)").all_inner_texts()
    assert set(names) == {"Home page"}
    assert 0 < len(names) < every
    assert page.locator("[role=status]").inner_text() == f"{len(names)} of {every} rows"
    told = page.locator("#lines tfoot [data-sum='4']").inner_text()
    assert float(re.sub(r"[^\d]", "", told)) == pytest.approx(sum(column(page, 4)), abs=0.51)
    page.get_by_role("combobox", name="Change").select_option("down")
    changes = column(page, 5)
    assert changes
    assert max(changes) < 0
    page.get_by_role("button", name="Show all").click()
    assert page.locator(SHOWN).count() == every
    assert sum(column(page, 4)) == pytest.approx(whole)


def test_signs_stay_with_their_sums(page: Any) -> None:
    kept = page.locator("#lines tfoot [data-sum]").evaluate_all(
        "cells => cells.map((cell) => getComputedStyle(cell).whiteSpace)"
    )
    assert kept == ["nowrap"] * 4


def test_ticks_have_their_sign_before_the_currency(page: Any) -> None:
    for width in (1280, 700):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        ticks = page.locator(".plot :is(.xtick, .ytick) text").all_text_contents()
        assert any(tick.startswith("\N{MINUS SIGN}$") for tick in ticks)
        assert not any("$\N{MINUS SIGN}" in tick for tick in ticks)


def test_promotions_are_found_by_a_part_of_their_name(page: Any) -> None:
    search = page.get_by_label("Promotion contains")
    search.fill("火锅")
    assert set(page.locator(f"{SHOWN} th").all_inner_texts()) == {"火锅满100减30"}
    search.fill("nothing is called so")
    assert page.locator(SHOWN).count() == 0
    assert page.locator("[role=status]").inner_text().startswith("0 of ")


# ---- colours and paper ----


def test_page_and_charts_take_the_colours_of_the_scheme(page: Any) -> None:
    def colours() -> tuple[str, str]:
        found = page.evaluate(
            """[getComputedStyle(document.body).backgroundColor,
            document.querySelectorAll("#chart-moves .point path")[0].style.fill]"""
        )
        return found[0], found[1]

    light = colours()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    dark = colours()
    assert (light[0], dark[0]) == (LIGHT, DARK)
    assert light[1] != dark[1]


def test_paper_shows_every_row_and_no_controls(page: Any) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert not page.locator("nav.contents").is_visible()
    whole = page.evaluate(
        "(t => t.scrollHeight <= t.clientHeight + 1)(document.querySelector('.tall'))"
    )
    assert whole
    assert page.pdf(format="A4")[:5] == b"%PDF-"


# ---- for everybody ----


def test_tab_reaches_every_control(page: Any) -> None:
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    controls = page.evaluate(
        """(() => {
          const kinds = "a, button, input, select, summary, [tabindex='0']";
          const found = [...document.querySelectorAll(kinds)];
          const seen = found.filter((e) => e.checkVisibility());
          seen.forEach((e, at) => (e.dataset.control = at));
          return seen.length;
        })()"""
    )
    reached = set()
    for _ in range(controls + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.control ?? ''"))
    assert reached - {""} == {str(at) for at in range(controls)}


@pytest.mark.parametrize(("scheme", "rules"), [("light", None), ("dark", ["color-contrast"])])
def test_axe_finds_nothing_serious(page: Any, scheme: str, rules: list[str] | None) -> None:
    page.emulate_media(color_scheme=scheme)
    # Drawings have their text beside them; what is in them is no text to a screen reader.
    context, options = {"exclude": [[".plot svg"]]}, {"runOnly": rules} if rules else None
    assert grave(page, context=context, options=options) == []


def test_headings_step_down_one_at_a_time(page: Any) -> None:
    levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_charts_say_in_words_what_they_show(page: Any) -> None:
    said = page.locator(".plot").evaluate_all("all => all.map(p => p.getAttribute('aria-label'))")
    assert all(said)
    notes = page.locator("figure.chart:not(.small) figcaption").all_inner_texts()
    assert notes
    assert all(len(note) > 20 for note in notes)
