"""docs/commands and docs/tables.md are what the program says; its examples can be typed."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.cli.reference import (
    CommandPage,
    command_pages,
    main,
    reference_pages,
)
from promopilot.experiments.tables.meanings import MEANINGS, ROWS
from promopilot.experiments.tables.schema import TABLES

DOCS = Path(__file__).parent.parent / "docs"
MADE_BY = "python -m promopilot.experiments.cli.reference docs"
PAGES = command_pages()
MADE = reference_pages()
# Examples that end within a second and need nothing: what they print.
CHEAP = {"promopilot init": "Wrote my-shop", "promopilot data check": "my-shop/data is fine"}


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_what_the_program_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == MADE[name], f"run `{MADE_BY}`"


def test_every_command_has_a_page_and_no_page_is_left_of_another() -> None:
    written = {path.name for path in (DOCS / "commands").iterdir()}
    assert written == {page.file for page in PAGES} | {"README.md"}
    assert len(PAGES) > 20


def test_every_link_leads_to_a_file_and_a_heading_that_are_there() -> None:
    root = DOCS.parent
    for page in (root / "README.md", root / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        for link in re.findall(r"\]\(([^)\s:]+)\)", page.read_text(encoding="utf-8")):
            name, _, heading = link.partition("#")
            target = page.parent / name if name else page
            assert target.is_file(), f"{page.name}: {link}"
            if heading:
                titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles}
                assert heading in anchors, f"{page.name}: {link}"


def test_all_pages_are_written_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "promopilot.experiments.cli.reference"
    assert f"python -m {module} docs" == MADE_BY
    monkeypatch.setattr(sys, "argv", [module, str(tmp_path)])
    main()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in files}
    assert written == MADE
    monkeypatch.setattr(sys, "argv", [module])
    with pytest.raises(SystemExit, match="name the folder of the documentation"):
        main()


def parsed(line: str) -> str:
    """The command of a line whose arguments can be parsed; nothing is run.

    Raises whatever the parser says of an option that there is not, or a value out of range.
    """
    program, *arguments = shlex.split(line)
    assert program == "promopilot"
    command = typer.main.get_command(app)
    path = [program]
    while hasattr(command, "commands"):
        path.append(arguments.pop(0))
        command = command.commands[path[-1]]
    command.make_context(" ".join(path), arguments)
    return " ".join(path)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_each_example_can_be_typed(page: CommandPage) -> None:
    first, *more = page.example.split(" && ")
    assert parsed(first) == page.name
    for line in more:
        parsed(line)


def test_a_mistyped_example_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed("promopilot plan runs/demo --budgett 3")
    with pytest.raises(KeyError):
        parsed("promopilot plans runs/demo")


def test_the_cheap_examples_run_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = {page.name: page.example.split(" && ")[0] for page in PAGES}
    for name, said in CHEAP.items():
        done = CliRunner().invoke(app, shlex.split(examples[name])[1:])
        assert done.exit_code == 0, done.stderr
        assert said in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_each_command_says_what_it_does(page: CommandPage) -> None:
    assert page.does[0].endswith(".")
    assert all(meaning for _, meaning, _ in page.arguments + page.options)
    assert "--json" in {how for how, _, _ in page.options}


def test_every_table_and_column_has_its_meaning() -> None:
    columns = {table.name: list(table.columns) for table in TABLES}
    assert {name: list(told) for name, told in MEANINGS.items()} == columns
    assert set(ROWS) == set(columns)
