"""The files of an Open Bandit campaign as files of the contract, by DuckDB: of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from promopilot.experiments.errors import DataError, Problem

_LOG_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score")
_ITEM_COLUMNS = ("item_id",)
_TABLE_COLUMNS = ("action", "position", "probability")


@dataclass(frozen=True)
class Campaign:
    """The files of one campaign under one logging policy."""

    logged_by: str
    name: str
    log: Path
    items: Path


def write_log(connection: duckdb.DuckDBPyConnection, campaign: Campaign, out: Path) -> None:
    """The log in the form of the contract, a row of the file a decision.

    Raises:
        DataError: a column is missing, or the file cannot be read.
    """
    columns = _columns(connection, campaign.log, _LOG_COLUMNS)
    users = [name for name in columns if name.startswith("user_feature_")]
    known = "".join(f', "{name}" as "x_{name}"' for name in users)
    with _readable(campaign.log):
        connection.execute(
            f"""
            copy (
                select cast(row_number() over () - 1 as varchar) as decision_id,
                    cast(item_id as varchar) as action, cast(click as double) as reward,
                    cast(propensity_score as double) as propensity,
                    cast("timestamp" as timestamp) as "timestamp",
                    cast(position as integer) as x_position{known}
                from {_csv(campaign.log)}
            ) to '{_quoted(out)}' (format parquet, compression zstd)
            """
        )


def write_items(connection: duckdb.DuckDBPyConnection, campaign: Campaign, out: Path) -> None:
    """What items have in common, as features of actions.

    Raises:
        DataError: a column is missing, or the file cannot be read.
    """
    columns = _columns(connection, campaign.items, _ITEM_COLUMNS)
    # The first feature is a number: items that agree in it agree by chance.
    named = [name for name in columns if name.startswith("item_feature_") and name[-2:] != "_0"]
    known = "".join(f', "{name}" as "a_{name}"' for name in named)
    with _readable(campaign.items):
        connection.execute(
            f"""
            copy (
                select cast(item_id as varchar) as action{known} from {_csv(campaign.items)}
                order by cast(item_id as integer)
            ) to '{_quoted(out)}' (format csv, header)
            """
        )


def write_policy(connection: duckdb.DuckDBPyConnection, table: Path, folder: Path) -> None:
    """A table of probabilities by position, written out for every decision of the log.

    Raises:
        DataError: there is no such file, it cannot be read, or it lacks a column or a position.
    """
    if not table.is_file():
        raise fault(str(table), None, None, "is not there", "name a policy table that is")
    _columns(connection, table, _TABLE_COLUMNS)
    log, chances = f"read_parquet('{_quoted(folder / 'log.parquet')}')", _csv(table)
    missing = connection.execute(
        f"""
        select distinct x_position from {log}
        where cast(x_position as varchar) not in (select position from {chances})
        order by 1
        """
    ).fetchall()
    if missing:
        raise fault(
            table.name,
            "position",
            str(missing[0][0]),
            f"has no row, but {folder.name} shows items there",
            "add the probability of every item at that position",
        )
    with _readable(table):
        connection.execute(
            f"""
            copy (
                select decision_id, cast(chance.action as varchar) as action,
                    cast(probability as double) as probability
                from {log} join {chances} as chance on cast(x_position as varchar) = chance.position
            ) to '{_quoted(folder / "policy.parquet")}' (format parquet, compression zstd)
            """
        )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns a file that DuckDB cannot read, or a cell that is no number, into a fault of it."""
    try:
        yield
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        told = str(error).splitlines()[0]
        raise fault(
            path.name, None, None, f"cannot be read ({told})", "take it as it was published"
        ) from None


def _columns(
    connection: duckdb.DuckDBPyConnection, path: Path, needed: tuple[str, ...]
) -> list[str]:
    with _readable(path):
        described = connection.execute(f"describe select * from {_csv(path)}").fetchall()
    columns = [str(row[0]) for row in described]
    for name in needed:
        if name not in columns:
            raise fault(
                path.name,
                name,
                None,
                f"is missing; there are {', '.join(columns)}",
                "take the file as the distribution has it",
            )
    return columns


def _csv(path: Path) -> str:
    # As text: cells are cast where they are used, and doubles keep all their digits.
    return f"read_csv('{_quoted(path)}', header = true, all_varchar = true)"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def fault(file: str, column: str | None, value: str | None, rule: str, mend: str) -> DataError:
    """One fault; `column` and `value` where there is one to name."""
    return DataError([Problem(file, None, column, value, rule, mend)])
