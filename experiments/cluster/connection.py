"""The way to Ray: started here, or found at an address; in use already, it is used as it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from promopilot.experiments.cluster.nodes import alive
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError


@dataclass(frozen=True)
class Cluster:
    """What work can be spread over."""

    address: str  # host:port
    cpus: int
    gpus: int
    nodes: int  # that are alive


@contextmanager
def connected(settings: RaySettings) -> Iterator[Cluster]:
    """Connects this process to Ray, and leaves nothing behind.

    Where the process is connected already that connection is used, and stays. Without an address a
    Ray of one's own is started on this machine, and all its processes are gone afterwards, also if
    this process is killed. At an address only what this process has started there ends.

    Raises:
        ClusterError: There is no cluster at the address, it is not ours to use, or a node of it
            has other versions.
    """
    with _given_back() as ended_by:
        import ray

        from promopilot.experiments.cluster.private import private_ray
        from promopilot.experiments.cluster.remote import remote_ray

        if ray.is_initialized():
            yield _cluster()
            return
        ours = private_ray if settings.address is None else remote_ray
        with ours(settings), _silent():
            _end_by(ended_by)  # Ray's own handler prints a stack of its library
            yield _cluster()


def places(cluster: Cluster, cpus: float, gpus: float, what: str) -> int:
    """How many pieces of work of a size fit on the cluster at the same time.

    Args:
        cluster: As `connected` gives it.
        cpus: Cores that a piece needs, on one node.
        gpus: GPUs that it needs there; a part of one may be shared.
        what: What the work is, for the message.

    Raises:
        ClusterError: None fits on any node, so that it could never start.
    """
    free = [
        (node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)) for node in alive()
    ]
    fit = sum(min(_times(c, cpus), _times(g, gpus)) for c, g in free)
    if fit:
        return fit
    most = max(c for c, _ in free)
    need, have = f"{cpus:g} cores", f"{most:g}"
    if cpus <= most:
        need, have = f"{gpus:g} of a GPU beside {cpus:g} cores", "no such room"
    raise ClusterError(
        f"{what} needs {need}, and the largest node of the {cluster.nodes} at {cluster.address} "
        f"has {have}: ask for less, or add a larger node"
    )


def _times(there: float, needed: float) -> int:
    return int(there / needed) if needed else sys.maxsize


def _cluster() -> Cluster:
    import ray

    have = ray.cluster_resources()
    address = ray.get_runtime_context().gcs_address
    return Cluster(address, int(have.get("CPU", 0)), int(have.get("GPU", 0)), len(alive()))


@contextmanager
def _silent() -> Iterator[None]:
    """Without what Ray prints of workers that end: it goes to stdout, where results belong.

    Ray has a switch for it, and no public name for the switch.
    """
    from ray._private import worker

    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


@contextmanager
def _given_back() -> Iterator[Any]:
    """Gives SIGTERM, whose handler it yields, and the environment back, which Ray changes."""
    environment = dict(os.environ)
    ended_by = signal.getsignal(signal.SIGTERM)
    try:
        yield ended_by
    finally:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        _end_by(ended_by)


def _end_by(handler: Any) -> None:
    """Sets what SIGTERM does, which only a process's main thread may."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
