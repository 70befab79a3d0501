"""docs/tutorial.md: its commands can be typed, and from export to check they run as told."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.example import example_tables

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^promopilot .*$", TEXT, re.MULTILINE)
BLOCKS = re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
NETWORKS = {"home-banner": "Display Network", "search": "Google search", "email": "Search partners"}


def google_export() -> str:
    """The example shop's history as a report of Google Ads, by campaign, day and network."""
    tables = example_tables(0)
    terms = tables["promotions"][["promotion_id", "text", "price", "discount"]]
    counts = ["impressions", "clicks", "conversions", "spend"]
    rows = tables["performance"].groupby(["date", "promotion_id", "placement_id"], sort=False)
    frame = rows[counts].sum().reset_index().merge(terms, on="promotion_id")
    value = frame["conversions"] * frame["price"] * (1 - frame["discount"])
    number = frame["promotion_id"].astype("category").cat.codes.astype("int64")
    export = frame[["date", "text"]].assign(
        number=number + 11111111101,
        network=frame["placement_id"].map(NETWORKS),
        currency="USD",
        impressions=frame["impressions"].map("{:,}".format),
        clicks=frame["clicks"],
        spend=frame["spend"].map("{:,.2f}".format),
        conversions=frame["conversions"].map("{:.2f}".format),
        value=value.map("{:,.2f}".format),
    )
    above, days, header = BLOCKS[0].splitlines()[:3]
    return f"{above}\n{days}\n{header}\n" + export.to_csv(index=False, header=False)


def test_export_import_and_check_run_as_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "google.csv").write_text(google_export(), encoding="utf-8")
    said = {}
    for line in COMMANDS[:3]:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
        said[line.split()[1]] = done.stdout
    assert COMMANDS[1].startswith("promopilot data import")
    assert "shop/ads" in said["data"]
    told = CliRunner().invoke(app, [*shlex.split(COMMANDS[2])[1:], "--json"])
    assert json.loads(told.stdout)["problems"] == []
    shown = next(block for block in BLOCKS if block.startswith("google.csv:"))
    again = shlex.split(COMMANDS[1].replace("shop/ads", "again"))[1:]
    imported = CliRunner().invoke(app, again).stdout
    assert imported.startswith(shown)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed(line: str) -> None:
    """As it stands there: a command that there is, with options that it has."""
    _, *arguments = shlex.split(line)
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    assert command.make_context(line, arguments).params


def test_the_pages_that_it_names_are_there() -> None:
    pages = set(re.findall(r"\]\((\w+\.md)\)", TEXT))
    assert {"import.md", "tables.md", "numbers.md", "report.md", "commands.md"} <= pages
    assert {page for page in pages if not (DOCS / page).is_file()} == set()
