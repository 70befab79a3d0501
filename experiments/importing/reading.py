"""Reading the files of one import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from promopilot.experiments.importing.columns import columns_of
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.mapping import PART_OF_TEXT, Mapping, Rule
from promopilot.experiments.importing.personal import refuse_personal
from promopilot.experiments.importing.raw import RawExport, read_export
from promopilot.experiments.progress import silent

READING = 0.6  # share of an import's time that reading the files takes


def read_all(
    files: Sequence[Path],
    platform: Platform,
    mapping: Mapping,
    progress: Callable[[str, float], None] = silent,
) -> list[RawExport]:
    """Reads the files of an import; none may hold personal data.

    Args:
        files: In order.
        platform: Whose headers tell the words of ads.
        mapping: The user's, which may name more columns of them.
        progress: Hears which is being read, and the share of the import that is done.

    Raises:
        DataError: One cannot be read, or holds personal data.
    """
    exports = []
    for number, path in enumerate(files):
        progress(f"reading {path.name}", READING * number / len(files))
        exports.append(read_export(path))
        refuse_personal(exports[-1], _words_of_ads(exports[-1], platform, mapping))
    return exports


def _words_of_ads(export: RawExport, platform: Platform, mapping: Mapping) -> set[str]:
    """The columns of a file that hold what ads say."""
    columns = columns_of(export, platform, mapping)
    known = {header for field, header in columns.fields.items() if PART_OF_TEXT.fullmatch(field)}
    named = {columns.header(name) for name in (mapping.text or Rule()).fields}
    return known | {header for header in named if header is not None}
