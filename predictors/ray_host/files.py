"""A model's files, for nodes that do not see its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from promopilot.predictors.artifact_record import RECORD
from promopilot.predictors.errors import ArtifactError


@dataclass(frozen=True)
class Model:
    """Where a model lies, and what its files hold."""

    folder: str
    record: bytes  # predictor.json's, which has the digest of every other file
    files: Any  # a reference to `contents` in Ray's store; None: every node sees the folder

    @contextmanager
    def folder_here(self) -> Iterator[Path]:
        """Yields a folder with the model on this node: its own if it is here, else a copy.

        Raises:
            ArtifactError: the folder is not here, or holds another model, and nothing was sent.
        """
        folder = Path(self.folder)
        if _record(folder) == self.record:
            yield folder
            return
        if self.files is None:
            raise ArtifactError(
                f"{folder} is gone, or is another model than the shared host was opened with: put "
                "it back, or open the host again."
            )
        import ray

        with TemporaryDirectory(prefix="promopilot-model-") as here:
            for name, content in ray.get(self.files).items():
                path = Path(here, *PurePosixPath(name).parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield Path(here)


def read_record_of(folder: Path) -> bytes:
    """Returns predictor.json as it stands.

    Raises:
        ArtifactError: there is none.
    """
    record = _record(folder)
    if record is None:
        raise ArtifactError(f"{folder / RECORD} is missing: {folder} is not a predictor.")
    return record


def contents(folder: Path) -> dict[str, Any]:
    """Returns the bytes of every file by its name; as arrays, which Ray does not copy."""
    return {
        path.relative_to(folder).as_posix(): np.fromfile(path, dtype=np.uint8)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _record(folder: Path) -> bytes | None:
    try:
        return (folder / RECORD).read_bytes()
    except OSError:
        return None
