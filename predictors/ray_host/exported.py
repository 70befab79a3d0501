"""Figures that Ray's own metrics show beside the cluster's, where somebody collects them."""

from ray.util.metrics import Counter, Gauge, Histogram

_BOUNDS_MS = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0]


class Exported:
    """A replica's requests, queue and latency."""

    def __init__(self) -> None:
        name = "promopilot_predictor"
        self._requests = Counter(f"{name}_requests", "Requests that were answered")
        self._queue = Gauge(f"{name}_queue", "Requests that have come and are not answered")
        self._latency = Histogram(
            f"{name}_latency_ms", "Milliseconds from arrival to answer", boundaries=_BOUNDS_MS
        )

    def answered(self, seconds: float, queue: int) -> None:
        """Counts a request."""
        self._requests.inc()
        self._queue.set(queue)
        self._latency.observe(max(1000.0 * seconds, 1e-9))
