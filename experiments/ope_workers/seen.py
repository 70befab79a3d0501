"""Files and folders that every node of a cluster must see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promopilot.experiments.cluster.nodes import name_of, on_each_node
from promopilot.experiments.cluster.shared_folder import require_shared
from promopilot.experiments.errors import ClusterError


def require_seen(files: Sequence[Path], scratch: Path, seconds: float) -> None:
    """Checks that every node reads the files, and sees what is written to the scratch folder.

    Args:
        files: With their whole path.
        scratch: Where temporary files are.
        seconds: That a node may take to answer.

    Raises:
        ClusterError: A node does not, or does not answer.
    """
    import ray
    from ray.exceptions import GetTimeoutError

    def unseen(sizes: dict[str, int]) -> list[str]:
        import os

        return [
            path
            for path, size in sizes.items()
            if not os.access(path, os.R_OK) or os.path.getsize(path) != size
        ]

    sizes = {str(path): path.stat().st_size for path in files if path.is_file()}
    for node, answer in on_each_node(unseen, sizes):
        try:
            found = ray.get(answer, timeout=seconds)
        except GetTimeoutError as error:
            raise ClusterError(
                f"node {name_of(node)} started no process within {seconds:g} s "
                "(ray.patience_seconds): look at it with `ray status`"
            ) from error
        if found:
            raise ClusterError(
                f"node {name_of(node)} does not read the same {found[0]}: put it on a disk that "
                "all nodes share, under the same path"
            )
    try:
        require_shared(scratch, seconds)
    except ClusterError as error:
        raise ClusterError(
            f"{error}, and name a folder there in the environment variable TMPDIR"
        ) from error
