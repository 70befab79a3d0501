"""A folder that all nodes of a cluster must see."""

from __future__ import annotations

import secrets
from pathlib import Path

from promopilot.experiments.errors import ClusterError


def require_shared(folder: Path, seconds: float) -> None:
    """Checks that every node sees the files that this machine writes into a folder.

    Args:
        folder: It is there, and this machine may write to it.
        seconds: That a node may take to answer.

    Raises:
        ClusterError: A node does not see them, or does not answer.
    """
    import ray
    from ray.exceptions import GetTimeoutError, RayError

    from promopilot.experiments.cluster.nodes import name_of, on_each_node

    probe = folder.resolve() / f".promopilot-partial-probe-{secrets.token_hex(4)}"

    def sees(path: str) -> bool:
        import os

        return os.path.isfile(path)

    probe.touch()
    try:
        for node, answer in on_each_node(sees, str(probe)):
            try:
                seen = ray.get(answer, timeout=seconds)
            except GetTimeoutError as error:
                raise ClusterError(
                    f"node {name_of(node)} started no process within {seconds:g} s "
                    "(ray.patience_seconds): look at it with `ray status`"
                ) from error
            except RayError as error:
                raise ClusterError(
                    f"node {name_of(node)} was lost while it was asked whether it sees the folder"
                ) from error
            if not seen:
                raise ClusterError(
                    f"node {name_of(node)} does not see {folder.resolve()}: put it on a disk that "
                    "all nodes share, under the same path"
                )
    finally:
        probe.unlink(missing_ok=True)
