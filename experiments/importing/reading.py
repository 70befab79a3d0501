"""Reading the files of one import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from promopilot.experiments.importing.personal import refuse_personal
from promopilot.experiments.importing.raw import RawExport, read_export
from promopilot.experiments.progress import silent

READING = 0.6  # share of an import's time that reading the files takes


def read_all(
    files: Sequence[Path], progress: Callable[[str, float], None] = silent
) -> list[RawExport]:
    """Reads the files of an import; none may hold personal data.

    Args:
        files: In order.
        progress: Hears which is being read, and the share of the import that is done.

    Raises:
        DataError: One cannot be read, or holds personal data.
    """
    exports = []
    for number, path in enumerate(files):
        progress(f"reading {path.name}", READING * number / len(files))
        exports.append(read_export(path))
        refuse_personal(exports[-1])
    return exports
