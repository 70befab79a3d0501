"""The reference pages of the documentation, made from the commands and the tables themselves.

`python -m promopilot.experiments.cli.reference docs` writes docs/tables.md and, in docs/commands, a
page per command and their list; a test asserts that they are what commands and tables say.
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

Each command prints with `--help` what its page says, and takes `--json` for a summary that a
program can read (on stdout; progress and messages go to stderr). Exit codes: 0 done, 1 a fault of
promopilot (the traceback is in `error.log`), 2 something to mend in what was given, said in one
sentence, 3 a verdict below `--require`, 130 interrupted with Ctrl-C.
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

    @property
    def file(self) -> str:
        """Name of its page."""
        return self.name.removeprefix("promopilot ").replace(" ", "-") + ".md"


def command_pages() -> list[CommandPage]:
    """Every command, in the order of `promopilot --help`."""
    return [_page(name, command) for name, command in _commands(typer.main.get_command(app))]


def reference_pages() -> dict[str, str]:
    """Text of every page that is made, by its path below docs."""
    pages = command_pages()
    lines = [_MADE, _INTRO, "| command | does |", "|---|---|"]
    lines += [f"| [`{page.name}`]({page.file}) | {_cell(page.does[0])} |" for page in pages]
    made = {"commands/README.md": "\n".join(lines) + "\n", "tables.md": tables_page()}
    return made | {f"commands/{page.file}": _text(page) for page in pages}


def _text(page: CommandPage) -> str:
    lines = [_MADE, f"# {page.name}", "", "\n\n".join(page.does), ""]
    lines += ["```", page.usage, "```", ""]
    lines += _table("argument", page.arguments) + _table("option", page.options)
    lines += ["Example:", "", "```", page.example, "```", "", "[All commands](README.md)"]
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
    """Writes all pages into the folder that is named."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("name the folder of the documentation: docs")
    folder = Path(sys.argv[1])
    (folder / "commands").mkdir(exist_ok=True)
    for name, text in reference_pages().items():
        write_text_atomic(folder / name, text)


if __name__ == "__main__":
    main()
