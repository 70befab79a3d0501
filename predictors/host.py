"""A predictor hosted in this process, once for all its threads.

Everything that needs rates talks to a `PredictorHost`. In this process that is a `LocalHost`, which
`open_host` opens; `ray_host` has those that several processes share, each around a `LocalHost`.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import prediction_precision
from promopilot.predictors.hosting import Measures, PredictorHost
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.readable import Readability, readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.text_vectors import VectorCache, model_digest, text_key
from promopilot.predictors.uncertainty import StageSpread
from promopilot.predictors.vocabulary import Features

P = ParamSpec("P")
R = TypeVar("R")

# How long the first of several requests waits for the others: less than encoding one text takes.
_WINDOW_SECONDS = 0.002


def open_host(folder: Path, device: str = "auto") -> PredictorHost:
    """Hosts the predictor in `folder`.

    Raises:
        ArtifactError: a file is missing, altered or unreadable, or there is no such device.
        PredictorDataError: no device is called so.
    """
    thread = ThreadPoolExecutor(1, "torch")
    return thread.submit(lambda: LocalHost(Predictor.load(folder, device), thread=thread)).result()


@dataclass(eq=False)
class _Request:
    texts: dict[bytes, str]  # by key, in the order asked for
    vectors: dict[bytes, Tensor] | None = None  # [H] by key
    error: Exception | None = None

    @property
    def is_answered(self) -> bool:
        return self.vectors is not None or self.error is not None


@dataclass
class _Counts:
    values: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **more: int) -> None:
        with self.lock:
            for name, value in more.items():
                self.values[name] = self.values.get(name, 0) + value

    def raise_to(self, name: str, value: int) -> None:
        with self.lock:
            self.values[name] = max(self.values.get(name, 0), value)


class LocalHost:
    """A predictor in this process.

    Requests that come from several threads within a few milliseconds are encoded together, each
    distinct text once: the first to come asks for all. The network works in one thread, whoever
    asks: each thread that calls torch gets threads of OpenMP of its own, and where these are more
    than cores, they sleep between operations instead of spinning.

    Args:
        predictor: answers; nobody else may use its tokenizer meanwhile, which is not thread-safe.
        cache: of text vectors; hosts of different models may share one.
        window: seconds that the first of several requests waits for the others.
        thread: of one thread, in which the network works; best the one that loaded the predictor.
    """

    def __init__(
        self,
        predictor: Predictor,
        cache: VectorCache | None = None,
        window: float = _WINDOW_SECONDS,
        thread: Executor | None = None,
    ) -> None:
        self._predictor = predictor
        self._cache = VectorCache() if cache is None else cache
        self._window = window
        self._thread = thread or ThreadPoolExecutor(1, "torch")
        settings = predictor.settings
        precision = prediction_precision(predictor.device, settings.precision)
        self._digest = model_digest(
            predictor.funnel.encoder,
            predictor.tokenizer,
            f"{settings.max_tokens} {precision} {predictor.funnel.encoder.every_layer}",
        )
        self._counts = _Counts()
        self._waiting: list[_Request] = []
        self._arrivals = threading.Lock()  # guards `_waiting`
        self._turn = threading.Lock()  # held by the one who encodes
        self._is_closed = False
        self._busy_since: float | None = None  # of time.monotonic; None: nothing is encoded

    @property
    def spreads(self) -> tuple[StageSpread, ...]:
        """How far rates may lie from the predicted, one per stage."""
        return self._predictor.spreads

    def predict(self, rows: Rows) -> Prediction:
        """Returns rates and standard errors of rows, in their order.

        Raises:
            RuntimeError: the host is closed.
        """
        if self._is_closed:
            raise RuntimeError("This predictor host is closed: open another with open_host.")
        self._counts.add(requests=1, rows=len(rows))
        features = self._predictor.features(rows)
        vectors = self._vectors(features.texts)
        return self._run(self._score, features, vectors)

    @property
    def settings(self) -> PredictorSettings:
        """What it was fitted with; rows for it need its `text_template`."""
        return self._predictor.settings

    def readability(self, texts: list[str]) -> Readability:
        """Returns how much of texts its base model can read."""
        with self._turn:  # the tokenizer serves one at a time
            return readability(self._predictor.tokenizer, texts, self.settings.max_tokens)

    def probe(self, rows: Rows, seconds: float) -> Prediction | None:
        """Predicts rows past the cache and past all counts, to see whether the model still works.

        Args:
            rows: some that cost little.
            seconds: that it waits for others' batches.

        Returns:
            The prediction; None where the encoder was busy all that time.
        """
        if not self._turn.acquire(timeout=seconds):
            return None
        try:
            return self._run(self._predictor.predict, rows)
        finally:
            self._turn.release()

    @property
    def busy_seconds(self) -> float:
        """How long the batch that is being encoded takes already; 0 where none is."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def measures(self) -> Measures:
        """Returns what the host has done so far."""
        with self._counts.lock:
            return Measures(**self._counts.values)

    def close(self) -> None:
        """Forgets the cache; requests under way are answered, later ones refused."""
        self._is_closed = True
        self._cache = VectorCache(0)

    def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Works in the network's thread; what comes together waits there in order."""
        return self._thread.submit(work, *args, **kwargs).result()

    def _score(self, features: Features, vectors: list[Tensor]) -> Prediction:
        known = torch.stack(vectors) if vectors else self._predictor.vectors([])
        return self._predictor.score(features, known)

    def _vectors(self, texts: list[str]) -> list[Tensor]:
        """Returns the vectors [H] of texts; those that nobody knows are encoded with others'."""
        self._counts.add(texts=len(set(texts)))
        keys = [text_key(self._digest, text) for text in texts]
        request = _Request(dict(zip(keys, texts, strict=True)))
        known = self._cache.find(keys)
        if len(known) == len(request.texts):
            return [known[key] for key in keys]
        self._ask(request)
        if request.error is not None:
            raise request.error
        if request.vectors is None:
            raise RuntimeError("the host gave a request back without an answer")
        return [request.vectors[key] for key in keys]

    def _ask(self, request: _Request) -> None:
        with self._arrivals:
            self._waiting.append(request)
        with self._turn:
            if request.is_answered:  # by whoever had the turn before
                return
            time.sleep(self._window)
            with self._arrivals:
                together = list(self._waiting)
            self._busy_since = time.monotonic()
            try:
                self._run(self._answer, together)
            finally:  # an interrupt leaves the others waiting, and the next of them encodes
                self._busy_since = None
                with self._arrivals:
                    self._waiting = [
                        one for one in self._waiting if not one.is_answered and one is not request
                    ]

    def _answer(self, requests: list[_Request]) -> None:
        """Answers all of `requests` with one pass of the encoder, or each with what ails it."""
        wanted = {key: text for request in requests for key, text in request.texts.items()}
        try:
            vectors = self._cache.find(list(wanted))
            missing = [key for key in wanted if key not in vectors]
            if missing:
                encoded = self._predictor.vectors([wanted[key] for key in missing])
                new = dict(zip(missing, encoded, strict=True))
                self._cache.keep(new)
                vectors |= new
                self._counts.add(encoded=len(missing), batches=1)
                self._counts.raise_to("largest_batch", len(requests))
        except Exception as error:
            if len(requests) > 1:
                for request in requests:
                    self._answer([request])
            else:
                requests[0].error = error
            return
        for request in requests:
            request.vectors = vectors
