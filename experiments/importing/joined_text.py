"""The ads' texts from a second file, by an id that the export has as well."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.columns import columns_of
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.ids import Coded, as_text, coded, joined
from promopilot.experiments.importing.mapping import Mapping, Texts
from promopilot.experiments.importing.personal import refuse_personal
from promopilot.experiments.importing.raw import RawExport, read_export


@dataclass(frozen=True)
class TextsById:
    """Texts of a file by its ids."""

    export: RawExport
    texts: Table[str, str]  # id -> text, the first one where an id has several
    others: int  # rows with another text of an id that has one


def read_texts(settings: Texts, platform: Platform) -> TextsById:
    """Reads the file of texts.

    Raises:
        DataError: The file cannot be read, holds personal data, or no text.
        ConfigError: It lacks a column that the mapping names.
    """
    export = read_export(Path(settings.file))
    columns = columns_of(export, platform, Mapping())
    words = [columns.find(name, "texts.columns") for name in settings.columns]
    refuse_personal(export, words)
    ids = coded(export.cells[columns.find(settings.by, "texts.by")])
    parts = [coded(export.cells[header]) for header in words]
    texts = joined(parts, as_text)
    both = (ids.codes >= 0) & (texts.codes >= 0)
    if not both.any():
        names = ", ".join((settings.by, *settings.columns))
        rule = "has no row in which both an id and a text are filled"
        raise DataError([Problem(export.file, None, names, None, rule, "name other columns")])
    pairs = pd.DataFrame({"id": ids.codes[both], "text": texts.codes[both]})
    first = pairs.drop_duplicates("id")
    others = int((pairs["text"] != pairs.groupby("id")["text"].transform("first")).sum())
    by_id = {ids.names[i]: texts.names[t] for i, t in first.itertuples(index=False)}
    return TextsById(export, by_id, others)


def texts_of(rows: Coded, known: Table[str, str]) -> Coded:
    """The text [n] of each row's id; none where the file of texts lacks the id."""
    found = [known.get(name) for name in rows.names]
    codes, names = pd.factorize(np.array([*found, None], dtype=object))
    return Coded(codes.astype(np.int64)[rows.codes], tuple(str(name) for name in names))
