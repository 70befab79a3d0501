"""A number with its uncertainty, and the rule by which data count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from promopilot.envs.arrays import Floats
from promopilot.envs.priors import PRIORS, Prior, Scale

# Data tell of a number when they leave less than this share of its prior's spread.
TELLING = 0.8


@dataclass(frozen=True)
class Estimate:
    """A Gaussian belief on a number or an array of numbers, on its own scale.

    `value` is on the plain scale (on `log` and `logit` its median), `sd` on `scale`. Not a number
    where nothing is known and there is no prior.
    """

    value: Floats
    sd: Floats
    scale: Scale
    from_data: bool  # whether the data said more than the prior

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Ends of the central interval that holds the truth with probability `level`."""
        half = norm.ppf(0.5 + level / 2) * self.sd
        centre = to_scale(self.value, self.scale)
        return to_plain(centre - half, self.scale), to_plain(centre + half, self.scale)


def to_scale(value: Floats | float, scale: Scale) -> Floats:
    """From the plain scale."""
    value = np.asarray(value, dtype=np.float64)
    return np.asarray(
        np.log(value) if scale == "log" else logit(value) if scale == "logit" else value
    )


def to_plain(value: Floats | float, scale: Scale) -> Floats:
    """To the plain scale."""
    value = np.asarray(value, dtype=np.float64)
    return np.asarray(
        np.exp(value) if scale == "log" else expit(value) if scale == "logit" else value
    )


def centre(prior: Prior) -> float:
    """A prior's mean on its own scale."""
    return float(to_scale(prior.mean, prior.scale))


def believed(name: str, shape: tuple[int, ...] = ()) -> Estimate:
    """The prior of `name`, once or for each unit."""
    prior = PRIORS[name]
    return Estimate(np.full(shape, prior.mean), np.full(shape, prior.sd), prior.scale, False)


def judged(name: str, mean: Floats | float, sd: Floats | float) -> Estimate:
    """A posterior on the prior's scale, or the prior itself where the data cannot tell.

    The data cannot tell when the posterior's sd is above 0.8 of the prior's: for an array, when
    that holds of its best known element. Elements alone are never set back, since they learn from
    the others.
    """
    prior = PRIORS[name]
    mean, sd = np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    if not (sd <= TELLING * prior.sd).any():
        return believed(name, mean.shape)
    return Estimate(to_plain(mean, prior.scale), sd, prior.scale, True)
