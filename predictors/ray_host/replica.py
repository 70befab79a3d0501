"""The process that has the model: a `LocalHost` that is asked through Ray.

Only the replica's process imports torch; this module is imported by whoever starts it too.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import ray

from promopilot.predictors.dataset import Rows, line_item_rows
from promopilot.predictors.errors import ArtifactError, HostError
from promopilot.predictors.ray_host.exported import Exported
from promopilot.predictors.ray_host.files import Model
from promopilot.predictors.ray_host.parcel import Parcel, sealed
from promopilot.predictors.ray_host.settings import HostSettings
from promopilot.predictors.ray_host.told import Description, Health, ReplicaMeasures
from promopilot.predictors.readable import Readability

if TYPE_CHECKING:
    from promopilot.predictors.host import LocalHost

WATCH = "watch"  # the threads that are never busy with predictions
_LATENCIES = 4096  # of the last requests
_PROBE = "10% off tea"


class Replica:
    """One copy of the predictor.

    It is an actor whose methods run in threads, so that requests that come together meet in the
    `LocalHost` and share a batch. `predict` and `readability` alone keep those threads busy; who
    asks how the replica is has others.

    Args:
        model: what it hosts.
        device: where the network runs.
        settings: threads of torch, the window of batches, the interval of its own probes.
        opener: whose closing ends it.
    """

    def __init__(self, model: Model, device: str, settings: HostSettings, opener: str) -> None:
        self._begun = time.monotonic()
        self._opener = opener
        self._settings = settings
        self._lock = threading.Lock()
        self._under_way = self._most_under_way = 0
        self._seconds: deque[float] = deque(maxlen=_LATENCIES)
        self._exported = Exported()
        # A constructor that raises is an actor that died; whoever asks shall hear the reason.
        self._refusal: ArtifactError | HostError | None = None
        try:
            thread = ThreadPoolExecutor(1, "torch")
            self._host = thread.submit(_local_host, model, device, settings, thread).result()
            self._probe = _probe_rows()
            if not self._is_finite(settings.start_seconds):
                raise ArtifactError(
                    f"the model in {model.folder} gives rates that are no numbers: fit it again."
                )
        except ArtifactError as error:
            self._refusal = error
            return
        except Exception as error:  # such as a GPU's memory that is too small, or a full disk
            self._refusal = HostError(
                f"a replica of the shared predictor host cannot load {model.folder}: "
                f"{type(error).__name__}: {error}"
            )
            return
        threading.Thread(target=self._watch, daemon=True).start()

    @ray.method(concurrency_group=WATCH)
    def describe(self) -> Description:
        """Returns what does not change.

        Raises:
            ArtifactError, HostError: the model cannot be used.
        """
        self._check()
        return Description(self._host.settings, self._host.spreads, self._opener)

    def predict(self, parcel: bytes) -> bytes:
        """Returns, sealed, rates and standard errors of a sealed parcel's rows, in their order.

        Raises:
            ArtifactError, HostError: the model cannot be used.
            RuntimeError: the host is closed.
        """
        self._check()
        with self._counted():
            return sealed(self._host.predict(Parcel.opened(parcel).rows()))

    def readability(self, texts: list[str]) -> Readability:
        """Returns how much of texts the base model can read.

        Raises:
            ArtifactError, HostError: the model cannot be used.
        """
        self._check()
        return self._host.readability(texts)

    @ray.method(concurrency_group=WATCH)
    def health(self) -> Health:
        """Predicts something small, unless the encoder is busy, and tells how the replica is.

        Raises:
            ArtifactError, HostError: the model cannot be used.
        """
        self._check()
        return Health(
            process=os.getpid(),
            uptime_seconds=time.monotonic() - self._begun,
            under_way=self._under_way,
            busy_seconds=self._host.busy_seconds,
            is_finite=self._is_finite(self._settings.health_seconds / 4.0),
        )

    @ray.method(concurrency_group=WATCH)
    def measures(self) -> ReplicaMeasures:
        """Returns what it has done.

        Raises:
            ArtifactError, HostError: the model cannot be used.
        """
        self._check()
        with self._lock:
            seconds = np.array(self._seconds)
        return ReplicaMeasures(
            self._host.measures(), self._under_way, self._most_under_way, seconds
        )

    @ray.method(concurrency_group=WATCH)
    def close(self, seconds: float) -> None:
        """Refuses later requests, and returns when those under way are answered.

        Args:
            seconds: that it waits for them.
        """
        if self._refusal is not None:
            return
        self._host.close()
        until = time.monotonic() + seconds
        while self._under_way and time.monotonic() < until:
            time.sleep(0.01)

    def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    @contextmanager
    def _counted(self) -> Iterator[None]:
        begun = time.perf_counter()
        with self._lock:
            self._under_way += 1
            self._most_under_way = max(self._most_under_way, self._under_way)
        try:
            yield
        finally:
            seconds = time.perf_counter() - begun
            with self._lock:
                self._under_way -= 1
                self._seconds.append(seconds)
            self._exported.answered(seconds, self._under_way)

    def _is_finite(self, seconds: float) -> bool | None:
        """Whether a small prediction is a number; None where the encoder is busy for so long."""
        found = self._host.probe(self._probe, seconds)
        if found is None:
            return None
        return all(np.isfinite(v).all() for v in vars(found).values() if v is not None)

    def _watch(self) -> None:
        """Ends the process where the model stops working, so that Ray starts it anew."""
        while True:
            time.sleep(self._settings.health_every_seconds)
            try:
                is_finite = self._is_finite(self._settings.health_seconds)
            except Exception:  # whatever ails the device
                is_finite = False
            if is_finite is False:
                os._exit(1)


def _local_host(model: Model, device: str, settings: HostSettings, thread: Executor) -> LocalHost:
    import torch

    from promopilot.predictors.device import choose_device
    from promopilot.predictors.host import LocalHost
    from promopilot.predictors.predictor import Predictor

    torch.set_num_threads(settings.torch_threads)
    where = choose_device(device)
    if where.type == "cuda" and settings.gpus < 1:  # Ray hands out shares and enforces none
        torch.cuda.set_per_process_memory_fraction(settings.gpus, where)
    with model.folder_here() as folder:
        predictor = Predictor.load(folder, where.type)
    return LocalHost(predictor, window=settings.window_ms / 1000.0, thread=thread)


def _probe_rows() -> Rows:
    promotions = pd.DataFrame({"promotion_id": ["probe"], "text": [_PROBE]})
    items = pd.DataFrame({"promotion_id": ["probe"], "weekday": [0]})
    return line_item_rows(promotions, None, None, items)
