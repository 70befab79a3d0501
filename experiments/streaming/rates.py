"""`rates.csv` of a `performance.parquet` larger than memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.atomic import atomic_path
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.cluster.shared_folder import require_shared
from promopilot.experiments.cluster.stream import worked
from promopilot.experiments.errors import DataError, RunFolderError
from promopilot.experiments.fast_csv import write_csv
from promopilot.experiments.scoring import predict_to_csv, rates_of
from promopilot.experiments.streaming.check import check_parts
from promopilot.experiments.streaming.parts import Keys, Part, Source, open_source, parts_of
from promopilot.experiments.tables.check import check_folder
from promopilot.experiments.tables.files import SUFFIXES, find_file
from promopilot.experiments.tables.frames import frame_or_one
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.schema import PERFORMANCE, PLACEMENTS, PROMOTIONS, SEGMENTS

if TYPE_CHECKING:
    from promopilot.predictors import Predictor
    from promopilot.predictors.head import Head

_Progress = Callable[[str, float], None]
_CHECKED = 0.3  # share of the time that checking takes


@dataclass(frozen=True)
class Catalog:
    """The small tables as the predictor takes them."""

    promotions: pd.DataFrame
    placements: pd.DataFrame
    segments: pd.DataFrame

    @classmethod
    def of(cls, small: dict[str, Parsed]) -> Catalog:
        """Of tables that are checked; what is left out has the one id `all`."""
        return cls(
            small[PROMOTIONS.name].frame,
            frame_or_one(small, PLACEMENTS, "All placements"),
            frame_or_one(small, SEGMENTS, "All customers"),
        )


class Scored:
    """What a worker makes of a part: lines of rates.csv.

    Args:
        source: The file.
        catalog: What its ids stand for.
        head: Scores rows.
        left_out: Rows that do not count, by the file's numbers, sorted.
    """

    def __init__(
        self, source: Source, catalog: Catalog, head: Head, left_out: NDArray[np.int64]
    ) -> None:
        self._source, self._catalog = source, catalog
        self._head, self._left_out = head, left_out

    def __call__(self, part: Part) -> Iterator[dict[str, Any]]:
        """Its blocks in order; the first line of each names the columns."""
        with tempfile.TemporaryDirectory(prefix="promopilot-") as folder:
            file = Path(folder) / "rates.csv"
            for parsed, _ in self._source.read(part):
                ends = np.searchsorted(self._left_out, [parsed.rows[0], parsed.rows[-1] + 1])
                counts = ~np.isin(parsed.rows, self._left_out[slice(*ends)])
                items = self._items(parsed.frame[counts].reset_index(drop=True))
                if len(items):
                    write_csv(self._rated(items), file)
                    yield {"lines": file.read_bytes(), "rows": len(items)}

    def _items(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Line items and dates with all their ids."""
        only = {
            "placement_id": self._catalog.placements["placement_id"].iloc[0],
            "segment_id": self._catalog.segments["segment_id"].iloc[0],
        }
        lacking = {name: value for name, value in only.items() if name not in frame}
        return frame.assign(**lacking)[[*ITEM, "date"]].astype({name: "str" for name in ITEM})

    def _rated(self, items: pd.DataFrame) -> pd.DataFrame:
        from promopilot.predictors import line_item_rows

        catalog = self._catalog
        rows = line_item_rows(
            catalog.promotions,
            catalog.placements,
            catalog.segments,
            items.assign(weekday=items["date"].dt.day_of_week),
            self._head.predictor.settings,
        )
        return rates_of(items, self._head.predict(rows))


def stream_to_csv(
    model: Path, data: Path, out: Path, ray: RaySettings, progress: _Progress, device: str = "auto"
) -> dict[str, Any]:
    """As `predict_to_csv`, from a Parquet file in parts, by the processes of Ray.

    Each text is encoded once, here; workers have the rest of the model. Rows are read twice: what
    is wrong with them is told before anything is scored.

    Raises:
        DataError: The tables break the contract, or performance is no Parquet file.
        ClusterError: There is no Ray, or a node of it does not see the file.
        ArtifactError: The model is missing or altered, or this machine has no such device.
        RunFolderError: `out` cannot be written.
    """
    from promopilot.predictors import Predictor

    path, problems = find_file(data, PERFORMANCE.name)
    if path is None:  # few rows, or no folder: the same faults are told
        return predict_to_csv(model, data, out, progress, device)
    if not out.parent.is_dir():
        raise RunFolderError(f"cannot write {out}: {out.parent} is not a folder")
    small = _small_tables(data, problems)
    if path.suffix != ".parquet":
        raise RunFolderError(
            f"{path} is no Parquet file, and only such a file is read in parts: save it as "
            "performance.parquet, or leave out --engine ray"
        )
    progress("predict", 0.0)
    predictor = Predictor.load(model, device)
    catalog = Catalog.of(small)
    source, parts = open_source(path.resolve(), small), parts_of(path)
    with connected(ray) as cluster:
        if cluster.nodes > 1:
            require_shared(data, ray.patience_seconds)

        def checked(what: str, share: float) -> None:
            progress("predict", _CHECKED * share)

        found = check_parts(source, Keys.of(small), parts, checked)
        head = _head(predictor, catalog.promotions[found.shown])
        given, rows = (source, catalog, head, found.left_out), 0
        with atomic_path(out) as partial, partial.open("wb") as file:
            for done, scored in worked(Scored, given, parts):
                lines = scored["lines"]
                file.write(lines if rows == 0 else lines[lines.index(b"\n") + 1 :])
                rows += scored["rows"]
                progress("predict", _CHECKED + (1 - _CHECKED) * done)
    progress("predict", 1.0)
    return {"rates": str(out), "rows": rows, "dated": True, "engine": "ray"}


def _small_tables(data: Path, problems: list[Any]) -> dict[str, Parsed]:
    """The tables beside performance, checked.

    Raises:
        DataError: One of them breaks the contract.
    """
    with tempfile.TemporaryDirectory(prefix="promopilot-") as folder:
        left_out = {f"{PERFORMANCE.name}{suffix}" for suffix in SUFFIXES}
        for file in data.iterdir():
            if file.name not in left_out:
                (Path(folder) / file.name).symlink_to(file.resolve())
        parsed, _, report = check_folder(Path(folder), outcomes=False)
    if problems or report.problems:
        raise DataError([*problems, *report.problems])
    return parsed


def _head(predictor: Predictor, shown: pd.DataFrame) -> Head:
    """Encodes what is shown."""
    from promopilot.predictors.head import head_of
    from promopilot.predictors.readable import readability, warn_of_texts
    from promopilot.predictors.texts import texts_from

    settings = predictor.settings
    texts = sorted({str(text) for text in texts_from(shown, settings.text_template)})
    warn_of_texts(readability(predictor.tokenizer, texts, settings.max_tokens))
    return head_of(predictor, texts)
