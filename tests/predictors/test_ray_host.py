"""A predictor on Ray answers as one in this process, to everybody who asks."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.predictors import HostSettings, Rows, line_item_rows, open_ray_host
from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.errors import ArtifactError, HostError
from promopilot.predictors.host import LocalHost
from promopilot.predictors.hosting import PredictorHost
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.ray_host.client import RayHost

SAME = 1e-6  # absolute, of rates in fp32


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with connected(RaySettings(cpus=2, gpus=1, object_store_mb=80)):
        yield


@pytest.fixture(scope="module")
def folder(
    predictor: Predictor, base_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("hosted") / "model"
    save_predictor(predictor, base_model, folder)
    return folder


@pytest.fixture(scope="module")
def host(cluster: None, folder: Path) -> Iterator[RayHost]:
    hosting = HostSettings(cpus=0, gpus=0.5, texts_at_once=7, rows_at_once=50)
    opened = open_ray_host(folder, "cpu", hosting, "shared")
    yield opened
    opened.close()


def rows_of(*texts: str) -> Rows:
    promotions = pd.DataFrame({"promotion_id": [f"p{i}" for i in range(len(texts))], "text": texts})
    items = pd.DataFrame({"promotion_id": promotions["promotion_id"], "weekday": 0})
    return line_item_rows(promotions, None, None, items)


def difference(one: Prediction, other: Prediction) -> float:
    assert [v is None for v in vars(one).values()] == [v is None for v in vars(other).values()]
    return max(
        float(np.abs(value - getattr(other, name)).max(initial=0.0))
        for name, value in vars(one).items()
        if value is not None
    )


def test_it_answers_as_a_host_in_this_process(
    host: RayHost, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    asked: PredictorHost = host
    local = LocalHost(predictor)
    for rows in (parts[2], parts[2].pick(np.arange(5)), parts[2].pick(np.zeros(0, dtype=int))):
        assert difference(asked.predict(rows), local.predict(rows)) <= SAME
    assert asked.spreads == local.spreads
    assert asked.settings == local.settings.model_copy(update={"base_model": None})
    texts = ["10% off tea", "скидка"]
    assert asked.readability(texts) == local.readability(texts)


def test_it_answers_threads_together(host: RayHost, predictor: Predictor) -> None:
    asked = [rows_of("beer", f"{n}% off milk") for n in range(100, 108)]
    got: dict[int, Prediction] = {}
    start = threading.Barrier(len(asked))

    def ask(place: int) -> None:
        start.wait(10)
        got[place] = host.predict(asked[place])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for place, rows in enumerate(asked):
        assert difference(got[place], predictor.predict(rows)) <= SAME


def test_requests_that_come_together_share_a_batch(cluster: None, folder: Path) -> None:
    settings = HostSettings(cpus=0, window_ms=1000.0)
    host = open_ray_host(folder, "cpu", settings, "together")
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(host.predict, [rows_of(f"{n}% off tea") for n in range(4)]))
        assert host.measures().largest_batch > 1
    finally:
        host.close()


def test_it_answers_processes_that_have_no_torch(
    host: RayHost, predictor: Predictor, parts: tuple[Rows, ...]
) -> None:
    import ray

    def ask(host: RayHost, rows: Rows) -> tuple[Prediction, list[str]]:
        import sys

        found = host.predict(rows)
        host.close()  # of its own way alone
        return found, sorted({"torch", "transformers"} & set(sys.modules))

    task: Any = ray.remote(num_cpus=0)(ask)
    asked = [parts[2].pick(np.arange(start, start + 40)) for start in (0, 100, 200)]
    for rows, (found, loaded) in zip(
        asked, ray.get([task.remote(host, rows) for rows in asked]), strict=True
    ):
        assert difference(found, predictor.predict(rows)) <= SAME
        assert loaded == []


def test_who_opens_it_again_finds_it(host: RayHost, folder: Path) -> None:
    import ray

    def process_of(folder: Path) -> int:
        from promopilot.predictors import open_ray_host

        found = open_ray_host(folder, "cpu", namespace="shared")
        process = found.health()[0].process
        found.close()
        return process

    task: Any = ray.remote(num_cpus=0)(process_of)
    before = host.health()[0].process
    assert ray.get([task.remote(folder) for _ in range(2)]) == [before, before]
    again = open_ray_host(folder, "cpu", namespace="shared")
    again.close()
    assert host.health()[0].process == before


@pytest.mark.slow
def test_closing_ends_the_replicas_that_one_started_and_no_others(
    cluster: None, folder: Path
) -> None:
    import ray

    hosting = HostSettings(cpus=0, replicas=2)
    first = open_ray_host(folder, "cpu", hosting, "in-turn")
    names = [
        one["name"]
        for one in ray.util.list_named_actors(all_namespaces=True)
        if one["namespace"] == "in-turn"
    ]
    ray.kill(ray.get_actor(min(names), namespace="in-turn"))
    second = open_ray_host(folder, "cpu", hosting, "in-turn")  # starts the one that is gone
    assert len(second.health()) == 2
    second.close()
    assert len(first.health()) == 1
    assert len(first.predict(rows_of("tea")).last) == 1
    first.close()
    with pytest.raises(ValueError, match="Failed to look up actor"):
        ray.get_actor(max(names), namespace="in-turn")


def test_it_tells_what_it_did_and_how_it_is(host: RayHost) -> None:
    before = host.measures()
    rows = rows_of("cheese", "30% off cheese", "cheese")
    host.predict(rows)
    host.predict(rows)
    after = host.measures()
    assert (after.replicas, after.restarts, after.queue) == (1, 0, 0)
    assert after.requests - before.requests == 2
    assert after.rows - before.rows == 6
    assert after.encoded - before.encoded == 2
    assert after.largest_queue >= 1
    assert 0 < after.p50_ms <= after.p95_ms <= after.p99_ms
    (health,) = host.health()
    assert health.is_finite
    assert health.is_well(1.0)
    assert not replace(health, is_finite=False).is_well(1.0)
    assert not replace(health, busy_seconds=2.0).is_well(1.0)
    assert health.uptime_seconds > 0
    assert health.under_way == 0


def test_a_mistake_reaches_who_made_it(host: RayHost) -> None:
    rows = rows_of("tea")
    broken = replace(rows, weekday=np.array([9]))
    with pytest.raises(IndexError):
        host.predict(broken)
    assert len(host.predict(rows).last) == 1


def test_a_closed_host_refuses(host: RayHost, folder: Path) -> None:
    again = open_ray_host(folder, "cpu", namespace="shared")
    again.close()
    again.close()
    with pytest.raises(RuntimeError, match="host is closed: open another with open_ray_host"):
        again.predict(rows_of("tea"))


def test_a_share_of_a_gpu_is_reserved(host: RayHost) -> None:
    import ray

    assert ray.cluster_resources()["GPU"] == 1
    assert ray.available_resources()["GPU"] == 0.5


def test_what_does_not_fit_is_said(cluster: None, folder: Path) -> None:
    hosting = HostSettings(replicas=3, cpus=1, start_seconds=0.2)
    with pytest.raises(HostError, match=r"3 replicas .* 1 cores .* lower ray.host.replicas"):
        open_ray_host(folder, "cpu", hosting, "too-many")
    with pytest.raises(HostError, match=r"reserves no GPU: set ray.host.gpus"):
        open_ray_host(folder, "cuda")


def test_a_folder_without_a_model_is_said(cluster: None, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"predictor\.json is missing"):
        open_ray_host(tmp_path)


def test_who_asks_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "import promopilot.predictors.ray_host.client, promopilot.predictors.ray_host.start\n"
        "print(sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
