"""A running cluster: found at its address, and its nodes have what this machine has."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from promopilot.experiments.cluster.nodes import alive, name_of, on_each_node
from promopilot.experiments.cluster.private import REMOTE_OPTIONS
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError

# What is sent between processes, and what results depend on.
_SAME = ("promopilot", "numpy", "pandas", "torch", "gymnasium", "stable-baselines3")


@contextmanager
def remote_ray(settings: RaySettings) -> Iterator[None]:
    """Connects to the cluster of `settings.address`, and disconnects.

    Raises:
        ClusterError: Nothing answers there, the cluster does not let us in, this machine is no node
            of it, or a node has other versions.
    """
    import ray
    from ray.exceptions import AuthenticationError

    address = settings.address or "auto"
    if address.startswith("ray://"):
        raise ClusterError(
            f"`$.ray.address` is {address}, which is Ray Client's: give the cluster's own "
            "host:port (6379 by default), and run this on a node of it, or with `ray job submit`"
        )
    if address != "auto":
        _require_answer(address, settings.patience_seconds)
    # Ray's own log of this process goes to stderr; here it tells of no error, and to nobody's use.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        with _muted():
            ray.init(address=address, **REMOTE_OPTIONS)
    except (OSError, RuntimeError, ValueError, TimeoutError, AuthenticationError) as error:
        raise ClusterError(
            f"no connection to a Ray cluster at {address}: {_first(error)}; if it asks for a "
            "token, set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file with it"
        ) from error
    try:
        _require_same_versions(settings.patience_seconds)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _muted() -> Iterator[None]:
    """Without what Ray's own code writes of each of its tries; the error says it once."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _require_answer(address: str, seconds: float) -> None:
    """Ray itself tries for minutes where nothing answers, and says less."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ClusterError(
            f"`$.ray.address` is {address!r}: it must be host:port, as 10.0.0.1:6379, with a "
            "port up to 65535, or auto"
        )
    try:
        socket.create_connection((host, int(port)), timeout=min(seconds, 10.0)).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at `$.ray.address` {address} ({error.strerror or error}): start the "
            "cluster (`ray start --head`), or set the address to null to use this machine alone"
        ) from error


def _require_same_versions(seconds: float) -> None:
    import ray
    from ray.exceptions import GetTimeoutError, RayError

    def versions(names: tuple[str, ...]) -> dict[str, str]:
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for name in names:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return found

    ours = versions(_SAME)
    for node, answer in on_each_node(versions, _SAME):
        name = name_of(node)
        try:
            theirs = ray.get(answer, timeout=seconds)
        except GetTimeoutError as error:
            raise ClusterError(
                f"node {name} started no process within {seconds:g} s (ray.patience_seconds): look "
                "at it with `ray status`"
            ) from error
        except RayError as error:
            if node["NodeID"] not in {one["NodeID"] for one in alive()}:
                continue  # it was gone before, and that is known only now
            raise ClusterError(f"node {name} cannot run a task: {_first(error)}") from error
        for package in _SAME:
            if package not in theirs:
                raise ClusterError(
                    f"node {name} has no {package}: install the same promopilot on every node"
                )
            if theirs[package] != ours[package]:
                raise ClusterError(
                    f"node {name} has {package} {theirs[package]}, and this machine "
                    f"{ours[package]}: install the same versions on every node"
                )


def _first(error: BaseException) -> str:
    """The first line of what is often a long text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
