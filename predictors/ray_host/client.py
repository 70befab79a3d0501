"""The one whom a process asks: sends each request to a replica, and to another where that fails.

Importing this module imports no torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray
from ray.exceptions import (
    ActorDiedError,
    GetTimeoutError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from promopilot.predictors.dataset import Rows
from promopilot.predictors.errors import HostError
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.ray_host.parcel import Parcel, joined, opened, parts
from promopilot.predictors.ray_host.settings import HostSettings
from promopilot.predictors.ray_host.told import (
    Description,
    Health,
    ReplicaMeasures,
    SharedMeasures,
    together,
)
from promopilot.predictors.ray_host.ways import Way, Ways
from promopilot.predictors.readable import Readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread

_PARTS_PER_REPLICA = 2  # of one request at the same time: one is encoded, the next is on its way
_PAUSE = 0.1  # seconds, before a replica that crashed is asked again
_TRIES = 3  # of a request, where replicas hang
# What a replica's end is called, depending on when it ends and of what.
_ENDED = (RayActorError, WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError)


class RayHost:
    """A predictor hosted on Ray, which `open_ray_host` opens; a `PredictorHost` like any other.

    It may be used by several threads, and given to Ray's tasks and actors as an argument.

    Args:
        actors: the replicas.
        told: what a replica told of itself.
        hosting: how the host was asked for.
        own: those of them that `close` ends; of the others it closes this way alone.
        files: the model's in Ray's store, which are there as long as somebody refers to them; a
            replica that starts anew may need them.
    """

    def __init__(
        self,
        actors: Sequence[Any],
        told: Description,
        hosting: HostSettings,
        own: Sequence[Any] = (),
        files: Any = None,
    ) -> None:
        self._actors = tuple(actors)
        self._told = told
        self._hosting = hosting
        self._own = tuple(own)
        self._files = files
        self._ways = Ways(actors)
        self._is_closed = False

    def __reduce__(self) -> tuple[type[RayHost], tuple[Any, ...]]:
        """Another process may ask, and not end what others ask too."""
        return RayHost, (self._actors, self._told, self._hosting)

    @property
    def spreads(self) -> tuple[StageSpread, ...]:
        """How far rates may lie from the predicted, one per stage."""
        return self._told.spreads

    @property
    def settings(self) -> PredictorSettings:
        """What it was fitted with; rows for it need its `text_template`."""
        return self._told.settings

    def predict(self, rows: Rows) -> Prediction:
        """Returns rates and standard errors of rows, in their order.

        Raises:
            HostError: no replica answers in time.
            RuntimeError: the host is closed.
        """
        places = list(parts(rows, self._hosting.texts_at_once, self._hosting.rows_at_once))
        if len(places) == 1:
            answers = [self._predict(rows.pick(places[0]))]
        else:
            most = _PARTS_PER_REPLICA * len(self._actors)
            with ThreadPoolExecutor(min(most, len(places))) as threads:
                answers = list(threads.map(lambda place: self._predict(rows.pick(place)), places))
        return joined(len(rows), places, answers)

    def readability(self, texts: list[str]) -> Readability:
        """Returns how much of texts its base model can read.

        Raises:
            HostError: no replica answers in time.
            RuntimeError: the host is closed.
        """
        found: Readability = self._ask("readability", texts)
        return found

    def measures(self) -> SharedMeasures:
        """Returns what the replicas that answer have done for all who ask."""
        told: list[ReplicaMeasures] = self._told_by_all("measures")
        known = [_known(way.actor) for way in self._ways.alive()]
        return together(told, sum(int(one.get("NumRestarts", 0)) for one in known))

    def health(self) -> list[Health]:
        """Returns how the replicas are that answer."""
        return self._told_by_all("health")

    def close(self) -> None:
        """Ends the replicas that this process opened; requests under way are answered."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._own or not ray.is_initialized():
            return
        seconds = self._hosting.timeout_seconds
        ending = [way.actor for way in self._ways.alive() if way.actor in self._own]
        closing = [actor.close.remote(seconds) for actor in ending]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=seconds)
        for actor in self._own:
            ray.kill(actor)
        self._files = None

    def _predict(self, rows: Rows) -> Prediction:
        return opened(self._ask("predict", Parcel.of(rows).sealed()))

    def _ask(self, method: str, argument: object) -> Any:
        """Asks the least busy replica, and the next while one crashes or hangs."""
        if self._is_closed:
            raise RuntimeError("This predictor host is closed: open another with open_ray_host.")
        seconds = self._hosting.timeout_seconds
        until, tries = time.monotonic() + seconds, 1
        while True:
            with self._ways.least_busy() as way:
                try:
                    answer = getattr(way.actor, method).remote(argument)
                    return ray.get(answer, timeout=max(0.0, until - time.monotonic()))
                except RayTaskError as error:
                    raise error.cause from None
                except GetTimeoutError:
                    if tries == _TRIES or self._is_well(way):
                        raise HostError(
                            f"the shared predictor host did not answer within {seconds:g} s: raise "
                            "ray.host.timeout_seconds, lower ray.host.texts_at_once, or add "
                            "replicas"
                        ) from None
                    tries += 1
                    way.leave()
                except ActorDiedError:
                    way.is_gone = True
                except _ENDED:
                    way.leave()
            until = time.monotonic() + self._hosting.start_seconds + seconds
            time.sleep(_PAUSE)

    def _is_well(self, way: Way) -> bool:
        """Whether a replica that let a request wait is at work; if not, sees to its restart."""
        try:
            asked = way.actor.health.remote()
            health: Health = ray.get(asked, timeout=self._hosting.health_seconds)
            if health.is_well(self._hosting.timeout_seconds):
                return True
        except GetTimeoutError:
            if _known(way.actor).get("State") != "ALIVE":  # it is being restarted already
                return False
        except RayError:  # likewise
            return False
        ray.kill(way.actor, no_restart=False)
        return False

    def _told_by_all(self, method: str) -> list[Any]:
        asked = [getattr(way.actor, method).remote() for way in self._ways.alive()]
        if not asked:
            return []
        seconds = self._hosting.health_seconds
        ready, _ = ray.wait(asked, num_returns=len(asked), timeout=seconds)
        told = []
        for answer in ready:
            try:
                told.append(ray.get(answer))
            except RayError:
                continue
        return told


def _known(actor: Any) -> dict[str, Any]:
    """What Ray knows of an actor; without a dashboard it has no public way to tell."""
    from ray._private import state

    found: dict[str, Any] = state.actors(actor._actor_id.hex())
    return found
