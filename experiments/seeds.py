"""One seed of a run, split into seeds that share no flight: to train, choose, test and log."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Seeds:
    """Seeds of the flights that train, choose, test and log, and of the bootstrap."""

    training: int
    validation: int
    test: int
    log: int
    bootstrap: int

    @classmethod
    def of(cls, seed: int) -> Seeds:
        """Derive all of them from the run's seed (numpy's SeedSequence)."""
        return cls(*(int(s) for s in np.random.SeedSequence(seed).generate_state(5)))

    def as_dict(self) -> dict[str, int]:
        """By what they seed."""
        return asdict(self)
