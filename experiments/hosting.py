"""From the config to whom one asks for rates: a predictor in this process, or a host on Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from promopilot.experiments.cluster.connection import Cluster, connected, places
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ClusterError

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost
    from promopilot.predictors.ray_host.client import RayHost


@contextmanager
def predictor_host(model: Path, config: RunConfig) -> Iterator[PredictorHost]:
    """Hosts a predictor where the config says, until the block ends.

    Args:
        model: the folder that `predictor fit` wrote.
        config: `ray.hosted` decides.

    Raises:
        ArtifactError: A file of the model is missing, altered or unreadable.
        ClusterError, HostError: It cannot be hosted on Ray.
    """
    if config.ray.hosted:
        with open_shared_host(model, config.ray, config.predictor.device) as shared:
            yield shared
        return
    from promopilot.predictors import open_host

    host = open_host(model, config.predictor.device)
    try:
        yield host
    finally:
        host.close()


@contextmanager
def open_shared_host(
    model: Path, ray_settings: RaySettings, device: str = "auto"
) -> Iterator[RayHost]:
    """Connects to Ray, unless this process is connected already, and hosts a predictor there.

    The host may be given to Ray's tasks and actors as an argument; it ends here.

    Args:
        model: the folder that `predictor fit` wrote.
        ray_settings: where Ray is, and `host`, how the predictor is hosted.
        device: where the network runs; auto: on a GPU where `host.gpus` reserves one.

    Raises:
        ArtifactError: A file of the model is missing, altered or unreadable.
        ClusterError: There is no cluster, or a replica could never start on it.
        HostError: The replicas do not start in time.
    """
    with connected(ray_settings) as cluster:
        from promopilot.predictors import open_ray_host

        _require_room(cluster, ray_settings)
        host = open_ray_host(model, device, ray_settings.host)
        try:
            yield host
        finally:
            host.close()


def _require_room(cluster: Cluster, settings: RaySettings) -> None:
    host = settings.host
    places(cluster, host.cpus, host.gpus, "a replica of the shared predictor host (ray.host.cpus)")
    cpus, gpus = host.replicas * host.cpus, host.replicas * host.gpus
    if cpus > cluster.cpus or gpus > cluster.gpus:
        raise ClusterError(
            f"the shared predictor host asks for {cpus:g} cores and {gpus:g} GPUs "
            f"({host.replicas} replicas), and the cluster has {cluster.cpus} and {cluster.gpus}: "
            "lower ray.host.replicas, .cpus or .gpus"
        )
