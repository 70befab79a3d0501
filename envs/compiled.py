"""Compiled code that never outlives its source.

Numba keeps compiled functions beside their source and looks at the file of the function alone: one
that calls another file's function would go on with that file's old code after an update. Importing
this first throws away what was compiled from other sources.
"""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

_HERE = Path(__file__).parent
_FOLDERS = (_HERE, _HERE / "engine", _HERE / "split")
_STAMP = "compiled.sha256"


def forget_stale(caller: Path | None = None) -> None:
    """Delete cached machine code unless every file that it may come from is as it was then.

    A folder that cannot be written has no cache of its own and is left alone.

    Args:
        caller: A folder elsewhere whose compiled code calls this one's: its cache is looked after
            instead.
    """
    folders = _FOLDERS if caller is None else (caller,)
    told = sha256(version("numba").encode())
    for source in sorted(path for folder in {*_FOLDERS, *folders} for path in folder.glob("*.py")):
        told.update(source.read_bytes())  # constants of plain modules are compiled in too
    stamp = folders[0] / "__pycache__" / _STAMP
    try:
        if stamp.is_file() and stamp.read_text(encoding="ascii") == told.hexdigest():
            return
        for folder in folders:
            for cached in (folder / "__pycache__").glob("*.nb[ic]"):
                cached.unlink(missing_ok=True)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(told.hexdigest(), encoding="ascii")
    except OSError:
        return


forget_stale()
