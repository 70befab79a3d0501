"""Where work that is spread over processes and machines runs."""

from pydantic import BaseModel, ConfigDict, Field

from promopilot.predictors.ray_host.settings import HostSettings


class RaySettings(BaseModel):
    """Ray, the engine of what one process cannot do; nothing else in a config names a cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # host:port of a running cluster that this machine is a node of, or `auto` for the one it is a
    # node of; null: a Ray of one's own on this machine, which is gone when the command ends.
    address: str | None = None
    cpus: int | None = Field(default=None, ge=1)  # of one's own Ray; null: the cores there are
    gpus: int | None = Field(default=None, ge=0)  # of one's own Ray; null: those there are
    # Shared memory of one's own Ray, in MB: what is under way between processes.
    object_store_mb: int = Field(default=512, ge=80, le=1_000_000)
    # Seconds that a cluster, or a new process on it, may take to answer.
    patience_seconds: float = Field(default=60.0, gt=0)
    # Processes that flights of `simulate` and of training are spread over; 0: none, all is done in
    # one process. What comes of it is the same.
    workers: int = Field(default=0, ge=0, le=10_000)
    # Whether who needs rates (run, train, tune, plan --start) asks a predictor that Ray hosts, on
    # the GPU of a cluster for example, instead of one in its own process; `host` says how.
    hosted: bool = False
    host: HostSettings = HostSettings()
