"""Mean and spread of observations, measured once on the re-planner's flights."""

from dataclasses import dataclass

import numpy as np

# Entries that never move on the re-planner's flights are only centred.
_LEAST_SD = 1e-3
_LIMIT = 5.0


@dataclass(frozen=True)
class ObservationScale:
    """Standardises observations `[..., size]`."""

    mean: np.ndarray  # [size] float32
    sd: np.ndarray  # [size] float32

    @classmethod
    def fit(cls, observed: np.ndarray) -> "ObservationScale":
        """Measure observations `[rows, size]`."""
        sd = observed.std(axis=0)
        sd = np.where(sd < _LEAST_SD, 1.0, sd)
        return cls(observed.mean(axis=0).astype(np.float32), sd.astype(np.float32))

    def apply(self, observed: np.ndarray) -> np.ndarray:
        """Standardised observations, clipped to +-5."""
        scaled = np.clip((observed - self.mean) / self.sd, -_LIMIT, _LIMIT)
        return np.asarray(scaled, dtype=np.float32)
