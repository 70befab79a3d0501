"""The studio in a real browser: nothing leaves this machine, and what is moved moves the plan."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe

METRIC = '[data-testid="stMetric"]'


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["promopilot.experiments", "studio", str(run), "--no-browser", "--port", str(port)]
    served = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield _answering(f"http://127.0.0.1:{port}", served)
    finally:
        served.terminate()
        served.wait(20)


def _answering(address: str, served: "subprocess.Popen[bytes]") -> str:
    for _ in range(240):
        assert served.poll() is None, "the studio ended"
        try:
            with urlopen(f"{address}/_stcore/health") as answer:
                if answer.status == 200:
                    return address
        except URLError:
            time.sleep(0.25)
    raise TimeoutError("the studio did not answer within a minute")


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
    budget.fill("10")
    budget.press("Enter")
    page.wait_for_function(
        f"document.querySelector('{METRIC}').innerText !== {before!r}", timeout=60_000
    )
    page.get_by_role("button", name="Keep it to compare").click()
    page.wait_for_function(
        "document.querySelectorAll('[data-testid=stDataFrame]').length === 2", timeout=60_000
    )
    assert said == []


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(
    opened: tuple[Any, list[str]],
) -> None:
    found = Axe().run(opened[0]).response["violations"]
    grave = {one["id"]: one["nodes"][0]["html"] for one in found if one["impact"] in GRAVE}
    assert grave == {}


GRAVE = ("serious", "critical")
