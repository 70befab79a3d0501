"""Figures of a training, as TensorBoard reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from promopilot.experiments.errors import RunFolderError


@contextmanager
def event_files(logs: Path | None) -> Iterator[Any]:
    """A writer of TensorBoard's event files; None where none are wanted.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    if logs is None:
        yield None
        return
    # The package has neither stubs nor py.typed.
    from tensorboardX import SummaryWriter  # type: ignore[import-untyped]

    try:
        writer = SummaryWriter(str(logs))
    except OSError as error:
        raise RunFolderError(f"cannot write to {logs}: {(error.strerror or '').lower()}") from error
    with writer:
        yield writer
