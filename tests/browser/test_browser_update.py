"""Pages of updates and comparisons in a real browser: silent, drawn, readable by anyone."""

from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import grave, open_page
from tests.update_flights import fly, small_run
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.cli.app import app

WORLD = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=6))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An update, a plan beside what happened, and two plans."""
    folder = tmp_path_factory.mktemp("pages")
    run = small_run(folder / "run", WORLD, Replanner(WORLD))
    fly(WORLD, Replanner(WORLD), seed=1).export(2).to_csv(folder / "seen.csv", index=False)
    new = run / "updates" / "2024-01-04"
    commands = (
        ("update", run, "--actuals", folder / "seen.csv"),
        ("compare", run, "--actuals", folder / "seen.csv", "--out", folder / "held"),
        ("compare", run, new / "plan.csv", "--out", folder / "plans"),
    )
    for command in commands:
        called = CliRunner().invoke(app, [str(part) for part in command])
        assert called.exit_code == 0, called.output
    return {
        "update": new / "update.html",
        "plan and actuals": folder / "held" / "compare.html",
        "two plans": folder / "plans" / "compare.html",
    }


@pytest.mark.parametrize("name", ["update", "plan and actuals", "two plans"])
@pytest.mark.parametrize("width", [1300, 360])
def test_pages_are_silent_fit_the_window_and_serve_everyone(
    browser: Any, pages: dict[str, Path], name: str, width: int
) -> None:
    opened = open_page(browser, pages[name], width)
    assert opened.asked == []
    assert opened.complaints == []
    wide = opened.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert grave(opened.page) == []
    opened.page.close()
