"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_PREFIX = (
    ".promopilot-partial-"  # what a killed process may leave behind, and what may be deleted
)


def write_text_atomic(path: Path, text: str) -> None:
    """Writes UTF-8 text with line ends as in `text` to `path`, replacing it in one step."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a path to write to; it is renamed to `path` at the end, deleted after an error.

    The suffix is kept, because writers choose a format by it. The folder must exist.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`; it is renamed to `path` at the end.

    A folder already at `path` is replaced; after an error nothing is left behind.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{path.name}")
    remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        remove(path)
        os.replace(partial, path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Deletes a file or a folder; a link is deleted, not what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path, skip: frozenset[str] = frozenset()) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by its path in it with `/`, sorted.

    Top-level names in `skip`, and what is not yet complete, are left out.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and parts[0] not in skip and not parts[0].startswith(PARTIAL_PREFIX):
            found["/".join(parts)] = digest(path)
    return found
