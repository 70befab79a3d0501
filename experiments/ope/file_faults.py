"""Files that are no table, or no CSV in UTF-8: what is wrong, and what to do about it."""

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError

# Bytes looked at in one go.
_PART = 1 << 24
# What other programs put between cells where we need a comma.
_OTHER_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}


def require_csv(path: Path) -> None:
    """Refuses a file in another encoding than UTF-8, or whose header has no comma but another sign.

    Raises:
        LogError: with the line at fault, and what to do.
        OSError: it cannot be read.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1  # of the first byte of the part
    with path.open("rb") as file:
        while part := file.read(_PART):
            wrong = _no_text(decoder, part)
            if wrong is not None:
                line += part.count(b"\n", 0, wrong)
                raise LogError(f"{path.name} is not UTF-8 (line {line}); save it as UTF-8.")
            line += part.count(b"\n")
        file.seek(0)
        header = file.readline(_PART).decode(errors="ignore")
    if "," not in header:
        for sign, words in _OTHER_SEPARATORS.items():
            if sign in header:
                raise LogError(
                    f"{path.name} seems to be separated by {words}; save it with commas."
                )


@contextmanager
def read_faults(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a .csv or .parquet file is read into errors in words of ours.

    Raises:
        LogError: another ending, no such file, or not readable.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise LogError(f"{path} must end in .csv or .parquet.")
    try:
        yield
    except FileNotFoundError:
        raise LogError(f"there is no file {path}.") from None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pa.ArrowInvalid as error:
        raise _unreadable(path, error) from None


def refuse_twice(names: Sequence[str], path: Path) -> None:
    """Refuses a file with two columns of one name.

    Raises:
        LogError: naming it.
    """
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LogError(f"{path.name} has two columns named {twice[0]!r}.")


def _unreadable(path: Path, error: Exception) -> LogError:
    """The fault of a file that pyarrow cannot read, in words of ours where we know it."""
    said = str(error)
    if path.suffix == ".csv" and "Empty CSV file" in said:
        return LogError(f"{path.name} is empty: not even a header.")
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", said)
    if found is None:
        return LogError(f"{path.name} cannot be read: {said}.")
    row, wanted, there = found.groups()
    where = f"{path.name}, row {row}" if row else path.name
    return LogError(
        f"{where}: a row has {there} cells where the header has {wanted}; a cell that holds a "
        'comma stands in "quotes".'
    )


def _no_text(decoder: codecs.IncrementalDecoder, part: bytes) -> int | None:
    """Place in a part of the first byte that is no UTF-8, or none that a text has."""
    held = len(decoder.getstate()[0])  # the first bytes of a letter, from the part before
    try:
        decoder.decode(part)
    except UnicodeDecodeError as error:
        return max(0, error.start - held)
    nul = part.find(b"\0")  # UTF-16 has these without being wrong in UTF-8
    return None if nul < 0 else nul
