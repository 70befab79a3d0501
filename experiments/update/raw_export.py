"""Telling a platform's own export from a table in `performance` columns, by its header."""

from __future__ import annotations

from pathlib import Path

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.encoding import to_utf8
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.layout import find_layout
from promopilot.experiments.importing.opening import read_bytes
from promopilot.experiments.tables.schema import PERFORMANCE

_LEAST = 3  # columns under a platform's names
_NAMED = 4  # of them in the message
_PLATFORMS = (Platform.GOOGLE_ADS, Platform.META_ADS, Platform.CRITEO)


def raw_export(path: Path) -> Problem | None:
    """What is wrong with a file that is a platform's export as it came; None where it is not one.

    It is one where it lacks required columns of `performance`, and knows several under the names
    that a platform gives them. A file that is no text at all is left to its reader.
    """
    if path.suffix.lower() != ".csv":
        return None
    try:
        text, _ = to_utf8(path.name, read_bytes(path))
        header = [name for name in find_layout(path.name, text).header if name]
    except DataError:
        return None
    own = {*PERFORMANCE.required, *PERFORMANCE.optional}
    if set(PERFORMANCE.required) <= set(header):
        return None
    foreign = [name for name in header if name not in own]
    known = {one: recognise(foreign, one).columns for one in _PLATFORMS}
    platform = max(known, key=lambda one: len(known[one]))  # the first of those that know as many
    names = list(known[platform].values())
    if len(names) < _LEAST:
        return None
    told = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return Problem(
        path.name,
        None,
        None,
        None,
        f"looks like an export as a platform makes it (columns {told})",
        "bring it into the columns of performance first: `promopilot data import --platform "
        f"{platform.value} {path.name} --out FOLDER`, then give the file performance in FOLDER",
    )
