"""What a host on Ray does when a replica is killed, hangs, is gone, or has another model."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from ray.exceptions import ActorUnavailableError

from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.predictors import HostSettings, Rows, open_ray_host
from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.errors import ArtifactError, HostError
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.ray_host import replica, start
from promopilot.predictors.ray_host.client import RayHost
from promopilot.predictors.ray_host.told import Health

pytestmark = pytest.mark.slow  # each starts the model anew, some twice

Hosting = Callable[..., RayHost]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with connected(RaySettings(cpus=2, object_store_mb=80)):
        yield


@pytest.fixture(scope="module")
def folder(
    predictor: Predictor, base_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("hosted") / "model"
    save_predictor(predictor, base_model, folder)
    return folder


@pytest.fixture
def hosting(cluster: None, folder: Path, request: pytest.FixtureRequest) -> Iterator[Hosting]:
    """Opens hosts that nothing else shares."""
    opened = []

    def open_one(folder: Path = folder, **settings: float) -> RayHost:
        host = open_ray_host(
            folder,
            "cpu",
            HostSettings.model_validate({"cpus": 0} | settings),
            f"{request.node.name}-{len(opened)}",
        )
        opened.append(host)
        return host

    yield open_one
    for host in opened:
        host.close()


class Asking(threading.Thread):
    """A request under way."""

    def __init__(self, host: RayHost, rows: Rows) -> None:
        super().__init__()
        self.got: Prediction | BaseException | None = None
        self._ask = lambda: host.predict(rows)
        self.start()

    def run(self) -> None:
        try:
            self.got = self._ask()
        except BaseException as error:
            self.got = error

    def answer(self) -> Prediction:
        self.join(120)
        assert isinstance(self.got, Prediction), self.got
        return self.got


def health_of(host: RayHost) -> Health:
    """Of the only replica, as soon as it tells."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = host.health()
        if told:
            return told[0]
        time.sleep(0.1)
    raise AssertionError("no replica came back")


def wait_until_asked(host: RayHost) -> None:
    until = time.monotonic() + 60
    while not any(one.under_way for one in host.health()):
        assert time.monotonic() < until
        time.sleep(0.02)


def same(one: Prediction, other: Prediction) -> bool:
    return bool(np.abs(one.last - other.last).max() <= 1e-6)


def test_a_request_outlives_its_replica(
    hosting: Hosting, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    host = hosting(window_ms=2000)
    killed = health_of(host).process
    asking = Asking(host, parts[2])
    wait_until_asked(host)
    os.kill(killed, signal.SIGKILL)
    assert same(asking.answer(), predictor.predict(parts[2]))
    assert health_of(host).process != killed
    assert host.measures().restarts == 1


def test_another_replica_answers_meanwhile(
    hosting: Hosting, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    host = hosting(replicas=2)
    first, second = (one.process for one in host.health())
    os.kill(first, signal.SIGKILL)
    for _ in range(4):
        assert same(host.predict(parts[2]), predictor.predict(parts[2]))
    assert second in {one.process for one in host.health()}


def test_a_replica_that_hangs_is_restarted(
    hosting: Hosting, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    host = hosting(timeout_seconds=1, health_seconds=1)
    hung = health_of(host).process
    os.kill(hung, signal.SIGSTOP)
    try:
        assert same(host.predict(parts[2]), predictor.predict(parts[2]))
        assert health_of(host).process != hung
        assert host.measures().restarts == 1
    finally:
        if psutil.pid_exists(hung):
            os.kill(hung, signal.SIGKILL)


def test_a_request_that_takes_too_long_is_given_up(
    hosting: Hosting, parts: tuple[Rows, ...]
) -> None:
    host = hosting(window_ms=3000, timeout_seconds=0.5)
    with pytest.raises(HostError, match=r"did not answer within 0.5 s: raise ray.host.timeout_s"):
        host.predict(parts[2])
    assert host.measures().restarts == 0  # it was at work


def test_without_replicas_a_request_is_refused_and_a_host_can_be_opened_again(
    cluster: None, folder: Path, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    host = open_ray_host(folder, "cpu", HostSettings(cpus=0, restarts=0), "gone")
    os.kill(health_of(host).process, signal.SIGKILL)
    with pytest.raises(HostError, match=r"all replicas .* are gone: .* ray.host.restarts"):
        host.predict(parts[2])
    assert host.health() == []
    assert host.measures().replicas == 0
    again = open_ray_host(folder, "cpu", HostSettings(cpus=0), "gone")
    assert same(again.predict(parts[2]), predictor.predict(parts[2]))
    again.close()
    host.close()


def test_closing_answers_what_is_under_way(
    hosting: Hosting, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    host = hosting(window_ms=1000)
    process = health_of(host).process
    asking = Asking(host, parts[2])
    wait_until_asked(host)
    host.close()
    assert same(asking.answer(), predictor.predict(parts[2]))
    _, left = (
        psutil.wait_procs([psutil.Process(process)], 20) if psutil.pid_exists(process) else ((), [])
    )
    assert left == []


def test_what_keeps_a_replica_from_loading_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*given: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(replica, "_local_host", no_room)
    model = replica.Model(str(folder), b"", None)
    refusing = replica.Replica(model, "cpu", HostSettings(), "somebody")
    with pytest.raises(HostError, match=r"cannot load .*: RuntimeError: CUDA out of memory"):
        refusing.describe()


def test_an_altered_model_is_refused_in_its_words(
    hosting: Hosting, folder: Path, tmp_path: Path
) -> None:
    altered = tmp_path / "model"
    shutil.copytree(folder, altered)
    with (altered / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ArtifactError, match=r"model\.safetensors has sha256"):
        hosting(altered)


def test_another_model_in_the_folder_is_not_taken_after_a_crash(
    hosting: Hosting, folder: Path, tmp_path: Path, parts: tuple[Rows, ...]
) -> None:
    moved = tmp_path / "model"
    shutil.copytree(folder, moved)
    host = hosting(moved)
    (moved / "predictor.json").write_text("{}")
    os.kill(health_of(host).process, signal.SIGKILL)
    with pytest.raises(ArtifactError, match="is another model than the shared host was opened"):
        host.predict(parts[2])


def fail_the_first_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a name still be that of a replica which is gone."""
    monkeypatch.setattr(start, "_is_there", lambda options: True)
    described = start._described

    def gone(actors: list[Any], *others: object) -> None:
        monkeypatch.setattr(start, "_described", described)
        described(actors, *others)  # it is made before it is ended
        for actor in actors:
            start.ray.kill(actor)
        while True:  # until it is gone, which is what `open_ray_host` hears
            with suppress(ActorUnavailableError):
                start.ray.get(actors[0].describe.remote(), timeout=60)

    monkeypatch.setattr(start, "_described", gone)


@pytest.mark.parametrize("is_second_start", [False, True])
def test_a_node_without_the_folder_is_sent_the_files(
    hosting: Hosting,
    folder: Path,
    tmp_path: Path,
    predictor: Predictor,
    parts: tuple[Rows, ...],
    monkeypatch: pytest.MonkeyPatch,
    is_second_start: bool,
) -> None:
    # As on a cluster of two nodes; the replica that starts anew is on one that lacks the folder.
    monkeypatch.setattr(start.ray, "nodes", lambda: [{"Alive": True}] * 2)
    if is_second_start:
        fail_the_first_start(monkeypatch)
    moved = tmp_path / "model"
    shutil.copytree(folder, moved)
    host = hosting(moved)
    shutil.rmtree(moved)
    os.kill(health_of(host).process, signal.SIGKILL)
    assert same(host.predict(parts[2]), predictor.predict(parts[2]))


def test_a_start_that_fails_ends_no_replica_of_others(
    cluster: None, folder: Path, parts: tuple[Rows, ...]
) -> None:
    first = open_ray_host(folder, "cpu", HostSettings(cpus=0), "beside")
    before = health_of(first).process
    try:
        more = HostSettings(cpus=1000, replicas=2, start_seconds=3)
        with pytest.raises(HostError, match="did not start within 3 s"):
            open_ray_host(folder, "cpu", more, "beside")
        first.predict(parts[2])
        assert health_of(first).process == before
    finally:
        first.close()


def test_a_model_that_gives_no_numbers_is_refused(
    hosting: Hosting, predictor: Predictor, base_model: Path, tmp_path: Path
) -> None:
    import copy
    from dataclasses import replace

    import torch

    funnel = copy.deepcopy(predictor.funnel)
    with torch.no_grad():
        for parameter in funnel.parameters():
            parameter.fill_(float("nan"))
    save_predictor(replace(predictor, funnel=funnel), base_model, tmp_path / "model")
    with pytest.raises(ArtifactError, match="gives rates that are no numbers"):
        hosting(tmp_path / "model")


LEAVES = """
import sys
from pathlib import Path
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.predictors import HostSettings, open_ray_host
with connected(RaySettings(cpus=1, object_store_mb=80)):
    host = open_ray_host(Path(sys.argv[1]), "cpu", HostSettings(cpus=0))
    print(host.health()[0].process)
host.close()
"""


def test_nothing_is_left_when_the_connection_ends(folder: Path) -> None:
    command = [sys.executable, "-c", LEAVES, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(ended.stdout))
