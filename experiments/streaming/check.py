"""Is a large table right, and which of its rows does a later reading take the place of?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.cluster.stream import worked
from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.streaming.parts import Keys, Part, Source
from promopilot.experiments.streaming.repeats import NEVER, ROW, KeyFiles, superseded, twice
from promopilot.experiments.tables.files import unreadable, without_rows
from promopilot.experiments.tables.readings import AS_OF, KEY

_SHOWN = 100  # problems that are named, of a block and of all; the others are counted
_RULE = "must be one row per day and line item, but repeats an earlier row"
_MEND = "add the rows up or remove one"


@dataclass(frozen=True)
class Checked:
    """A table that is right."""

    left_out: NDArray[np.int64]  # [D] rows of the file that a later reading takes the place of
    shown: NDArray[np.bool_]  # [P] promotions that have a row


class KeysOfPart:
    """What a worker finds in a part: faults, and the key of each row.

    Args:
        source: The file.
        keys: How rows are numbered.
    """

    def __init__(self, source: Source, keys: Keys) -> None:
        self._source, self._keys = source, keys

    def __call__(self, part: Part) -> Iterator[dict[str, Any]]:
        """Its blocks in order; of one that cannot be read, and all after it, why."""
        try:
            yield from self._blocks(part)
        except (OSError, pa.ArrowInvalid) as error:
            problem = unreadable(self._source.path, error)
            yield {"problems": [problem], "more": 0, "rows": np.empty(0, ROW), "count": 0}

    def _blocks(self, part: Part) -> Iterator[dict[str, Any]]:
        for parsed, problems in self._source.read(part):
            rows = np.empty(0, ROW)
            if not problems:
                rows = np.empty(len(parsed.frame), ROW)
                rows["key"] = self._keys.number(parsed.frame)
                rows["read"] = _read(parsed.frame)
                rows["row"] = parsed.rows
            yield {
                "problems": problems[:_SHOWN],
                "more": len(problems[_SHOWN:]),
                "rows": rows,
                "count": len(parsed.rows),
            }


def check_parts(
    source: Source, keys: Keys, parts: Sequence[Part], progress: Callable[[str, float], None]
) -> Checked:
    """Reads the whole file once, in parts.

    Raises:
        DataError: Something in the file breaks the contract.
        RunFolderError: The folder of temporary files has no room for the keys.
    """
    problems: list[Problem] = []
    more = rows_in_all = 0
    shown = np.zeros(len(keys.ids[0]), dtype=bool)
    with (
        tempfile.TemporaryDirectory(prefix="promopilot-") as folder,
        KeyFiles(Path(folder)) as files,
    ):
        for done, found in worked(KeysOfPart, (source, keys), parts):
            new = [one for one in found["problems"] if one.row is not None or one not in problems]
            room = max(0, _SHOWN - len(problems))
            problems += new[:room]
            more += len(new[room:]) + found["more"]
            rows_in_all += found["count"]
            files.add(found["rows"])
            shown[keys.promotion(found["rows"]["key"])] = True
            progress("check", done)
        if not rows_in_all and not problems:
            problems = [without_rows(source.path)]
        if problems:
            raise DataError(problems, more)
        left_out = [np.empty(0, np.int64)]
        for rows in files.repeated():
            new, others = _repeats(rows, source, keys)
            problems += new
            more += others
            left_out.append(superseded(rows))
    if problems:
        problems.sort(key=lambda problem: problem.row or 0)
        raise DataError(problems[:_SHOWN], more + len(problems[_SHOWN:]))
    return Checked(np.sort(np.concatenate(left_out)), shown)


def _repeats(rows: NDArray[np.void], source: Source, keys: Keys) -> tuple[list[Problem], int]:
    """The first problems of repeated rows, and how many more there are."""
    has_readings = AS_OF in source.columns
    columns = [name for name in KEY if name in source.columns]
    file = source.path.name
    if not has_readings:
        name, rule, mend, wrong = ", ".join(columns), _RULE, _MEND, twice(rows)
    else:
        undated = rows[rows["read"] == NEVER]
        if len(undated):
            rule = "must be filled where a day and line item has several rows"
            mend = "write the day on which the row was read, or keep one row"
            first = np.sort(undated["row"])[:_SHOWN]
            found = [Problem(file, int(row), AS_OF, None, rule, mend) for row in first]
            return found, len(undated) - len(found)
        name, rule, mend, wrong = ", ".join([*columns, AS_OF]), _RULE, _MEND, twice(rows)
    found = [
        Problem(file, int(one["row"]), name, _written(one, columns, has_readings, keys), rule, mend)
        for one in np.sort(wrong, order="row")[:_SHOWN]
    ]
    return found, len(wrong) - len(found)


def _written(row: np.void, columns: Sequence[str], has_readings: bool, keys: Keys) -> str:
    cells = keys.written(int(row["key"]))
    read = [str(np.datetime64(int(row["read"]), "D"))] if has_readings else []
    return ", ".join([*(cells[name] for name in columns), *read])


def _read(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Days on which rows were read."""
    if AS_OF not in frame:
        return np.full(len(frame), NEVER)
    days = frame[AS_OF].to_numpy("datetime64[D]")
    return np.where(np.isnat(days), NEVER, days.astype(np.int64))
