"""The page in a real browser: it draws, in both colour schemes and at any width, and is silent."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from promopilot.experiments.report import write_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--hide-scrollbars", "--virtual-time-budget=10000", "--enable-logging=stderr", "--v=0"),
    # Whatever the page might ask for, nothing answers.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module")
def browser() -> str:
    """Path of Chromium; without one these tests are skipped, in CI they fail."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium here; `make browser` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


Browse = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def browse(browser: str, run: Path, tmp_path_factory: pytest.TempPathFactory) -> Browse:
    """Opens the report; gives what the flags print, and what the console and network said."""
    address = write_report(run).resolve().as_uri()
    profile = tmp_path_factory.mktemp("chromium")

    @cache
    def open_page(*flags: str) -> tuple[str, str]:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *flags, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, done.stderr

    return open_page


class Drawn(HTMLParser):
    """Charts of the page after scripts ran: their width and how many drawings each holds."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: dict[str, float] = {}
        self.marks: dict[str, int] = {}
        self._chart = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kind = str(given.get("class"))
        if tag == "figure":
            self._chart = str(given["id"])
            self.marks[self._chart] = 0
        elif tag == "svg" and kind == "main-svg" and self._chart:
            self.widths[self._chart] = float(str(given["width"]))
        elif kind in ("point", "js-line") and given.get("d") != "M0,0Z":
            self.marks[self._chart] += 1


@pytest.mark.parametrize(("width", "flags"), [(1400, ()), (1400, (DARK,)), (500, ())])
def test_every_chart_is_drawn_within_the_window(
    browse: Browse, width: int, flags: tuple[str, ...]
) -> None:
    dom, said = browse("--dump-dom", f"--window-size={width},2000", *flags)
    drawn = Drawn()
    drawn.feed(dom)
    assert len(drawn.marks) == 32
    assert drawn.widths.keys() == drawn.marks.keys()
    assert all(200 < found < width for found in drawn.widths.values())
    empty = [name for name, marks in drawn.marks.items() if marks == 0]
    assert not empty
    console = [line for line in said.splitlines() if ":CONSOLE" in line]
    assert not console
    assert not re.search(r"ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED", said)


def test_charts_take_the_colours_of_the_scheme(browse: Browse) -> None:
    light, _ = browse("--dump-dom", "--window-size=1400,2000")
    dark, _ = browse("--dump-dom", "--window-size=1400,2000", DARK)
    assert "rgb(11, 107, 102)" in light
    assert "rgb(11, 107, 102)" not in dark
    assert "rgb(76, 192, 182)" in dark


def test_a_name_that_is_a_script_does_not_run(browse: Browse) -> None:
    dom, _ = browse("--dump-dom", "--window-size=1400,2000")
    assert "<script>alert" not in dom
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in dom


def test_the_page_can_be_pictured(browse: Browse, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    browse(f"--screenshot={picture}", "--window-size=1400,1200")
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 30_000
