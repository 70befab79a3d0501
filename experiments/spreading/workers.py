"""Workers: processes that flights are spread over, here or on a cluster."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from promopilot.agents.spread import Spread, here
from promopilot.experiments.cluster.connection import connected, places
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError
from promopilot.experiments.spreading.worker import work_on

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")
# How often a piece is begun anew whose process or machine was lost.
_RETRIES = 3


@contextmanager
def spread_over(settings: RaySettings) -> Iterator[Spread]:
    """Where flights are played: on as many workers as the settings say, or here where that is 0.

    Ray is started or connected to at the start, and left at the end.

    Raises:
        ClusterError: There is no cluster, or a worker finds no core on it.
    """
    if settings.workers == 0:
        yield here
        return
    if settings.address is None and settings.cpus is None:  # a Ray of one's own: of that size
        settings = settings.model_copy(update={"cpus": settings.workers})
    with connected(settings) as cluster:
        yield Workers(min(settings.workers, places(cluster, 1, 0, "a worker")))


class Workers:
    """Does pieces of work in other processes; see `promopilot.agents.spread.Spread`.

    The first pieces of a work are begun at once, the next whenever one is done. What was begun by a
    process that is lost is begun anew in another. An error of the work itself is raised here as it
    was there.

    Args:
        count: Most pieces of a work under way at a time.
    """

    def __init__(self, count: int) -> None:
        import ray

        self._count = count
        self._task = ray.remote(work_on).options(num_cpus=1, max_retries=_RETRIES)

    def __call__(
        self, work: Callable[[_Piece], _Result], pieces: Sequence[_Piece]
    ) -> Iterator[_Result]:
        """What `work` makes of each piece, in their order.

        Raises:
            ClusterError: A piece was lost with its process again and again.
        """
        import ray
        from ray import cloudpickle

        name, sent = uuid.uuid4().hex, ray.put(cloudpickle.dumps(work))
        waiting = deque(enumerate(pieces))
        begun: dict[Any, int] = {}  # the number of each piece under way

        def begin() -> None:
            number, piece = waiting.popleft()
            begun[self._task.remote(name, sent, piece)] = number

        for _ in range(min(self._count, len(waiting))):
            begin()
        results = self._results(begun, waiting, begin, len(pieces))
        next(results)  # from here on it ends what is under way, also where nobody asks for a result
        return results

    def _results(
        self,
        begun: dict[Any, int],
        waiting: deque[tuple[int, _Piece]],
        begin: Callable[[], None],
        count: int,
    ) -> Iterator[Any]:
        import ray

        ended: dict[int, Any] = {}  # what each is read from in its turn: an error too
        try:
            yield None
            for number in range(count):
                while number not in ended:
                    (done,), _ = ray.wait(list(begun), num_returns=1)
                    ended[begun.pop(done)] = done
                    if waiting:
                        begin()
                yield _result(ended.pop(number))
        finally:  # of an error or Ctrl-C: nobody waits for the rest
            for left in begun if ray.is_initialized() else ():
                ray.cancel(left)


def _result(done: Any) -> Any:
    import ray
    from ray.exceptions import ObjectStoreFullError, RayError, RayTaskError

    try:
        return ray.get(done)
    except RayTaskError as error:
        if isinstance(error.cause, Exception) and not isinstance(error.cause, RayError):
            raise error.cause from error
        raise
    except ObjectStoreFullError as error:
        raise ClusterError(
            "what the workers send back has no room in shared memory: raise ray.object_store_mb, "
            "or ask for fewer --workers"
        ) from error
    except RayError as error:
        raise ClusterError(
            f"a worker ended {_RETRIES + 1} times in the midst of the same flights "
            f"({type(error).__name__}): if memory is short, ask for fewer --workers"
        ) from error
