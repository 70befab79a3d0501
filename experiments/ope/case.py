"""One policy and one log, ready to be evaluated, whatever the kind of log."""

from dataclasses import dataclass
from typing import Generic, Literal

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.estimator import Kind, R

Model = Literal["given", "cross-fitted", "none"]


@dataclass(frozen=True)
class Support:
    """How far the log shows what the policy does."""

    unsupported_share: float = 0.0  # share of the policy's choices on actions never logged
    unsupported_actions: tuple[str, ...] = ()  # their names, as far as the policy takes them


@dataclass(frozen=True)
class Case(Generic[R]):
    """What an evaluation starts from; n is the number of units."""

    kind: Kind[R]
    rows: R
    cluster: IntArray  # [n] units of one cluster are not independent
    evidence: str  # "logged", or "simulated" where a market and not people answered
    support: Support = Support()
    reward_model: Model = "none"
    propensities: Literal["logged", "estimated"] = "logged"
