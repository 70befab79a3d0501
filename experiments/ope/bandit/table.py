"""A CSV or Parquet file of any size as a table that is read out of core, column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import parquet  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.database import Database
from promopilot.experiments.ope.bandit.readable import as_parquet
from promopilot.experiments.ope.columns import FIRST_ROW
from promopilot.experiments.ope.known_columns import require_names

# Name of the column with the place of a row in its file, from 0.
ROW = "file_row_number"
_FLOATS = ("DOUBLE", "FLOAT")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = (*_FLOATS, *_WHOLE, *(f"U{kind}" for kind in _WHOLE), "DECIMAL", "BOOLEAN")
# Whole numbers up to here are exact in a float.
_EXACT = 2**53


@dataclass(frozen=True)
class Table:
    """A file that is open in a database; columns go by name, values by SQL expressions."""

    database: Database
    path: Path
    source: str  # SQL for its rows
    types: Mapping[str, str]  # SQL type of each column, in the file's order
    count: int  # rows

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name

    def text(self, column: str) -> str:
        """SQL: a cell as text, whole numbers without a decimal point; NULL where empty or NaN."""
        cell = quoted(column)
        if self.types[column] in _FLOATS:
            kind = "bigint" if self._is_whole(column) else "varchar"
            filled = f"case when isnan({cell}) then null else {cell} end"
            return f"cast(cast({filled} as {kind}) as varchar)"
        return f"nullif(cast({cell} as varchar), '')"

    def number(self, column: str) -> str:
        """SQL: a cell as a double; NaN where it is empty or no number."""
        value = quoted(column)
        if not self.is_number(column):  # there is no cast from dates and the like
            value = f"cast({value} as varchar)"
        return f"coalesce(try_cast({value} as double), 'nan'::double)"

    def is_number(self, column: str) -> bool:
        """Whether a Parquet file holds the column as numbers; a CSV's are text."""
        return self.types[column].startswith(_NUMBERS)

    def has(self, condition: str) -> bool:
        """Whether any row meets an SQL condition."""
        return self.database.one(f"select 1 from {self.source} where {condition}") is not None

    def first(
        self, condition: str, values: Sequence[str], given: Sequence[object] = ()
    ) -> tuple[Any, ...]:
        """Row number and `values`, SQL expressions, of the first row that meets a condition."""
        found = self.database.one(
            f"select {ROW} + {FIRST_ROW}, {', '.join(values)} from {self.source} "
            f"where {condition} order by {ROW} limit 1",
            given,
        )
        if found is None:
            raise LogError(f"{self.name} changed while it was read.")
        return found

    def _is_whole(self, column: str) -> bool:
        cell = quoted(column)
        return not self.has(
            f"not isnan({cell}) and "
            f"not (isfinite({cell}) and {cell} = trunc({cell}) and abs({cell}) <= {_EXACT})"
        )


def open_table(
    database: Database, path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Table:
    """Opens a .csv or .parquet file that has these columns, and may have the optional ones.

    Raises:
        LogError: no such file, another ending, not readable, a column missing, misspelt or there
            twice.
    """
    readable = as_parquet(path, database.scratch)
    names = parquet.read_schema(readable).names
    require_names(names, columns, path.name, optional)
    if ROW in names:
        raise LogError(f"{path.name} has a column {ROW!r}, a name that is taken; rename it.")
    escaped = str(readable).replace("'", "''")
    source = f"read_parquet('{escaped}', {ROW} = true)"
    described = database.connection.execute(f"describe select * from {source}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described if row[0] != ROW}
    return Table(database, path, source, types, parquet.read_metadata(readable).num_rows)


def quoted(column: str) -> str:
    """A column's name as SQL."""
    escaped = column.replace('"', '""')
    return f'"{escaped}"'
