r"""What an estimator is: a mean, plus ratios of means, over the units of a log.

A unit is a decision, a slate or an episode. Every estimator of this package has the form

    V = (1/n) \sum_i plain_i + \sum_j (\sum_i above_ij / \sum_i below_ij)

so that one bootstrap, one influence function and one way of reading a log in blocks serve them all:
each needs nothing but sums of terms over groups of units.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray


class Rows(Protocol):
    """What every kind of log has for each of its n units."""

    @property
    def logged(self) -> FloatArray:
        """[n] what the unit brought."""

    @property
    def weight(self) -> FloatArray:
        """[n] how much more often the policy would do what was done, all of it; at least 0."""


R = TypeVar("R", bound=Rows)
# Ways of choosing a hyper-parameter from the log; `tuning` has them.
Tuning = Literal["mse", "slope"]


class Ratio(NamedTuple):
    """Terms of a ratio of sums; it is not defined where all of `below` are 0."""

    above: FloatArray  # [n]
    below: FloatArray  # [n], at least 0


@dataclass(frozen=True)
class Terms:
    """An estimate's terms: the mean of `plain` plus the ratios."""

    plain: FloatArray | None  # [n]; None where there are ratios only
    ratios: tuple[Ratio, ...] = ()

    def value(self) -> float:
        """The estimate; NaN where a ratio is not defined."""
        total = 0.0 if self.plain is None else float(self.plain.mean())
        for above, below in self.ratios:
            under = float(below.sum())
            total += float(above.sum()) / under if under > 0.0 else np.nan
        return total


@dataclass(frozen=True)
class Estimator(ABC, Generic[R]):
    """One formula. Fields of a subclass are its hyper-parameters."""

    name: ClassVar[str]
    # Whose interval this one takes, stretched to hold its own estimate: that of an estimator that
    # needs no more to be right, and whose spread tells the error of a model, a cut or a few heavy
    # weights that this one's does not.
    interval_from: ClassVar[str | None] = None

    @abstractmethod
    def terms(self, rows: R) -> Terms:
        """The terms, each [n]."""

    def used_weight(self, rows: R) -> FloatArray:
        """[n] the weights as this estimator uses them, clipped or shrunk; for usable evidence."""
        return rows.weight

    def clip_share(self, rows: R) -> float:
        """Share of the units whose weight is lowered or left out."""
        return 0.0

    def estimate(self, rows: R) -> float:
        """The estimate for a log; NaN where it is not defined."""
        return self.terms(rows).value()

    @property
    def params(self) -> dict[str, Any]:
        """Hyper-parameters by the names of the contract (`lambda_` is `lambda`)."""
        return {field.name.rstrip("_"): getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Family(Generic[R]):
    """An estimator by name, its hyper-parameters still open."""

    make: Callable[..., Estimator[R]]
    # Candidates from the rows, the least biased (most variable) first; None: nothing to choose.
    grid: Callable[[R], Sequence[Estimator[R]]] | None = None
    # How one of them is chosen; None: as the settings say.
    tuned_by: Tuning | None = None


@dataclass(frozen=True)
class Kind(Generic[R]):
    """A kind of log: what its units are and which estimators read it."""

    name: str  # bandit, slate, continuous, sequential
    unit: str  # what a unit is called: decision, slate, episode
    families: Mapping[str, Family[R]]
    default: tuple[str, ...]  # reported where none is asked for
    primary: str  # the verdict rests on its gain
    second: str  # and on this one's agreement, which trusts no reward model
    notes: tuple[str, ...]  # what to know when reading the estimates
