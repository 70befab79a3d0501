"""One policy and one log, ready to be evaluated, whatever the kind of log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.estimator import Kind, R

Model = Literal["given", "cross-fitted", "none"]


@dataclass(frozen=True)
class Support:
    """How far the log shows what the policy does."""

    unsupported_share: float = 0.0  # share of the policy's choices on actions never logged
    unsupported_actions: tuple[str, ...] = ()  # their names, as far as the policy takes them


@dataclass(frozen=True)
class Choices:
    """Which of A named actions each unit took, and how often the policy takes each."""

    names: tuple[str, ...]  # [A]
    taken: IntArray  # [n] index into `names`
    policy_share: FloatArray  # [A] the policy's mean probability of each, over the n units


@dataclass(frozen=True)
class Case(Generic[R]):
    """What an evaluation starts from; n is the number of units.

    The fields after `propensities` are what some kinds of log know and others do not; what is
    absent leaves out the diagnostics that need it.
    """

    kind: Kind[R]
    rows: R
    cluster: IntArray  # [n] units of one cluster are not independent
    evidence: str  # "logged", or "simulated" where a market and not people answered
    support: Support = Support()
    reward_model: Model = "none"
    propensities: Literal["logged", "estimated"] = "logged"
    # Sentences in plain words, each of which stands against shipping: a fit that failed its check.
    checks: tuple[str, ...] = ()
    # Further diagnostics for ope.json, plain values only.
    extra: Mapping[str, Any] = field(default_factory=dict)
    timestamp: NDArray[np.datetime64] | None = None  # [n] when; NaT where not known
    predicted: FloatArray | None = None  # [n] reward that the model expected of what was done
    choices: Choices | None = None
    # Rows whose weights are cut at a cap, where one cut reaches all that the estimators use.
    clip: Callable[[R, float], R] | None = None
