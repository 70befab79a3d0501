"""The folder that an evaluation writes: which files are its own, and what is never overwritten.

An evaluation is made anew in seconds from its inputs, so the files of an earlier one in the same
folder are replaced, all of them; whatever else is there is left alone.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import LogError, RunFolderError
from promopilot.experiments.run_folder import OUTPUTS, STAGES

OPE, SELECTION, REPORT = "ope.json", "selection.json", "report.html"
CANDIDATES = "candidates"  # a folder, one in it for each candidate
TABLES = ("estimates.csv", "weights.csv", "calibration.csv", "clipping.csv", "selection.csv")
_MARKS = (OPE, SELECTION)  # written last: with one of them a folder holds a whole evaluation
_FILES = (*_MARKS, REPORT, *TABLES)


def require_usable(out: Path, inputs: Iterable[Path]) -> bool:
    """Refuses a folder in which something else would be overwritten.

    Args:
        out: the folder to write, there or not.
        inputs: files that the evaluation reads.

    Returns:
        Whether the folder holds an earlier evaluation, which will be replaced.

    Raises:
        LogError: `out` is a file, belongs to a run, or holds a file of the same name as one to be
            written that is an input or that no evaluation wrote, or nothing can be written there.
    """
    if out.exists() and not out.is_dir():
        raise LogError(f"cannot write into {out}: it is a file; name a folder with --out.")
    _refuse_runs(out)
    _require_writable(out)
    there = [name for name in _FILES if (out / name).exists()]
    read = {path.resolve() for path in inputs}
    for name in there:
        if (out / name).resolve() in read:
            raise LogError(f"{out / name} is read and would be overwritten; choose another --out.")
    if there and not any(mark in there for mark in _MARKS):
        raise LogError(
            f"{out} has a file {there[0]} that no evaluation wrote; choose another --out."
        )
    return bool(there)


def write_evaluation(out: Path, files: Mapping[str, str]) -> None:
    """Replaces the evaluation in `out`; a name may lead into a folder of it, as `a/ope.json`.

    `ope.json` and `selection.json` come last, so that a folder that has one is complete.

    Raises:
        LogError: `out` cannot be written.
    """
    order = sorted(files, key=lambda name: (Path(name).name in _MARKS, name.count("/") == 0))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear(out)
        for name in order:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomic(path, files[name])
    except (OSError, RunFolderError) as error:
        raise _not_written(out, error) from None


def _require_writable(out: Path) -> None:
    """Tries to make the folder and a file in it, and leaves nothing behind."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise _not_written(out, error) from None
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _not_written(out: Path, error: OSError | RunFolderError) -> LogError:
    reason = error.strerror if isinstance(error, OSError) else None
    return LogError(f"cannot write into {out}: {reason or error}.")


def _refuse_runs(out: Path) -> None:
    full = out.resolve()
    for folder in (full, *full.parents):
        if (folder / STAGES).is_file():
            inside = full.relative_to(folder).parts
            if not inside or inside[0] in OUTPUTS:
                raise LogError(
                    f"cannot write into {out}: it belongs to a run; choose another --out."
                )
            return


def _clear(out: Path) -> None:
    """Deletes what an earlier evaluation wrote; first the marks of a whole one."""
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
    if not (out / CANDIDATES).is_dir():
        return
    for folder in sorted((out / CANDIDATES).iterdir()):
        if folder.is_dir() and any((folder / mark).is_file() for mark in _MARKS):
            for name in _FILES:
                (folder / name).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
    if not any((out / CANDIDATES).iterdir()):
        (out / CANDIDATES).rmdir()
