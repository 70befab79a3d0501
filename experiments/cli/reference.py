"""The reference pages of the documentation, made from the commands and the tables themselves.

`python -m promopilot.experiments.cli.reference docs` writes docs/commands.md and docs/tables.md; a
test asserts that they are what the commands and tables say.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.cli.app import app
from promopilot.experiments.tables.reference import tables_page

_MADE = "<!-- Made by `python -m promopilot.experiments.cli.reference docs` -->"
_KINDS = re.compile(r"<(?:list\[)?([A-Za-z]+)\]?(?: range)?>")  # of values, as help writes them
_NAMES = {"int": "NUMBER", "float": "NUMBER", "str": "TEXT"}
_RULE = re.compile(r"(.*?) ?(?:\[([^\[\]]*)\])?")  # "what it means [default: 3; x>=1]"
_INTRO = """\
# Commands

Each command prints what is below with `--help`, and takes `--json` for a summary that a program can
read (on stdout; progress and messages go to stderr). Exit codes: 0 done, 1 a fault of promopilot
(the traceback is in `error.log`), 2 something to mend in what was given, said in one sentence, 3 a
verdict below `--require`, 130 interrupted with Ctrl-C.
"""


@dataclass(frozen=True)
class CommandPage:
    """What one command says of itself."""

    name: str  # as typed, for example "promopilot data check"
    usage: str
    does: tuple[str, ...]  # paragraphs, the first one sentence
    arguments: tuple[tuple[str, str, str], ...]  # as typed, meaning, default or rule
    options: tuple[tuple[str, str, str], ...]
    example: str


def command_pages() -> list[CommandPage]:
    """Every command, in the order of `promopilot --help`."""
    return [_page(name, command) for name, command in _commands(typer.main.get_command(app))]


def commands_page() -> str:
    """The text of docs/commands.md."""
    pages = command_pages()
    lines = [_MADE, _INTRO, "| command | does |", "|---|---|"]
    for page in pages:
        link = page.name.replace(" ", "-")
        lines.append(f"| [`{page.name}`](#{link}) | {_cell(page.does[0])} |")
    for page in pages:
        lines += ["", f"## {page.name}", "", "\n\n".join(page.does), ""]
        lines += ["```", page.usage, "```", ""]
        lines += _table("argument", page.arguments) + _table("option", page.options)
        lines += ["Example:", "", "```", page.example, "```"]
    return "\n".join(lines) + "\n"


def _commands(command: Any, before: str = "promopilot") -> Iterator[tuple[str, Any]]:
    for name, below in getattr(command, "commands", {}).items():
        path = f"{before} {name}"
        if hasattr(below, "commands"):
            yield from _commands(below, path)
        else:
            yield path, below


def _page(name: str, command: Any) -> CommandPage:
    context = typer.Context(command, info_name=name)
    arguments, options, typed = [], [], [name]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is None:  # hidden
            continue
        told = _meaning_and_rule(record[1])
        if parameter.param_type_name == "argument":
            how = record[0].partition(" <")[0]
            arguments.append((how, *told))
            typed.append(how)
        else:
            how = _KINDS.sub(lambda kind: _NAMES.get(kind[1], kind[1].upper()), record[0])
            options.append((how, *told))
            typed += [how] if parameter.required else []
    return CommandPage(
        name=name,
        usage=" ".join([*typed, "[options]"]),
        does=tuple(" ".join(part.split()) for part in (command.help or "").split("\n\n")),
        arguments=tuple(arguments),
        options=tuple(options),
        example=" ".join((command.epilog or "").split()).removeprefix("Example: "),
    )


def _meaning_and_rule(told: str) -> tuple[str, str]:
    """Apart what help tells of an option and, in brackets after it, its default and range."""
    meaning, rule = _RULE.fullmatch(" ".join(told.split())).groups("")  # type: ignore[union-attr]
    rule = re.sub(r"(\d+)<=x<=(\d+)", r"from \1 to \2", rule)
    return meaning, re.sub(r"x>=(\d+)", r"at least \1", rule)


def _table(head: str, rows: tuple[tuple[str, str, str], ...]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {head} | meaning | default or rule |", "|---|---|---|"]
    lines += [f"| `{_cell(how)}` | {_cell(told)} | {_cell(rule)} |" for how, told, rule in rows]
    return [*lines, ""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Writes both pages into the folder that is named."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("name the folder of the documentation: docs")
    folder = Path(sys.argv[1])
    write_text_atomic(folder / "commands.md", commands_page())
    write_text_atomic(folder / "tables.md", tables_page())


if __name__ == "__main__":
    main()
