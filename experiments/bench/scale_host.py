"""What a shared host costs in time, beside the same predictor in the process that asks.

Both have as many torch threads as there are cores, and wait the same 2 ms for others' requests. A
request is 64 texts. These are either new in every request, so that the encoder runs, or known, so
that only the head does and the way to the host weighs most; `wide` are known texts in 20 contexts
each.
"""

from __future__ import annotations

import operator
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.shop import fitted, offers
from promopilot.experiments.bench.stopwatch import once

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost, Rows
    from promopilot.predictors.ray_host.client import RayHost

TEXTS = 64
_CONTEXTS = 20
# Requests to one host before the other has its turn: encoding takes long, and the machine's speed
# drifts meanwhile; what is quick would find its caches cold.
_IN_A_ROW = {"": 1, "_known": 20, "_wide": 20}
_REST = 0.01  # seconds between turns: torch's threads spin on for some milliseconds


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the tests measure less."""

    latencies: int = 120  # requests of each kind
    clients: int = 8
    requests: int = 12  # of each client, whose texts are new
    known_requests: int = 100  # of each client, whose texts are known
    threads: int | None = None  # of torch, on both sides; None: as many as there are cores
    memory: bool = True  # whether the model of 110 million parameters is measured too


def measure(sizes: Sizes | None = None) -> dict[str, Figure]:
    """Measures, in about four minutes on two cores.

    Returns:
        `host_added_ms`, `host_added_known_ms` and `host_added_wide_ms`, the median of how much
        longer the host took than the process itself with the same request; `host_way_ms`, the
        median latency less that inside the replica, which other work on the machine disturbs least;
        `host_throughput` and `host_throughput_known`, requests per
        second of as many processes that share the host over that of as many threads of one process;
        `host_difference`, the largest between rates; then what `scale_host_memory` returns.

    Raises:
        MissingPackageError: the packaged model is not installed.
        ClusterError: Ray cannot be started here.
    """
    import torch

    from promopilot.experiments.bench.scale_host_memory import memory
    from promopilot.experiments.cluster.settings import RaySettings
    from promopilot.experiments.hosting import open_shared_host
    from promopilot.predictors import HostSettings, open_host

    sizes = sizes or Sizes()
    threads = sizes.threads or os.cpu_count() or 1
    settings = RaySettings(cpus=threads, host=HostSettings(cpus=threads))
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            fitted(Path(folder) / "model")
            local = open_host(Path(folder) / "model", "cpu")
            with open_shared_host(Path(folder) / "model", settings, "cpu") as shared:
                figures = {
                    "host_threads": figure(threads, "threads"),
                    **latencies(local, shared, sizes.latencies),
                    **throughputs(local, shared, sizes),
                }
    finally:
        torch.set_num_threads(threads_before)
    return figures | (memory() if sizes.memory else {})


def latencies(local: PredictorHost, shared: RayHost, count: int) -> dict[str, Figure]:
    """Asks both hosts the same, by turns, and compares what they answer."""
    new, wide = list(requests(1, count + 1)), next(requests(1, 1, _CONTEXTS))
    one, other = local.predict(new[0]), shared.predict(new[0])
    difference = max(
        float(np.abs(rates - getattr(other, name)).max())
        for name, rates in vars(one).items()
        if rates is not None
    )
    figures = {"host_difference": figure(difference, "", at_most=1e-6)}
    for kind, asked in (("", new[1:]), ("_known", new[:1] * count), ("_wide", [wide] * count)):
        alone: list[float] = []
        hosted: list[float] = []
        for start in range(0, count, _IN_A_ROW[kind]):
            some = asked[start : start + _IN_A_ROW[kind]]
            for host, took in ((local, alone), (shared, hosted)):  # each has a cache of its own
                time.sleep(_REST)
                took += [_milliseconds(host, rows) for rows in some]
        added = statistics.median(map(operator.sub, hosted, alone))
        goal = None if kind == "_wide" else 3.0
        figures[f"host_alone{kind}_ms"] = figure(statistics.median(alone), "ms")
        figures[f"host_added{kind}_ms"] = figure(added, "ms", at_most=goal)
        if kind == "":
            way = statistics.median(hosted) - shared.measures().p50_ms
            figures["host_way_ms"] = figure(way, "ms")
    return figures


def throughputs(local: PredictorHost, shared: PredictorHost, sizes: Sizes) -> dict[str, Figure]:
    """Asks for the same from threads of this process and, sharing the host, from processes."""
    figures = {}
    for kind, count, is_known in (
        ("", sizes.requests, False),
        ("_known", sizes.known_requests, True),
    ):
        alone = _rate_of_threads(local, sizes.clients, count, is_known)
        hosted = _rate_of_processes(shared, sizes.clients, count, is_known)
        figures[f"host_alone{kind}_requests"] = figure(alone, "requests/s")
        goal = None if is_known else 0.9
        figures[f"host_throughput{kind}"] = figure(hosted / alone, "x", at_least=goal)
    return figures


def requests(seed: int, count: int, contexts: int = 1) -> Iterator[Rows]:
    """Yields rows of 64 texts each, in some placements each, no two requests sharing a text."""
    import pandas as pd

    from promopilot.predictors import line_item_rows

    texts = [f"{text} {seed}" for text in offers(TEXTS * count, seed)]
    for start in range(0, len(texts), TEXTS):
        ids = [f"p{index}" for index in range(TEXTS)]
        promotions = pd.DataFrame({"promotion_id": ids, "text": texts[start : start + TEXTS]})
        promotion, placement = (codes.ravel() for codes in np.indices((TEXTS, contexts)))
        items = pd.DataFrame(
            {
                "promotion_id": promotions["promotion_id"].to_numpy()[promotion],
                "placement_id": [f"l{code}" for code in placement],
                "weekday": 0,
            }
        )
        yield line_item_rows(promotions, None, None, items)


class Client:
    """One of many that ask at the same time."""

    def __init__(self, host: PredictorHost, seed: int, count: int, is_known: bool) -> None:
        asked = list(requests(seed, 2 if is_known else count + 1))
        self._host = host
        self._asked = asked[1:] * (count if is_known else 1)
        host.predict(asked[0])
        if is_known:
            host.predict(asked[1])

    def begin(self, at: float) -> tuple[float, float]:
        """Asks from a moment on; returns when it began and when all was answered."""
        time.sleep(max(0.0, at - time.time()))
        begun = time.time()
        for rows in self._asked:
            self._host.predict(rows)
        return begun, time.time()


def _milliseconds(host: PredictorHost, rows: Rows) -> float:
    return 1000.0 * once(lambda: host.predict(rows))


def _rate_of_threads(host: PredictorHost, clients: int, count: int, is_known: bool) -> float:
    asking = [Client(host, 100 + seed, count, is_known) for seed in range(clients)]
    spans: list[tuple[float, float]] = []
    at = time.time() + 0.5
    threads = [
        threading.Thread(target=lambda one=one: spans.append(one.begin(at))) for one in asking
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _rate(spans, clients * count)


def _rate_of_processes(host: PredictorHost, clients: int, count: int, is_known: bool) -> float:
    import ray

    kind: Any = ray.remote(num_cpus=0)(Client)
    asking = [kind.remote(host, 100 + seed, count, is_known) for seed in range(clients)]
    ray.get([one.__ray_ready__.remote() for one in asking])
    at = time.time() + 0.5
    spans = ray.get([one.begin.remote(at) for one in asking])
    for one in asking:
        ray.kill(one)
    return _rate(spans, clients * count)


def _rate(spans: list[tuple[float, float]], count: int) -> float:
    begun, ended = zip(*spans, strict=True)
    return float(count / (max(ended) - min(begun)))
