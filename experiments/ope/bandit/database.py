"""A database in memory for one evaluation; what is too large goes to a scratch folder."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError


@dataclass(frozen=True)
class Database:
    """A connection in memory whose tables and sorts go to a scratch folder where they are large."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path

    def one(self, query: str, values: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row of a query's result, or None."""
        found = self.connection.execute(query, list(values)).fetchone()
        return None if found is None else tuple(found)

    def batches(self, query: str, rows: int) -> Iterator[pa.RecordBatch]:
        """A query's result in batches of at most `rows`, never held whole."""
        # A cursor of its own: several results are read in turns.
        with self.connection.cursor() as cursor:
            yield from cursor.sql(query).to_arrow_reader(rows)

    def tables(self, query: str, rows: int) -> Iterator[pa.Table]:
        """The same in tables of exactly `rows`, the last one shorter."""
        held: list[pa.RecordBatch] = []
        count = 0
        for batch in self.batches(query, rows):
            while count + batch.num_rows >= rows:
                cut = rows - count
                yield pa.Table.from_batches([*held, batch.slice(0, cut)])
                held, count, batch = [], 0, batch.slice(cut)
            if batch.num_rows:
                held.append(batch)
                count += batch.num_rows
        if held:
            yield pa.Table.from_batches(held)


@contextmanager
def open_database(memory_mb: int) -> Iterator[Database]:
    """A database that is gone afterwards, scratch files included.

    Args:
        memory_mb: what it holds in memory before it goes to the scratch folder, which is made
            where temporary files are (the environment variable TMPDIR says where).

    Raises:
        LogError: a file breaks off, or memory or the room for scratch files are too small.
    """
    with tempfile.TemporaryDirectory(prefix="promopilot-") as scratch, duckdb.connect() as opened:
        opened.execute("set autoinstall_known_extensions = false")
        opened.execute("set enable_progress_bar = false")
        opened.execute("set global TimeZone = 'UTC'")
        opened.execute(f"set memory_limit = '{memory_mb}MB'")
        opened.execute("set temp_directory = ?", [scratch])
        try:
            yield Database(opened, Path(scratch))
        except duckdb.OutOfMemoryException as error:
            raise LogError(
                f"reading takes more than ope.reading_mb = {memory_mb} MB of memory, or more room "
                f"than there is for scratch files in {scratch}: {_first_line(error)}"
            ) from error
        except (duckdb.OperationalError, duckdb.InvalidInputException) as error:
            raise LogError(
                f"the files cannot be read to their end: {_first_line(error)}"
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
