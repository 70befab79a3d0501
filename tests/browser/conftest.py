"""A real browser that no request leaves, and the pages that tests look at in it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.report.conftest import make_run, run

__all__ = ["make_run", "run"]  # fixtures of the report's tests

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 120_000  # ms: a page of some megabytes on a machine that is busy
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; without it these tests are skipped, in CI they fail."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if path is None:
        reason = "no Chromium here; `make browser` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


def grave(page: Any, **asked: Any) -> list[tuple[str, str]]:
    """Rules that axe finds broken and calls serious or worse, each with the first place."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, **asked).response["violations"]
    worst = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in worst]


@dataclass
class Opened:
    """A page, and what it said and asked for."""

    page: Any
    asked: list[str] = field(default_factory=list)  # addresses, the page's own left out
    complaints: list[str] = field(default_factory=list)  # errors and warnings of the console

    def wait_for_charts(self) -> None:
        """Until every chart is drawn."""
        self.page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
        )


def open_page(browser: Any, file: Path, width: int = 1400) -> Opened:
    """Open a file, with nothing else in reach."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    address = file.resolve().as_uri()
    opened = Opened(page)

    def answer(route: Any) -> None:
        if route.request.url == address:
            route.continue_()
            return
        opened.asked.append(route.request.url)
        route.abort()

    page.route("**/*", answer)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: said.type in ("error", "warning") and opened.complaints.append(said.text),
    )
    page.goto(address)
    opened.wait_for_charts()
    return opened
