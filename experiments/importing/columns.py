"""Which column of a file is which field: as recognised, and as the mapping says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass

from promopilot.experiments.errors import ConfigError
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.mapping import Mapping, Rule
from promopilot.experiments.importing.raw import RawExport


@dataclass(frozen=True)
class FileColumns:
    """The columns of one file."""

    file: str
    headers: tuple[str, ...]  # as written
    fields: Table[str, str]  # field -> header
    currency: str | None  # that a header names
    micros: frozenset[str]  # fields in millionths
    instead: Table[str, str]  # headers that mean a field which another column is -> that field

    def header(self, name: str) -> str | None:
        """The column of a field, or the one that is written so; None where there is none."""
        return self.fields.get(name, name if name in self.headers else None)

    def find(self, name: str, where: str) -> str:
        """The column of a field, or the one that is written so.

        Args:
            name: A field, or a header.
            where: What asks for it, for the message.

        Raises:
            ConfigError: There is none; with the nearest name.
        """
        header = self.header(name)
        if header is not None:
            return header
        known = [*self.fields, *self.headers]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, known))}"
        raise ConfigError(f"the mapping's {where} names {name!r}, but {self.file} has none; {hint}")


def columns_of(export: RawExport, platform: Platform, mapping: Mapping) -> FileColumns:
    """The columns of an export: the mapping overrides what is recognised."""
    headers = tuple(export.cells.column_names)
    found = recognise(headers, platform)
    fields = dict(found.columns)
    for field, names in mapping.columns.items():
        for name in names:
            if name in headers:
                fields = {f: h for f, h in fields.items() if h != name} | {field: name}
                break
    micros = found.micros if mapping.micros is None else frozenset(mapping.micros)
    instead = {h: f for h, f in found.instead.items() if h not in fields.values()}
    return FileColumns(export.file, headers, fields, found.currency, micros, instead)


def check_columns(mapping: Mapping, columns: Sequence[FileColumns]) -> None:
    """Checks that each column that the mapping names is in one of the files.

    Raises:
        ConfigError: One is in none; with the nearest header.
    """
    headers = list(dict.fromkeys(header for one in columns for header in one.headers))
    for field, names in mapping.columns.items():
        if set(names) & set(headers):
            continue
        near = difflib.get_close_matches(names[0], headers, n=1)
        listed = ", ".join(map(repr, headers))
        hint = f"did you mean {near[0]!r}?" if near else f"there are {listed}"
        wanted = " or ".join(map(repr, names))
        files = ", ".join(one.file for one in columns)
        raise ConfigError(
            f"the mapping's columns.{field} is {wanted}, but {files} has no such column; {hint}"
        )


def check_rule(rule: Rule, columns: Sequence[FileColumns], where: str) -> None:
    """Checks that each file has the columns that a rule names.

    Raises:
        ConfigError: One has not.
    """
    for one in columns:
        for name in rule.fields:
            one.find(name, where)
