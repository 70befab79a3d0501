"""How fast the predictor learns, scores and encodes, and what encoding each text once saves.

Runs on the packaged MiniLM after one pass over a made-up shop: speed does not depend on weights.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from promopilot.experiments.bench.figure import Figure, figure


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the tests measure less."""

    texts: int = 128  # of the small catalog
    training_texts: int = 32  # of a training batch, each in 20 contexts
    catalog_texts: int = 5000  # of the large catalog
    placements: int = 5
    segments: int = 4
    days: int = 10  # times the three above: a million line items
    seconds: float = 2.0  # that short work is repeated for
    drawn: int = 2500  # texts encoded beside sentence-transformers, drawn with repeats
    distinct: int = 1000  # from so many


def measure(sizes: Sizes | None = None) -> dict[str, Figure]:
    """Measures, in about a minute on two cores.

    Returns:
        `rows_per_second` of `Predictor.predict` on a small catalog, and `texts_per_second` of the
        encoder; then what `encode_once`, `large_catalog` and `encoding` return.

    Raises:
        MissingPackageError: the packaged model is not installed.
        ArtifactError: it is not the one that was checked.
    """
    from promopilot.experiments.bench.encode_once import encode_once
    from promopilot.experiments.bench.encoding import encoding
    from promopilot.experiments.bench.large_catalog import large_catalog
    from promopilot.experiments.bench.shop import Shop, fitted
    from promopilot.experiments.bench.stopwatch import seconds

    sizes = sizes or Sizes()
    with _all_processors() as threads, tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        predictor = fitted(model)
        rows = Shop(sizes.texts, 7, 4, 7).rows(predictor.settings)  # as in the demo
        texts = [str(text) for text in rows.promotions.text]
        return {
            "threads": figure(threads, "threads"),
            "rows_per_second": figure(
                len(rows) / seconds(lambda: predictor.predict(rows), sizes.seconds), "rows/s"
            ),
            "texts_per_second": figure(
                len(texts) / seconds(lambda: predictor.vectors(texts), sizes.seconds), "texts/s"
            ),
            **encode_once(predictor, sizes.training_texts, sizes.seconds),
            **encoding(predictor, sizes.drawn, sizes.distinct),
            **large_catalog(
                predictor,
                model,
                Shop(sizes.catalog_texts, sizes.placements, sizes.segments, sizes.days),
                Path(folder),
            ),
        }


@contextmanager
def _all_processors() -> Iterator[int]:
    """Lets torch use the processors there are, unless OMP_NUM_THREADS says how many."""
    import torch

    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        allowed = getattr(os, "sched_getaffinity", None)  # Linux alone can confine a process
        torch.set_num_threads(len(allowed(0)) if allowed else os.cpu_count() or 1)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
