"""The studio in a real browser: nothing leaves this machine, and what is moved moves the plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import grave
from tests.studio.serving import serving

METRIC = '[data-testid="stMetric"]'


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    with serving(["studio", str(run)]) as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser: Any, address: str) -> Iterator[tuple[Any, list[str]]]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    said: list[str] = []
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda asked: asked.url.startswith(own) or said.append(asked.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda told: told.type == "error" and said.append(told.text))
    page.goto(address)
    page.wait_for_selector(METRIC, timeout=90_000)
    yield page, said
    page.close()


def test_a_smaller_budget_plans_less_and_a_scenario_is_kept(opened: tuple[Any, list[str]]) -> None:
    page, said = opened
    before = page.locator(METRIC).first.inner_text()
    budget = page.get_by_label("Media for the flight", exact=False).first
    budget.fill(f"{0.8 * float(budget.input_value().replace(',', '')):.2f}")
    budget.press("Enter")
    page.wait_for_function(
        f"document.querySelector('{METRIC}').innerText !== {before!r}", timeout=60_000
    )
    page.get_by_role("button", name="Keep it to compare").click()
    page.wait_for_function(
        "document.querySelectorAll('.stPlotlyChart').length === 4", timeout=60_000
    )
    assert said == []


def test_the_limits_in_force_stand_beside_the_plan(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    change = page.get_by_label("Largest change of a promotion", exact=False).first
    assert float(change.input_value()) == 50
    assert "max_share: 0.7" in page.locator('[data-testid="stCode"]').inner_text()


def test_limits_that_no_plan_can_keep_are_said_above_the_last_plan(
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    per_day = page.get_by_label("At most a day", exact=False).first
    per_day.fill("0.01")
    per_day.press("Enter")
    alert = page.wait_for_selector('[data-testid="stAlert"]', timeout=60_000)
    assert "0.01" in alert.inner_text()
    page.wait_for_function(f"document.querySelectorAll('{METRIC}').length === 4", timeout=60_000)
    per_day.fill("")
    per_day.press("Enter")
    page.wait_for_selector('[data-testid="stAlert"]', state="detached", timeout=60_000)


def test_a_phone_scrolls_in_one_direction_only(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(
    opened: tuple[Any, list[str]],
) -> None:
    assert grave(opened[0]) == []
