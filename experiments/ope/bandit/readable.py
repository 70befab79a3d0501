"""Any file that is read, as a Parquet file.

Cells of a CSV are kept as written, as text, in a scratch folder; so both kinds of file are read
alike, as often as need be, and each row has a number.
"""

import tempfile
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from promopilot.experiments.ope.file_faults import read_faults, refuse_twice, require_csv

# Bytes of a CSV read at once.
_CSV_BLOCK = 1 << 24


def as_parquet(path: Path, scratch: Path) -> Path:
    """A Parquet file in the scratch folder with the content of a .csv or .parquet file.

    Raises:
        LogError: no such file, another ending, not readable, or a column that stands there twice.
    """
    folder = Path(tempfile.mkdtemp(dir=scratch))  # two files may share a name
    target = folder / "table.parquet"
    with read_faults(path):
        if path.suffix == ".csv":
            _copy_csv(path, target)
        else:
            refuse_twice(parquet.read_schema(path).names, path)
            target.symlink_to(path.resolve())  # its own path may hold what SQL takes for patterns
    return target


def _copy_csv(path: Path, target: Path) -> None:
    require_csv(path)
    reading = csv.ReadOptions(block_size=_CSV_BLOCK)
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, reading, parsing) as stream:
        names = stream.schema.names
    refuse_twice(names, path)
    as_text = csv.ConvertOptions(column_types={name: pa.string() for name in names})
    with (
        csv.open_csv(path, reading, parsing, as_text) as stream,
        parquet.ParquetWriter(target, stream.schema, compression="lz4") as writer,
    ):
        for batch in stream:
            writer.write_batch(batch)
