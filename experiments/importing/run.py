"""An import of performance: from the files of an export to a data folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.columns import FileColumns, check_columns, columns_of
from promopilot.experiments.importing.currency import currency_of
from promopilot.experiments.importing.defaults import completed, tells_campaigns_apart
from promopilot.experiments.importing.derived import placements_of, segments_of
from promopilot.experiments.importing.folder import check_free, write_folder
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.ids import coded
from promopilot.experiments.importing.joined_text import read_texts
from promopilot.experiments.importing.lacking import refuse_other_platforms, require
from promopilot.experiments.importing.line_items import LineItems, line_items
from promopilot.experiments.importing.mapping import Mapping, Rule
from promopilot.experiments.importing.mapping_file import mapping_text
from promopilot.experiments.importing.performance import ELIGIBLE, Performance, performance_of
from promopilot.experiments.importing.promotions import Promotions, promotions_of
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.reading import READING, read_all
from promopilot.experiments.importing.rows import Rows, read_rows
from promopilot.experiments.importing.sources import sources_of
from promopilot.experiments.importing.told import Imported, summary_of
from promopilot.experiments.progress import silent
from promopilot.experiments.tables.schema import MAPPING_FILE

_IDS = ("promotion", "placement", "segment")


def import_performance(
    files: Sequence[Path],
    platform: Platform,
    mapping: Mapping,
    out: Path,
    progress: Callable[[str, float], None] = silent,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes promotions, placements, segments and performance out of an export's files.

    The mapping that was used goes to mapping.yaml beside them, complete; what is derived or
    assumed to sources.json.

    Args:
        files: Of one platform, put together in this order.
        platform: Whose headers are looked for.
        mapping: What the user says about them.
        out: A new or empty folder, or an earlier import's; it appears when all of it is there.
        progress: Hears what is going on, and the share done.
        overwrite: Whether an earlier import in `out` may be replaced.

    Returns:
        What became of columns and rows, as `data import --json` prints it.

    Raises:
        DataError: A file, cell or row that cannot be used; all of its kind are listed.
        ConfigError: The mapping does not fit the files.
        RunFolderError: `out` may not be replaced, or cannot be written.
    """
    check_free(out, overwrite)
    exports = read_all(files, platform, mapping, progress)
    columns = _columns(exports, platform, mapping)
    mapping = completed(mapping, platform, columns, _by_id(exports, columns))
    _check_promotion(mapping, columns)
    texts = None if mapping.texts is None else read_texts(mapping.texts, platform)
    progress("typing rows", READING)
    rows = read_rows(exports, columns, mapping)
    names = ", ".join(export.file for export in exports)
    currency = currency_of(mapping, [one.currency for one in columns], rows.texts, names)
    mapping = mapping.model_copy(update={"currency": currency})
    progress("adding up", 0.8)
    items = line_items(rows, mapping, names)
    promotions = promotions_of(rows, items, mapping, texts)
    performance = performance_of(rows, items, names)
    tables = _tables(rows, items, promotions, performance, mapping)
    progress("writing", 0.95)
    sources = sources_of(mapping, tables, promotions, [export.file for export in exports])
    settled = {MAPPING_FILE: mapping_text(_portable(mapping, out))}
    written = write_folder(out, tables, settled, sources, overwrite)
    made = Imported(exports, columns, mapping, rows, texts, promotions, performance, tables)
    return {
        "data": str(out),
        "kind": "performance",
        "platform": str(platform),
        **summary_of(made),
        "written": written,
    }


def _columns(
    exports: Sequence[RawExport], platform: Platform, mapping: Mapping
) -> list[FileColumns]:
    """The columns of each file, among them those without which there is no performance."""
    columns = [columns_of(export, platform, mapping) for export in exports]
    check_columns(mapping, columns)
    refuse_other_platforms(columns, platform, mapping)
    for export, one in zip(exports, columns, strict=True):
        require(export, one, ("date", "impressions"), platform)
    return columns


def _by_id(exports: Sequence[RawExport], columns: Sequence[FileColumns]) -> bool:
    """Whether campaigns' ids and names are both there, and the names do not tell them apart."""
    both = ("campaign_id", "campaign")
    return any(
        not tells_campaigns_apart(*(coded(export.cells[one.fields[f]]) for f in both))
        for export, one in zip(exports, columns, strict=True)
        if set(both) <= set(one.fields)
    )


def _check_promotion(mapping: Mapping, columns: Sequence[FileColumns]) -> None:
    """Checks that something tells promotions apart.

    Raises:
        DataError: Nothing does; the message lists the headers.
    """
    rule = mapping.promotion or Rule()
    if rule.fields or rule.constant is not None:
        return
    headers = ", ".join(repr(header) for header in columns[0].headers)
    told = f"none of the columns names a campaign or an ad: {headers}"
    mend = "name the columns that tell promotions apart, in a mapping: `promotion: [COLUMN]`"
    raise DataError([Problem(columns[0].file, None, None, None, told, mend)])


def _tables(
    rows: Rows, items: LineItems, promotions: Promotions, performance: Performance, mapping: Mapping
) -> dict[str, pd.DataFrame]:
    """The contract's tables by name."""
    return {
        "promotions": promotions.frame,
        "placements": placements_of(performance.frame, items, mapping),
        "segments": segments_of(rows, items),
        "performance": _named(performance.frame, items),
    }


def _named(performance: pd.DataFrame, items: LineItems) -> pd.DataFrame:
    """Performance as the contract has it: ids as text, counts whole."""
    frame = performance.copy(deep=False)
    for name in _IDS:
        ids = pd.Categorical.from_codes(
            frame[name].to_numpy(np.int64), pd.Index(getattr(items, name).names, dtype="str")
        )
        frame[name] = ids.astype("str")
    for name in ("impressions", "clicks", "conversions", ELIGIBLE):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    return frame.rename(columns={name: f"{name}_id" for name in _IDS})


def _portable(mapping: Mapping, out: Path) -> Mapping:
    """The mapping as it is right beside the tables: paths start there."""
    if mapping.texts is None:
        return mapping
    file = os.path.relpath(mapping.texts.file, out)
    return mapping.model_copy(update={"texts": mapping.texts.model_copy(update={"file": file})})
