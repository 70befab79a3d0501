"""Text vectors beside sentence-transformers' `encode`, on the same texts and the same model.

Where the gain comes from: in a table of offers texts repeat, and each distinct one is encoded once
(2.7 times less work where 2,500 are drawn from 1,000); oneDNN multiplies faster than MKL on AMD's
processors (about 1.8 times on a Zen 5; on Intel's not measured); batches hold as many word pieces
as stay in a processor's cache, instead of 32 texts (1.0 to 1.2 times). Both sort by length, so
padding is no part of it, and both are float32. The figure without repeats shows the rest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.shop import offers
from promopilot.experiments.bench.stopwatch import once

if TYPE_CHECKING:
    from promopilot.predictors import Predictor

_WARM_UP = 32  # texts


def encoding(predictor: Predictor, drawn: int, distinct: int) -> dict[str, Figure]:
    """Encodes `drawn` texts, drawn with repeats from `distinct`, and then these once each.

    Args:
        predictor: of the packaged model, whose encoder learnt nothing.
        drawn: number of texts.
        distinct: number of different ones.

    Returns:
        `encoding_speedup` and `encoding_speedup_without_repeats`, seconds of sentence-transformers
        over ours; `encoding_difference`, the largest between vectors, which are the mean over the
        word pieces, not scaled to length 1 (the packaged model's last module is left out).
    """
    from promopilot.predictors.packaged import packaged_minilm

    known = offers(distinct, seed=1)
    texts = [known[i] for i in np.random.default_rng(1).integers(0, distinct, drawn)]
    theirs = _sentence_transformer(str(packaged_minilm()))

    def ratio(some: list[str]) -> float:
        return once(lambda: theirs(some)) / once(lambda: predictor.vectors(some))

    difference = np.abs(predictor.vectors(known[:_WARM_UP]).numpy() - theirs(known[:_WARM_UP]))
    return {
        "encoding_speedup": figure(ratio(texts), "x", at_least=1.5),
        "encoding_speedup_without_repeats": figure(ratio(known), "x"),
        "encoding_difference": figure(difference.max(), "", at_most=1e-3),
    }


def _sentence_transformer(folder: str) -> Callable[[list[str]], Any]:
    """Returns sentence-transformers' `encode` without the scaling to length 1."""
    from sentence_transformers import SentenceTransformer

    with _quiet():
        whole = SentenceTransformer(folder, device="cpu")
    mean = SentenceTransformer(modules=list(whole)[:2], device="cpu")
    return lambda texts: mean.encode(texts, show_progress_bar=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from drawing a bar of its own across ours."""
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if before:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
