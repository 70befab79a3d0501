"""The plan of a run as a policy for a log of block fillings, as `simulate --log` writes one.

A plan is judged as the shares it gives: in a pool (placement x segment) and day, the expected
impressions of each promotion over the pool's supply, the rest to `none` (`shares_of_plan`). What
could not be chosen in a logged decision (column `unavailable`) goes to `none` too, since a plan
that asks for what is not to be had gets nothing. Without that column all counts as available.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.plan_choices import PlanChoices, dated_by
from promopilot.experiments.ope.columns import FIRST_ROW, column_names, read_table
from promopilot.experiments.ope.log_table import Place

_COLUMNS = ("decision_id", "timestamp", "x_day", "x_placement", "x_segment", "unavailable")
# Decisions turned into probabilities at once: 20,000 x 150 promotions are 24 MB.
_BATCH = 20_000


def write_run_policy(run: Path, log: Path, out: Path) -> None:
    """Writes what a run's plan would choose in each logged decision: a policy file for `log`.

    Args:
        run: folder of a finished run.
        log: decisions of that run's market: `decision_id, x_placement, x_segment` (ids, or their
            numbers in the market), `timestamp` (a date) or `x_day` (0 is the flight's first day),
            and optionally `unavailable` (a JSON list of promotions, or empty).
        out: the Parquet file to write, `decision_id, action, probability`.

    Raises:
        RunFolderError: `run` is not the folder of a run.
        LogError: a decision on a day, in a placement or for a segment that the plan does not know.
    """
    plan = PlanChoices.of(run)
    writer: parquet.ParquetWriter | None = None
    first = FIRST_ROW
    try:
        for table in _parts(log):
            _require_market(table, run, log.name)
            part = plan.choices(table, Place(log.name, first))
            writer = writer or parquet.ParquetWriter(out, part.schema)
            writer.write_table(part)
            first += table.num_rows
    finally:
        if writer is not None:
            writer.close()


def _parts(log: Path) -> Iterator[pa.Table]:
    """The log in parts of at most `_BATCH` rows, those of a Parquet file read one by one."""
    if log.suffix == ".parquet" and log.is_file():
        there = [name for name in _COLUMNS if name in column_names(log)]
        for batch in parquet.ParquetFile(log).iter_batches(_BATCH, columns=there):
            yield pa.Table.from_batches([batch])
        return
    table = read_table(log, ids=("decision_id", "timestamp", "unavailable"))
    for at in range(0, table.num_rows, _BATCH):
        yield table.slice(at, _BATCH)


def _require_market(table: pa.Table, run: Path, file: str) -> None:
    for name in ("decision_id", "x_placement", "x_segment", dated_by(table)):
        if name not in table.column_names:
            raise LogError(
                f"{file} has no column {name!r}: the plan of {run.name} can be judged from a log "
                "of its market, which says when, where and to whom (x_placement, x_segment, and "
                "timestamp or x_day)."
            )
