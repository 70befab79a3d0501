"""The examples of clusters in docs/cluster: the scripts run, the rest is read."""

import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from promopilot.experiments.cluster import guardian
from promopilot.experiments.config import make_config
from tests.waiting import until

ROOT = Path(__file__).parent.parent
CLUSTER = ROOT / "docs" / "cluster"
SMALL = ("--num-cpus", "1", "--object-store-memory", str(100 * 2**20))
# In a process of its own, as Ray reads the token once a process: what a user's config would do.
ASKS = """
import sys
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.nodes import on_each_node
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError

def where():
    import os
    import ray
    return ray.get_runtime_context().get_node_id(), os.environ["OMP_NUM_THREADS"]

try:
    with connected(RaySettings(address=sys.argv[1])) as cluster:
        import ray
        ran = [ray.get(answer) for _, answer in on_each_node(where)]
        print(cluster.nodes, cluster.cpus, len({node for node, _ in ran}), {n for _, n in ran})
except ClusterError as error:
    print("refused:", error)
"""


def made_token(folder: Path, name: str = "token") -> Path:
    token = folder / name
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="utf-8")
    return token


def environment(folder: Path, token: Path, **more: str) -> dict[str, str]:
    """Of the scripts: the environment that the tests run in, and a folder of their own."""
    ours = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_TMPDIR": str(folder),
    }
    return os.environ | ours | more


@dataclass(frozen=True)
class Started:
    """A head and a worker, as the scripts start them."""

    address: str
    folder: Path
    token: Path
    scripts: list[subprocess.Popen[bytes]]

    def ask(self, address: str, token: Path, **more: str) -> str:
        """What a program says that has this token."""
        ours = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
        asked = environment(self.folder, token, **ours, **more)
        command = [sys.executable, "-c", ASKS, address]
        ended = subprocess.run(command, env=asked, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir="/tmp"))
    token = made_token(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scripts = []

    def start(*command: str) -> None:
        with (folder / f"{len(scripts)}.log").open("wb") as log:
            ours = environment(folder, token, PORT=str(port))
            whole = ["sh", *command, *SMALL]
            scripts.append(
                subprocess.Popen(
                    whole,
                    env=ours,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=CLUSTER,
                    start_new_session=True,  # as in a terminal of its own
                )
            )

    try:
        start("head.sh")
        until(lambda: answers(port))
        start("worker.sh", f"127.0.0.1:{port}")
        yield Started(f"127.0.0.1:{port}", folder, token, scripts)
    finally:
        for script in scripts:
            script.kill()
            script.wait(10)
        guardian.end(folder, os.getpid())


@pytest.mark.slow
def test_the_scripts_start_a_cluster_that_only_the_token_opens(started: Started) -> None:
    until(lambda: started.ask(started.address, started.token) == "2 2 2 {'1'}", 120)
    found = started.ask("auto", started.token, RAY_ADDRESS=started.address)  # as KubeRay sets it
    assert found == "2 2 2 {'1'}"
    wrong = made_token(started.folder, "another")
    told = started.ask(started.address, wrong)
    assert told.startswith(f"refused: no connection to a Ray cluster at {started.address}")
    assert "RAY_AUTH_TOKEN_PATH to the file with it" in told


@pytest.mark.slow
def test_ending_a_script_ends_its_node_and_no_other(started: Started) -> None:
    head, worker = started.scripts
    ways: list[tuple[subprocess.Popen[bytes], Callable[[int, int], None], signal.Signals]] = [
        (worker, os.kill, signal.SIGTERM),
        (head, os.killpg, signal.SIGINT),  # Ctrl-C reaches all that the terminal has started
    ]
    for script, send, number in ways:
        assert head.poll() is None
        below = psutil.Process(script.pid).children(recursive=True)
        assert len(below) >= 2  # Ray's, of this node
        send(script.pid, number)
        script.wait(90)
        _, left = psutil.wait_procs(below, 10)
        assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    ("script", "mode", "given", "message"),
    [
        ("head.sh", 0o644, (), "others may read"),
        ("worker.sh", 0o644, ("10.0.0.1:6379",), "others may read"),
        ("worker.sh", None, ("10.0.0.1:6379",), "no token in"),
        ("worker.sh", 0o600, (), "name the first machine"),
    ],
)
def test_a_script_refuses_what_it_is_not_given(
    tmp_path: Path, script: str, mode: int | None, given: tuple[str, ...], message: str
) -> None:
    token = tmp_path / "token"
    if mode is not None:
        made_token(tmp_path).chmod(mode)
    ended = subprocess.run(
        ["sh", CLUSTER / script, *given],
        env=environment(tmp_path, token),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_the_first_machine_makes_a_token_for_its_user_alone(tmp_path: Path) -> None:
    token, ray = tmp_path / "token", tmp_path / "bin" / "ray"
    ray.parent.mkdir()
    ray.write_text('#!/bin/sh\necho "$RAY_AUTH_MODE ${RAY_AUTH_TOKEN-unset} $*"\n')
    ray.chmod(0o755)
    given = environment(tmp_path, token, PATH=f"{ray.parent}:/usr/bin:/bin", RAY_AUTH_TOKEN="other")
    told = [
        subprocess.run(
            ["sh", CLUSTER / script, *arguments, "--num-cpus", "2"],
            env=given,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for script, arguments in (("head.sh", ()), ("worker.sh", ("10.0.0.1:6379",)))
    ]
    assert re.fullmatch("[0-9a-f]{64}", token.read_text())
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert told[0][0].startswith(f"made {token}")
    assert told[0][1] == (
        "token unset start --head --port=6379 --include-dashboard=false --block --num-cpus 2"
    )
    assert told[1] == ["token unset start --address=10.0.0.1:6379 --block --num-cpus 2"]


def kuberay() -> dict[str, Any]:
    parts = yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text(encoding="utf-8"))
    return {part["kind"]: part for part in parts}


def pods() -> list[dict[str, Any]]:
    """Of the head and of the workers."""
    spec = kuberay()["RayCluster"]["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


# The fields that KubeRay 1.7.0 knows and kuberay.yaml may use.
FIELDS = {
    "RayCluster": {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"},
    "RayJob": {"clusterSelector", "entrypoint"},
    "head": {"rayStartParams", "template"},
    "workers": {
        *("groupName", "replicas", "minReplicas", "maxReplicas"),
        *("rayStartParams", "template"),
    },
}


def test_kuberay_names_what_there_is() -> None:
    parts = kuberay()
    assert list(parts) == ["PersistentVolumeClaim", "RayCluster", "RayJob"]
    assert {parts[kind]["apiVersion"] for kind in ("RayCluster", "RayJob")} == {"ray.io/v1"}
    cluster, job = parts["RayCluster"], parts["RayJob"]
    [workers] = cluster["spec"]["workerGroupSpecs"]
    given = {
        "RayCluster": cluster["spec"],
        "RayJob": job["spec"],
        "head": cluster["spec"]["headGroupSpec"],
        "workers": workers,
    }
    assert {name: set(spec) - FIELDS[name] for name, spec in given.items()} == {
        name: set() for name in FIELDS
    }
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    for group in (cluster["spec"]["headGroupSpec"], workers):  # Ray's parameters are texts
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_all_pods_have_the_same_software_and_the_same_folder() -> None:
    claim = kuberay()["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    shared = []
    for pod in pods():
        [container], [volume] = pod["containers"], pod["volumes"]
        [mount] = container["volumeMounts"]
        assert mount["name"] == volume["name"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        shared.append((container["image"], container["env"], mount["mountPath"]))
    assert shared[0] == shared[1]
    command = kuberay()["RayJob"]["spec"]["entrypoint"].split()
    assert command[:3] == ["promopilot", "tune", f"{shared[0][2]}/tune.yaml"]
    assert command[command.index("--out") + 1].startswith(shared[0][2])
    [change] = [command[at + 1] for at, word in enumerate(command) if word == "--set"]
    assert make_config({}, [change]).ray.address == "auto"


def test_versions_are_those_that_are_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = re.search(r"^ray==(\S+)$", pins, re.MULTILINE)
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    file = (CLUSTER / "Dockerfile").read_text(encoding="utf-8")
    assert kuberay()["RayCluster"]["spec"]["rayVersion"] == found[1]
    assert f"FROM rayproject/ray:{found[1]}-py311-cpu" in file
    for pod in pods():
        tag = pod["containers"][0]["image"]
        assert tag.endswith(f":{project['project']['version']}")
        assert f"-t {tag} ." in file


@pytest.mark.slow
def test_the_image_has_all_that_an_installation_needs(tmp_path: Path) -> None:
    """What is copied into it is copied here, and a wheel is made of it without an index."""
    file = (CLUSTER / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY \S+ (.*) \S+$", file, re.MULTILINE)
    source = tmp_path / "source"
    source.mkdir()
    for name in (name for line in copied for name in line.split()):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
        else:
            shutil.copy(ROOT / name, source / name)
    make = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*make, "--no-index", "-w", tmp_path, source], check=True, timeout=300)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]
    assert {f"{name.replace('.', '/')}/py.typed" for name in packages} <= inside
    assert {"promopilot/experiments/report/zh.json", "promopilot/configs/demo.yaml"} <= inside
