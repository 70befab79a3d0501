"""What can be set about a shared host. Importing this module imports neither torch nor Ray."""

from pydantic import BaseModel, ConfigDict, Field, field_validator


class HostSettings(BaseModel):
    """One predictor for all processes of a run; how often, where, and how long it may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # --- Where it runs
    replicas: int = Field(default=1, ge=1, le=1000)  # each with the whole model
    cpus: float = Field(default=1.0, ge=0)  # cores reserved for each
    gpus: float = Field(default=0.0, ge=0)  # GPUs reserved for each; .25: four share one
    # Torch threads of each. null: as many as cores are reserved. Beside other busy processes more
    # threads than free cores are slower than one.
    threads: int | None = Field(default=None, ge=1)

    # --- What is answered together
    # Requests that a replica works on at once, and so the most that share a batch.
    concurrency: int = Field(default=32, ge=1, le=1000)
    window_ms: float = Field(default=2.0, ge=0)  # that the first of several waits for the others
    # A request with more distinct promotions, or rows, is sent in parts of so many.
    texts_at_once: int = Field(default=256, ge=1)
    rows_at_once: int = Field(default=65_536, ge=1)

    # --- When it fails
    start_seconds: float = Field(default=120.0, gt=0)  # to load the model, also after a crash
    timeout_seconds: float = Field(default=300.0, gt=0)  # that a part of a request may take
    # That a replica may take to tell how it is; else it is restarted.
    health_seconds: float = Field(default=20.0, gt=0)
    health_every_seconds: float = Field(default=30.0, gt=0)  # at which a replica probes its model
    restarts: int = Field(default=5, ge=0)  # of each replica

    @field_validator("gpus")
    @classmethod
    def _is_divisible(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("must be a fraction of one GPU, or a whole number of them")
        return value

    @property
    def torch_threads(self) -> int:
        """Threads of a replica's torch."""
        return self.threads or max(1, int(self.cpus))
