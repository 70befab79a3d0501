"""Opens a shared host: the first to ask for it starts its replicas, the others find them."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    RayError,
    RayTaskError,
)

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
    are_several = sum(node["Alive"] for node in ray.nodes()) > 1
    remote: Any = ray.remote
    kind = remote(concurrency_groups={WATCH: _WATCHERS})(Replica)

    def start(is_last: bool) -> tuple[list[Any], list[Description], Any]:
        are_new = [not _is_there(one) for one in options]
        files = ray.put(contents(folder)) if are_several and (any(are_new) or is_last) else None
        model = Model(str(folder.resolve()), record, files)
        actors = [kind.options(**one).remote(model, where, hosting, opener) for one in options]
        new = [actor for actor, is_new in zip(actors, are_new, strict=True) if is_new]
        return actors, _described(actors, new, hosting), files

    try:
        actors, told, files = start(is_last=False)
    except ActorDiedError:  # an earlier host of that name is gone, but its name is not yet
        try:
            actors, told, files = start(is_last=True)
        except ActorDiedError as error:
            raise HostError(
                "the replicas of the shared predictor host end while they start, for which too "
                f"little memory is the usual reason: {str(error).splitlines()[0]}"
            ) from error
    own = [actor for actor, one in zip(actors, told, strict=True) if one.opener == opener]
    return RayHost(actors, told[0], hosting, own, files)


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


def _described(actors: list[Any], new: list[Any], hosting: HostSettings) -> list[Description]:
    """Waits until all replicas have loaded the model, and returns what each tells.

    Where one does not, those that are new are ended; the rest may be others'.
    """
    asked = [actor.describe.remote() for actor in actors]
    try:
        told: list[Description] = ray.get(asked, timeout=hosting.start_seconds)
    except ActorDiedError:
        _end([*new, *(actor for actor, one in zip(actors, asked, strict=True) if _has_died(one))])
        raise
    except RayTaskError as error:
        _end(new)
        raise error.cause from None
    except (GetTimeoutError, ActorUnavailableError) as error:
        _end(new)
        free = ray.available_resources()
        raise HostError(
            f"{hosting.replicas} replicas of the shared predictor host, each with {hosting.cpus:g} "
            f"cores and {hosting.gpus:g} GPUs, did not start within {hosting.start_seconds:g} s "
            f"({free.get('CPU', 0.0):g} cores and {free.get('GPU', 0.0):g} GPUs are free): lower "
            "ray.host.replicas, .cpus or .gpus, or raise ray.host.start_seconds"
        ) from error
    return told


def _has_died(answer: Any) -> bool:
    try:
        ray.get(answer, timeout=0)
    except ActorDiedError:
        return True
    except RayError:
        return False
    return False


def _end(actors: list[Any]) -> None:
    for actor in actors:
        ray.kill(actor)
