"""How long a test takes until enough of what it deals to its groups has come."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.trust.clusters import Clusters

# Days between two rows of a cluster from which on it counts as having come back: less may be one
# visit around midnight.
_BACK = 2
# Share of the rows that such clusters have where clusters are taken to come back. Our choice.
_RETURNING = 0.1


@dataclass(frozen=True)
class Arrivals:
    """When units are first seen."""

    days: int  # length of the log
    seen: int  # units seen in it
    new: float  # units first seen per day: in the log's second half where units come back
    returning: bool  # whether the same units come again days later

    def days_for(self, units: int) -> float:
        """Days that a test of so many units takes; endless where no new ones come.

        Where units come back, what one of them tells grows with the days that it is watched, and
        the log shows only what it tells in as many days as the log has. A test is at least as long,
        then has the units that the log has, and waits for more at the pace of the log's second
        half: in the first, most are old ones seen for the first time.
        """
        if not self.returning:
            return units / self.new
        if units <= self.seen:
            return float(self.days)
        return self.days + (units - self.seen) / self.new if self.new else np.inf


def arrivals_of(units: Clusters, day: IntArray) -> Arrivals:
    """When units of a log came; `day` [n] is each row's, from 0."""
    length, count = int(day.max()) + 1, len(units.size)
    first = np.full(count, length, dtype=np.int64)
    np.minimum.at(first, units.code, day)
    last = np.zeros(count, dtype=np.int64)
    np.maximum.at(last, units.code, day)
    back = units.size[last - first >= _BACK].sum() > _RETURNING * units.size.sum()
    if not back:
        return Arrivals(length, count, count / length, False)
    half = length // 2
    return Arrivals(length, count, float((first >= length - half).sum()) / half, True)
