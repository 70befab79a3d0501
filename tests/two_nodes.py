"""A Ray cluster of two nodes on this machine, as somebody else would have started it."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from promopilot.experiments.cluster import guardian

# Its nodes have a core each; "end" on its input ends the second node, the end of input everything.
SCRIPT = """
import json, sys
from ray.cluster_utils import Cluster
def node(cluster, **more):
    return cluster.add_node(
        num_cpus=1,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        **more,
    )
cluster = Cluster()
node(cluster)
second = node(cluster, env_vars=json.loads(sys.argv[1]))
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(second, allow_graceful=False)
    print("ended", flush=True)
cluster.shutdown()
"""

# What Ray starts on a node, and Ray Data once a cluster for all who use it.
RAYS_OWN = "DashboardAgent", "RuntimeEnvAgent", "_StatsActor", "_AutoscalingCoordinatorActor"


@dataclass(frozen=True)
class TwoNodes:
    """A cluster of two nodes, with a core each."""

    address: str
    environment: dict[str, str]  # of a process that may use it
    folder: Path
    process: subprocess.Popen[str]

    def end_second(self) -> None:
        """Ends the second node as a loss of power would."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("end\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ended\n"


def workers_of(cluster: TwoNodes) -> list[psutil.Process]:
    """Processes on it that work for somebody, or have just done so."""
    found = []
    for one in psutil.Process(cluster.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            by, _, what = one.name().partition("::")
            if by == "ray" and not what.startswith(("IDLE", *RAYS_OWN)):
                found.append(one)
    return found


@contextmanager
def two_nodes(**of_second: str) -> Iterator[TwoNodes]:
    """Starts the cluster, and ends every process of it.

    Args:
        of_second: Variables in the environment of the second node.
    """
    folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32), encoding="utf-8")
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }
    begun = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(of_second)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert begun.stdout is not None
        address = begun.stdout.readline().strip()
        assert address, "the cluster was not started"
        yield TwoNodes(address, environment, folder, begun)
    finally:
        begun.communicate(timeout=60)
        guardian.end(folder, os.getpid())
