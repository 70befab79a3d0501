"""What `promopilot compare` found, as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from promopilot.experiments.comparing.actuals import MEASURES, beside_plan, check_by_day
from promopilot.experiments.comparing.align import aligned
from promopilot.experiments.comparing.differences import differences, names
from promopilot.experiments.comparing.happened import read_happened
from promopilot.experiments.comparing.paired import paired
from promopilot.experiments.comparing.side import home_of, read_sides
from promopilot.experiments.config import load_config
from promopilot.experiments.errors import ComparisonError
from promopilot.experiments.report.language import Language
from promopilot.experiments.run_folder import CONFIG


def compared(paths: Sequence[Path]) -> dict[str, Any]:
    """Two or more plans or runs on their common days.

    Returns:
        `sides`, `currency`, `first`, `last`, `days`, `notes`, `names` of promotions; `rows`, each
        with `level`, `key`, `measure`, `values` by side and `differences` of the others to the
        first; `paired`.

    Raises:
        ComparisonError, RunFolderError, DataError: They cannot be compared or read.
    """
    if len(paths) < 2:
        raise ComparisonError("name two plans or runs, or one and what happened with --actuals")
    plans = aligned(read_sides(paths))
    rows = differences(plans)
    return {
        "sides": [side.name for side in plans.sides],
        "currency": plans.currency,
        "first": plans.dates[0].date().isoformat(),
        "last": plans.dates[-1].date().isoformat(),
        "days": len(plans.dates),
        "weekly": plans.sides[0].weekly,
        "notes": list(plans.notes),
        "names": names(plans.sides),
        "rows": [
            {
                "level": row.level,
                "key": row.key,
                "measure": row.measure,
                "values": list(row.values),
                "differences": list(row.differences),
            }
            for row in rows
        ],
        "paired": paired(plans.sides),
    }


def compared_csv(document: dict[str, Any]) -> str:
    """A line per measure: level, key, measure, then every side and its difference to the first."""
    first, *others = document["sides"]
    columns = ["level", "key", "measure", first]
    for name in others:
        columns += [name, f"{name} - {first}"]
    lines = []
    for row in document["rows"]:
        line = [row["level"], row["key"], row["measure"], row["values"][0]]
        for value, difference in zip(row["values"][1:], row["differences"], strict=True):
            line += [value, difference]
        lines.append(line)
    return str(pd.DataFrame(lines, columns=columns).to_csv(index=False, lineterminator="\n"))


def held_against(paths: Sequence[Path], actuals: Path) -> dict[str, Any]:
    """One plan or run and what then happened; see `beside_plan`.

    Raises:
        ComparisonError, RunFolderError, DataError: They cannot be compared or read.
    """
    if len(paths) != 1:
        raise ComparisonError(
            f"--actuals goes with one plan or run, and {len(paths)} were named; name one"
        )
    side = read_sides(paths)[0]
    check_by_day(side)
    return beside_plan(side, read_happened(actuals, side)) | {"names": names([side])}


def language_of(paths: Sequence[Path]) -> Language:
    """The language of the first run among them (`report.language`); English where there is none."""
    for path in paths:
        run = path if (path / CONFIG).is_file() else home_of(path)
        if run is not None:
            return load_config(run / CONFIG).report.language
    return "en"


def held_csv(document: dict[str, Any]) -> str:
    """A line per promotion and measure; difference and range are of what is due."""
    lines = []
    for row in document["rows"]:
        for measure in MEASURES:
            cell = row[measure]
            actual, due = cell["actual"], cell["due"]
            gap = None if actual is None else round(actual - due, 2)
            ends = (cell.get("low"), cell.get("high"), cell.get("outside"))
            lines.append((row["promotion_id"], measure, cell["planned"], due, actual, gap, *ends))
    columns = ["promotion_id", "measure", "planned", "due", "actual", "difference"]
    frame = pd.DataFrame(lines, columns=[*columns, "low", "high", "outside"])
    return str(frame.to_csv(index=False, lineterminator="\n"))
