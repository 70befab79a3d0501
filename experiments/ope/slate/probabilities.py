"""How likely logged slates are under a policy."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray
from promopilot.experiments.ope.log_rules import SMALLEST_PROPENSITY
from promopilot.experiments.ope.log_table import Place

# Room for probabilities written with six decimals, beside the relative tolerance, and from where on
# there is any: those of long slates are far smaller, and are not written with six decimals.
ROUNDING, _WRITTEN = 1e-6, 1e-4


@dataclass(frozen=True)
class SlateProbabilities:
    """Probabilities of the m rows of a log under one policy; None where not known.

    One of `joint` and `cascade` must be there: the whole slate's is the cascade's last.
    """

    joint: FloatArray | None = None  # [m] of the whole slate, the same on each of its rows
    position: FloatArray | None = None  # [m] of this item at this position, whatever else is shown
    cascade: FloatArray | None = None  # [m] of the items at positions 0 to this one, in this order

    def of_rows(self, rows: IntArray) -> "SlateProbabilities":
        """Those of some of the rows, in their order."""

        def taken(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else values[rows]

        return SlateProbabilities(taken(self.joint), taken(self.position), taken(self.cascade))

    def of_slates(self, slate: IntArray, position: IntArray) -> FloatArray:
        """Probability of each whole slate [n].

        Raises:
            LogError: neither `joint` nor `cascade` is known.
        """
        source = self.cascade if self.joint is None else self.joint
        if source is None:
            raise LogError("the probability of the whole slate or of its cascade is needed.")
        found = np.empty(int(slate.max()) + 1)
        last = position == np.bincount(slate)[slate] - 1
        found[slate[last]] = source[last]
        return found


def check_probabilities(
    given: SlateProbabilities,
    slate: IntArray,
    position: IntArray,
    tolerance: float,
    place: Place,
    column: str,
) -> None:
    """Refuses probabilities that are out of range or contradict each other.

    Args:
        given: probabilities of the log's rows.
        slate: [m] slate of each row.
        position: [m] position of each row, complete as by `check_positions`.
        tolerance: how far, relatively, two that must be equal may differ.
        place: what to call the rows.
        column: `propensity` for the policy that wrote the log, whose probabilities are above 0,
            else `probability`.

    Raises:
        LogError: naming the first row at fault, its column, its value and the rule.
    """
    _check_range(given, len(slate), place, column)
    if given.joint is None and given.cascade is None:
        raise LogError(
            f"{place.name} has no column {column!r}: the probability of the whole slate is needed "
            f"(or {column}_cascade, whose last one it is)."
        )
    if given.joint is not None:
        first = np.empty(int(slate.max()) + 1)
        first[slate[position == 0]] = given.joint[position == 0]
        place.refuse(
            differs(given.joint, first[slate], tolerance),
            column,
            given.joint,
            "it is the probability of the whole slate, the same on all of its rows",
        )
    if given.cascade is None:
        return
    before = before_position(given.cascade, slate, position)
    place.refuse(
        (given.cascade > before) & differs(given.cascade, before, tolerance),
        f"{column}_cascade",
        given.cascade,
        "it cannot exceed that of the position before, as it is of more items",
    )
    if given.joint is not None:
        last = position == np.bincount(slate)[slate] - 1
        place.refuse(
            last & differs(given.cascade, given.joint, tolerance),
            f"{column}_cascade",
            given.cascade,
            f"at the last position it must equal {column}, the whole slate's",
        )


def _check_range(given: SlateProbabilities, rows: int, place: Place, column: str) -> None:
    lowest, rule = 0.0, "it must be from 0 to 1"
    if column == "propensity":
        lowest = SMALLEST_PROPENSITY
        rule = "the probability of what was shown must be above 0 and at most 1"
    named = {
        column: given.joint,
        f"{column}_position": given.position,
        f"{column}_cascade": given.cascade,
    }
    for name, values in named.items():
        if values is not None:
            if len(values) != rows:
                raise LogError(f"{place.name} has {rows} rows but {len(values)} of {name}.")
            place.refuse(~((values >= lowest) & (values <= 1.0)), name, values, rule)


def before_position(cascade: FloatArray, slate: IntArray, position: IntArray) -> FloatArray:
    """The cascade's probability [m] up to the position before; 1 at the first."""
    order = np.lexsort((position, slate))
    before = np.ones(len(cascade))
    before[order[1:]] = cascade[order[:-1]]
    before[position == 0] = 1.0
    return before


def differs(one: FloatArray, other: FloatArray, tolerance: float) -> BoolArray:
    """Where two probabilities that must be equal are not, rounding to six decimals allowed."""
    room = np.where(np.minimum(one, other) >= _WRITTEN, ROUNDING, 0.0)
    return np.asarray(np.abs(one - other) > room + tolerance * np.maximum(one, other))
