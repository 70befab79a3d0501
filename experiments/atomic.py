"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from promopilot.experiments.errors import RunFolderError

PARTIAL_PREFIX = (
    ".promopilot-partial-"  # what a killed process may leave behind, and what may be deleted
)

# What a user can mend about a path, and how.
_ELSEWHERE = "name a place that can be written to"
_FULL = "free some space, or name a place on another disk"
_MENDS = {
    errno.ENOENT: "make its folder first, or name one that is there",
    errno.ENOTDIR: "name a place in a folder",
    errno.EISDIR: "name a file",
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}


def write_text_atomic(path: Path, text: str) -> None:
    """Writes UTF-8 text with line ends as in `text` to `path`, replacing it in one step.

    Raises:
        RunFolderError: `path` cannot be written.
    """
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields an empty file to write to; it is renamed to `path` at the end, deleted after an error.

    The suffix is kept, because writers choose a format by it. The folder must exist.

    Raises:
        RunFolderError: `path` cannot be written; at once, unless the disk fills up later.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{path.name}")
    try:
        with _mendable(path, path, partial):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            partial.touch()
            yield partial
            os.replace(partial, path)
    finally:
        with suppress(OSError):  # never made, or out of reach: neither may hide the reason
            partial.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`; it is renamed to `path` at the end.

    A folder already at `path` is replaced; after an error nothing is left behind.

    Raises:
        RunFolderError: `path` cannot be written.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{path.name}")
    with _mendable(path, path, partial, *path.parents):
        remove(partial)
        partial.mkdir(parents=True)
    try:
        with _mendable(path, path, partial):
            yield partial
            open_to_readers(partial)
            remove(path)
            os.replace(partial, path)
    finally:
        remove(partial)


def open_to_readers(folder: Path) -> None:
    """Gives files the folder's own permissions: safetensors writes for its owner's eyes alone."""
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


@contextmanager
def _mendable(path: Path, *ours: Path) -> Iterator[None]:
    """Turns what stops `path` from being written into an error that says what to do.

    Args:
        path: What the user wanted written.
        ours: Errors about any of these, and a full disk, are turned; others are a bug.

    Raises:
        RunFolderError: In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if error.errno not in _MENDS or not (full or str(error.filename) in map(str, ours)):
            raise
        reason = (error.strerror or os.strerror(error.errno)).lower()
        raise RunFolderError(f"cannot write {path} ({reason}); {_MENDS[error.errno]}") from error


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
