"""What a replica tells of itself, and what that says of all together."""

from dataclasses import dataclass, fields

import numpy as np

from promopilot.predictors.dataset import Floats
from promopilot.predictors.hosting import Measures
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread


@dataclass(frozen=True)
class Description:
    """What a host is asked once."""

    settings: PredictorSettings
    spreads: tuple[StageSpread, ...]
    opener: str  # whose closing ends it


@dataclass(frozen=True)
class Health:
    """How a replica is."""

    process: int  # its id on its node
    uptime_seconds: float
    under_way: int  # requests that have come and are not answered
    busy_seconds: float  # that the batch being encoded takes already
    is_finite: bool | None  # what a small prediction gives; None: the encoder is busy

    def is_well(self, batch_seconds: float) -> bool:
        """Whether it works, given how long a batch may take."""
        return self.is_finite is not False and self.busy_seconds < batch_seconds


@dataclass(frozen=True)
class ReplicaMeasures:
    """What a replica has done since its process began."""

    done: Measures
    under_way: int  # requests that have come and are not answered
    most_under_way: int
    seconds: Floats  # [K] that the last requests took in the replica, in no order


@dataclass(frozen=True)
class SharedMeasures(Measures):
    """What all replicas have done; a replica that crashed forgets what it did before."""

    replicas: int = 0  # that answer
    restarts: int = 0
    queue: int = 0  # requests that have come and are not answered
    largest_queue: int = 0  # of one replica
    # Milliseconds from a request's arrival to its answer, of the last requests; NaN: none yet.
    p50_ms: float = float("nan")
    p95_ms: float = float("nan")
    p99_ms: float = float("nan")


def together(told: list[ReplicaMeasures], restarts: int) -> SharedMeasures:
    """Adds up what replicas have done."""
    sums = {
        field.name: sum(getattr(one.done, field.name) for one in told) for field in fields(Measures)
    }
    sums["largest_batch"] = max((one.done.largest_batch for one in told), default=0)
    seconds = np.concatenate([one.seconds for one in told]) if told else np.zeros(0)
    quantiles = np.quantile(seconds, (0.5, 0.95, 0.99)) if len(seconds) else np.full(3, np.nan)
    p50, p95, p99 = (1000.0 * float(value) for value in quantiles)
    return SharedMeasures(
        **sums,
        replicas=len(told),
        restarts=restarts,
        queue=sum(one.under_way for one in told),
        largest_queue=max((one.most_under_way for one in told), default=0),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )
