"""The replicas as one who asks sees them: how much each has to do for him, and who is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from promopilot.predictors.errors import HostError


class Way:
    """To one replica."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.under_way = 0  # of our own requests
        self.is_gone = False  # for good: it has used up its restarts, or was ended
        self._returning: Any = None  # a sign of life, asked for when the replica was away

    def is_away(self) -> bool:
        """Whether the replica was away when last asked, and has given no sign of life since."""
        if self._returning is None:
            return False
        ready, _ = ray.wait([self._returning], timeout=0)
        if not ready:
            return True
        try:
            ray.get(self._returning)
        except ActorDiedError:
            self.is_gone = True
            return True
        except ActorUnavailableError:
            self.leave()
            return True
        except RayError:  # it has its own troubles, but it answers
            pass
        self._returning = None
        return False

    def leave(self) -> None:
        """Notes that the replica is away: a restart takes as long as to load the model."""
        self._returning = self.actor.health.remote()


class Ways:
    """To all replicas; safe between threads."""

    def __init__(self, actors: Sequence[Any]) -> None:
        self._ways = [Way(actor) for actor in actors]
        self._lock = threading.Lock()

    def alive(self) -> list[Way]:
        """Returns the ways to those replicas that are not gone for good."""
        return [way for way in self._ways if not way.is_gone]

    @contextmanager
    def least_busy(self) -> Iterator[Way]:
        """Yields the way with the fewest own requests, to a replica that is there if one is.

        Raises:
            HostError: all replicas are gone for good.
        """
        with self._lock:
            here = [way for way in self.alive() if not way.is_away()]
            left = here or self.alive()  # one that is away answers when it is back
            if not left:
                raise HostError(
                    "all replicas of the shared predictor host are gone: it was closed, or they "
                    "crashed more often than ray.host.restarts allows (too little memory is the "
                    "usual reason); open it again, with fewer replicas or more memory"
                )
            way = min(left, key=lambda one: one.under_way)
            way.under_way += 1
        try:
            yield way
        finally:
            with self._lock:
                way.under_way -= 1
