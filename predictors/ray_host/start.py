"""Opens a shared host: the first to ask for it starts its replicas, the others find them."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayTaskError

from promopilot.predictors.errors import HostError
from promopilot.predictors.ray_host.client import RayHost
from promopilot.predictors.ray_host.files import Model, contents, read_record_of
from promopilot.predictors.ray_host.replica import WATCH, Replica
from promopilot.predictors.ray_host.settings import HostSettings
from promopilot.predictors.ray_host.told import Description

_WATCHERS = 4  # threads of a replica that answer how it is
# glibc gives a batch's memory back to the system after each, and getting it again was 6 % of
# encoding. A replica keeps up to 64 MiB; 32 MiB is the most that every glibc takes for the other.
_MEMORY_IS_KEPT = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}


def open_ray_host(
    folder: Path,
    device: str = "auto",
    hosting: HostSettings | None = None,
    namespace: str | None = None,
) -> RayHost:
    """Hosts the predictor in `folder` on the Ray that this process is connected to.

    The replicas have names made of the model's digest, so that processes that open the same model
    share them. They end when the process that opened them first closes the host, or ends.

    Args:
        folder: that `fit` wrote. Nodes that do not see it are sent its files.
        device: where the network runs; auto: on a GPU where one, or a share, is reserved.
        hosting: replicas and limits; those of whoever opens first count.
        namespace: Ray's, of the names; None: of the job, so that other runs have their own.

    Raises:
        ArtifactError: a file is missing, altered or unreadable, or there is no such device.
        HostError: the cluster has no room for the replicas, or they do not start in time.
    """
    hosting = hosting or HostSettings()
    record = read_record_of(folder)
    where = _device(device, hosting)
    digest = hashlib.sha256(record + where.encode()).hexdigest()[:12]
    opener = secrets.token_hex(8)
    options = [actor_options(hosting, f"{digest}-{n}", namespace) for n in range(hosting.replicas)]
    is_there = _is_there(options[-1])
    nodes = [node for node in ray.nodes() if node["Alive"]]
    files = ray.put(contents(folder)) if len(nodes) > 1 and not is_there else None
    model = Model(str(folder.resolve()), record, files)

    def start() -> list[Any]:
        remote: Any = ray.remote
        kind = remote(concurrency_groups={WATCH: _WATCHERS})(Replica)
        return [kind.options(**one).remote(model, where, hosting, opener) for one in options]

    actors = start()
    try:
        told = _described(actors, hosting, is_there)
    except ActorDiedError:  # an earlier host of that name is gone, but its name is not yet
        _end(actors)
        actors = start()
        try:
            told = _described(actors, hosting, False)
        except ActorDiedError as error:
            _end(actors)
            raise HostError(
                "the replicas of the shared predictor host end while they start, for which too "
                f"little memory is the usual reason: {str(error).splitlines()[0]}"
            ) from error
    return RayHost(actors, told, hosting, is_opener=told.opener == opener, files=files)


def actor_options(hosting: HostSettings, name: str, namespace: str | None) -> dict[str, Any]:
    """Returns what Ray is told of a replica."""
    return {
        "name": f"promopilot-predictor-{name}",
        "namespace": namespace,
        "get_if_exists": True,
        "num_cpus": hosting.cpus,
        "num_gpus": hosting.gpus,
        "max_concurrency": hosting.concurrency,
        "max_restarts": hosting.restarts,
        "max_task_retries": 0,  # the client asks again, perhaps another replica
        "scheduling_strategy": "SPREAD",
        "runtime_env": {"env_vars": _MEMORY_IS_KEPT},
    }


def _device(device: str, hosting: HostSettings) -> str:
    if device == "cuda" and not hosting.gpus:
        raise HostError(
            "the shared predictor host is to run on cuda, but reserves no GPU: set ray.host.gpus, "
            "for example to 0.25, or predictor.device to cpu"
        )
    return "cpu" if device == "auto" and not hosting.gpus else device


def _is_there(options: dict[str, Any]) -> bool:
    try:
        ray.get_actor(options["name"], namespace=options["namespace"])
    except ValueError:
        return False
    return True


def _described(actors: list[Any], hosting: HostSettings, are_others: bool) -> Description:
    """Waits until all replicas have loaded the model, and returns what the first tells.

    Replicas that do not start are ended, unless they are others'.
    """
    asked = [actor.describe.remote() for actor in actors]
    try:
        told: list[Description] = ray.get(asked, timeout=hosting.start_seconds)
    except RayTaskError as error:
        _end(actors)
        raise error.cause from None
    except (GetTimeoutError, ActorUnavailableError) as error:
        if not are_others:
            _end(actors)
        free = ray.available_resources()
        raise HostError(
            f"{hosting.replicas} replicas of the shared predictor host, each with {hosting.cpus:g} "
            f"cores and {hosting.gpus:g} GPUs, did not start within {hosting.start_seconds:g} s "
            f"({free.get('CPU', 0.0):g} cores and {free.get('GPU', 0.0):g} GPUs are free): lower "
            "ray.host.replicas, .cpus or .gpus, or raise ray.host.start_seconds"
        ) from error
    return told[0]


def _end(actors: list[Any]) -> None:
    for actor in actors:
        ray.kill(actor)
