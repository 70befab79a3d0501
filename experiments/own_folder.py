"""The folder that a command fills as a whole: new, empty, or what the same command wrote before."""

from __future__ import annotations

from pathlib import Path

from promopilot.experiments.errors import RunFolderError


def require_own(out: Path, mark: str, what: str, overwrite: bool) -> None:
    """Refuses a folder in which something would be lost.

    Args:
        out: The folder to write, there or not.
        mark: A file that stands in every folder of that command.
        what: What the command writes, for example "a policy".
        overwrite: Whether an earlier one may be replaced; anything else never is.

    Raises:
        RunFolderError: `out` has no name, is a file, holds something else, or an earlier one that
            may not be replaced.
    """
    kind = what.split(" ", 1)[1]
    if not out.name:
        raise RunFolderError(f"{out} is no new folder: name one for the {kind} with --out")
    if out.is_file():
        raise RunFolderError(f"{out} is a file: name a folder for the {kind} with --out")
    if out.is_dir() and any(out.iterdir()):
        if not (out / mark).is_file():
            raise RunFolderError(f"{out} holds files that are no {kind}; choose another --out")
        if not overwrite:
            raise RunFolderError(
                f"{out} holds {what} already; start anew with --overwrite, or choose another --out"
            )
