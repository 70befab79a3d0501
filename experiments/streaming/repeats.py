"""Rows of the same day and line item, found on disk: any number of rows in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.errors import RunFolderError

_FILES = 64  # by the remainder of the key: a billion rows are then 400 MB at a time
ROW = np.dtype([("key", "<i8"), ("read", "<i8"), ("row", "<i8")])
NEVER = np.iinfo(np.int64).min  # `read` of a row that does not tell when it was read


class KeyFiles:
    """Keys of rows as they come, kept in a folder by their remainder.

    Args:
        folder: An empty one.

    Raises:
        RunFolderError: The disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f"{number:02d}.keys" for number in range(_FILES)]
        with _room(folder):
            self._files = [path.open("wb") for path in self._paths]

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the files."""
        for file in self._files:
            with suppress(OSError):  # a full disk has been told of, and nobody reads them now
                file.close()

    def add(self, rows: NDArray[np.void]) -> None:
        """Takes in rows of the type `ROW`.

        Raises:
            RunFolderError: The disk is full.
        """
        which = rows["key"] % _FILES
        order = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[order], np.arange(_FILES + 1))
        for number, file in enumerate(self._files):
            with _room(self._paths[number].parent):
                file.write(rows[order[ends[number] : ends[number + 1]]].tobytes())

    def repeated(self) -> Iterator[NDArray[np.void]]:
        """Rows whose key is another row's too, sorted by key, when read, and place in the file."""
        for file, path in zip(self._files, self._paths, strict=True):
            with _room(path.parent):
                file.close()
            rows = np.fromfile(path, dtype=ROW)
            rows.sort(order=["key", "read", "row"])
            same = rows["key"][1:] == rows["key"][:-1]
            several = np.zeros(len(rows), dtype=bool)
            several[1:] |= same
            several[:-1] |= same
            yield rows[several]
            path.unlink()


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(
            f"cannot keep the keys of rows in {folder} ({reason}): it takes {ROW.itemsize} "
            "bytes a row; free some, or name a folder on another disk with TMPDIR"
        ) from error


def superseded(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Of rows as `KeyFiles.repeated` gives them, all but the latest reading of each key."""
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = rows["key"][1:] != rows["key"][:-1]
    return np.asarray(rows["row"][~is_last])


def twice(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Of such rows, those that repeat a row read at the same time."""
    again = np.zeros(len(rows), dtype=bool)
    again[1:] = (rows["key"][1:] == rows["key"][:-1]) & (rows["read"][1:] == rows["read"][:-1])
    return rows[again]
