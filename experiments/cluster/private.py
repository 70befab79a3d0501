"""A Ray of one's own on this machine: nobody else can reach it, and nothing of it stays."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from promopilot.experiments.cluster import guardian
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError

# Paths of sockets, which lie in the folder, may have 107 bytes: too few where TMPDIR is long.
_SHORT = Path("/tmp")
_SECONDS = 15.0  # for the guardian to end what is left
_WORKERS = {
    "OMP_NUM_THREADS": "1",  # two torch threads beside another process are slower than one
    # For a trial that is stopped to close its files: after 2 s, Ray's own, its process would not
    # take the next trial, which was then lost without a word.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",
}
# What every connection to Ray has in common.
_OPTIONS: dict[str, Any] = {
    "log_to_driver": False,
    "configure_logging": False,
    "logging_level": logging.ERROR,
}
# At a cluster, whose processes have their own environment.
REMOTE_OPTIONS = _OPTIONS | {"runtime_env": {"env_vars": _WORKERS}}


@contextmanager
def private_ray(settings: RaySettings) -> Iterator[None]:
    """Starts Ray, and ends every process of it even if this one is killed.

    Raises:
        ClusterError: Ray cannot be started here.
    """
    import ray

    folder = Path(tempfile.mkdtemp(prefix="promopilot-", dir=_SHORT if _SHORT.is_dir() else None))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    watch = [sys.executable, "-I", guardian.__file__, str(folder), str(os.getpid())]
    watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
    own = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to anybody
    }
    try:
        with _environment(own):
            try:
                # Workers inherit theirs: with an environment of the job's own none of those that
                # Ray starts beforehand would be used.
                with _environment(_WORKERS):
                    ray.init(
                        address="local",
                        num_cpus=settings.cpus,
                        num_gpus=settings.gpus,
                        object_store_memory=settings.object_store_mb * 2**20,
                        include_dashboard=False,
                        _temp_dir=str(folder),
                        **_OPTIONS,
                    )
            except (OSError, RuntimeError, ValueError, TimeoutError) as error:
                raise ClusterError(
                    f"Ray cannot be started on this machine: {error}; see `promopilot doctor`"
                ) from error
            try:
                yield
            finally:
                ray.shutdown()
    finally:
        if watcher.stdin is not None:
            watcher.stdin.close()
        with suppress(subprocess.TimeoutExpired):  # a busy machine: it goes on by itself
            watcher.wait(_SECONDS)


@contextmanager
def _environment(own: Mapping[str, str]) -> Iterator[None]:
    """Variables that this process and those it starts have meanwhile."""
    before = {name: os.environ.get(name) for name in own}
    _set(own)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    """Ray reads the token and whether there is one once a process; here it reads them again."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
