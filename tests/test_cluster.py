"""Ray is started and left without a trace, and what is wrong with a cluster is said."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from promopilot.experiments.cluster.connection import connected, places
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError

HOLDS = """
import sys, time
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
with connected(RaySettings(cpus=1, object_store_mb=80)) as cluster:
    import ray
    print(ray.get(ray.remote(lambda: 7).remote()), flush=True)
    print(ray._private.worker._global_node.get_session_dir_path(), flush=True)
    time.sleep(float(sys.argv[1]))
"""

DYING = """
import os, sys, time
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
with connected(RaySettings(cpus=1, object_store_mb=80)):
    import ray
    from ray.exceptions import WorkerCrashedError
    try:
        ray.get(ray.remote(lambda: os._exit(1)).options(max_retries=0).remote())
    except WorkerCrashedError:
        time.sleep(2)  # until Ray had time to say so itself
        print("ended")
"""


def family(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_however_the_process_ends(number: signal.Signals | None) -> None:
    wait = "0" if number is None else "60"
    begun = subprocess.Popen(
        [sys.executable, "-c", HOLDS, wait], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert begun.stdout is not None
    assert begun.stderr is not None
    assert begun.stdout.readline() == b"7\n"
    session = Path(begun.stdout.readline().decode().strip())
    folder = session.parent
    if number is not None:
        children = family(psutil.Process(begun.pid))
        assert len(children) > 4
        begun.send_signal(number)
    begun.wait(30)
    assert begun.stderr.read() == b""  # no stack of Ray's library either
    begun.stdout.close()
    begun.stderr.close()
    until = time.monotonic() + 30
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not folder.exists()
    if number is not None:
        _, alive = psutil.wait_procs(children, 10)
        assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_connection_is_shared_and_the_environment_is_given_back() -> None:
    before = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with connected(RaySettings(cpus=1, object_store_mb=80)) as outer:
        import ray

        assert (outer.cpus, outer.nodes) == (1, 1)
        with connected(RaySettings(address="127.0.0.1:1")) as inner:
            assert inner == outer
        assert ray.is_initialized()
        threads = ray.remote(lambda: os.environ["OMP_NUM_THREADS"]).remote()
        assert ray.get(threads) == "1"
        with pytest.raises(ClusterError, match="a trial needs 2 cores, and the largest node"):
            places(outer, 2, 0, "a trial")
        with pytest.raises(ClusterError, match=r"a trial needs 0\.5 of a GPU"):
            places(outer, 1, 0.5, "a trial")
        assert [places(outer, cpus, 0, "a trial") for cpus in (1, 0.5, 0.3)] == [1, 2, 3]
    assert not ray.is_initialized()
    assert (dict(os.environ), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.slow
def test_stdout_is_not_rays_when_a_worker_dies() -> None:
    ended = subprocess.run([sys.executable, "-c", DYING], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "ended\n"), ended.stderr


def test_an_address_that_does_not_answer_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match=f"nothing answers at `.*` {address}"):
        connected(RaySettings(address=address)).__enter__()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.0.0.1", "must be host:port"),
        ("10.0.0.1:port", "must be host:port"),
        (":6379", "must be host:port"),
        ("ray://10.0.0.1:10001", "Ray Client's"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        connected(RaySettings(address=address)).__enter__()
