"""Any file that is read, as a Parquet file.

Cells of a CSV are kept as written, as text, in a scratch folder; so both kinds of file are read
alike, as often as need be, and each row has a number.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.csv_text import require_csv, unreadable

# Bytes of a CSV read at once.
_CSV_BLOCK = 1 << 24


def as_parquet(path: Path, scratch: Path) -> Path:
    """A Parquet file in the scratch folder with the content of a .csv or .parquet file.

    Raises:
        LogError: no such file, another ending, not readable, or a column that stands there twice.
    """
    folder = Path(tempfile.mkdtemp(dir=scratch))  # two files may share a name
    target = folder / "table.parquet"
    try:
        if path.suffix == ".csv":
            _copy_csv(path, target)
        elif path.suffix == ".parquet":
            _refuse_twice(parquet.read_schema(path).names, path)
            target.symlink_to(path.resolve())  # its own path may hold what SQL takes for patterns
        else:
            raise LogError(f"{path} must end in .csv or .parquet.")
    except FileNotFoundError:
        raise LogError(f"there is no file {path}.") from None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pa.ArrowInvalid as error:
        raise unreadable(path, error) from None
    return target


def _copy_csv(path: Path, target: Path) -> None:
    require_csv(path)
    reading = csv.ReadOptions(block_size=_CSV_BLOCK)
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, reading, parsing) as stream:
        names = stream.schema.names
    _refuse_twice(names, path)
    as_text = csv.ConvertOptions(column_types={name: pa.string() for name in names})
    with (
        csv.open_csv(path, reading, parsing, as_text) as stream,
        parquet.ParquetWriter(target, stream.schema, compression="lz4") as writer,
    ):
        for batch in stream:
            writer.write_batch(batch)


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LogError(f"{path.name} has two columns named {twice[0]!r}.")
