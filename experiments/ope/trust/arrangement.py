"""What a test would deal to its two groups: single decisions, customers, regions or days."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.arrivals import Arrivals, arrivals_of
from promopilot.experiments.ope.trust.clusters import Clusters, clusters_of

# Fewest units that two groups can be made of: two in each.
_FEWEST = 4

Design = Literal["holdout", "geo_split", "switchback"]


@dataclass(frozen=True)
class Arrangement:
    """A way of running a test, and what the log says of its units."""

    design: Design
    unit: str  # what is dealt to the groups: decision, slate, episode, cluster, day
    units: Clusters  # [n] rows of the log by such units
    # When units come; None where all are there from the start, or nothing is known of it.
    arrivals: Arrivals | None


def arrangements(case: Case[R], days: IntArray | None, settings: OpeSettings) -> list[Arrangement]:
    """The ways that suit the log, the first preferred.

    Rows without clusters, and clusters that are many or small (customers), are dealt by lot: a
    holdout. Clusters that are few and large are days where each lies within one day, else regions:
    whole days take turns (switchback; Bojinov, Simchi-Levi and Zhao 2023), and regions are dealt to
    two groups (Vaver and Koehler 2011), or take turns by day where they are too few for that. Where
    neither leaves enough to deal, rows are dealt one by one.

    Args:
        case: the log.
        days: [n] day of each row, as by `days_of`.
        settings: what counts as few and large.
    """
    found = [way for way in _suited(case, days, settings) if len(way.units.size) >= _FEWEST]
    if found:
        return found
    single = clusters_of(np.arange(len(case.cluster)))
    return [_holdout(case.kind.unit, single, days)]


def _suited(case: Case[R], days: IntArray | None, settings: OpeSettings) -> list[Arrangement]:
    clusters = clusters_of(case.cluster)
    count = len(clusters.size)
    within = days is not None and _within_days(clusters, days)
    # A market's log repeats its calendar in every flight; a day of one flight is a cluster there.
    own_days = case.evidence == "simulated" and (within or days is None)
    large = clusters.size.mean() >= settings.test_region_rows
    if not large or (count > settings.test_regions and not own_days):
        unit = case.kind.unit if count == len(case.cluster) else "cluster"
        return [_holdout(unit, clusters, days)]
    if own_days:
        return [_switchback(clusters)]
    split = Arrangement("geo_split", "cluster", clusters, None)
    if days is None:
        return [split]
    turns = _switchback(clusters_of(days))
    return [turns] if within else [split, turns]


def _holdout(unit: str, units: Clusters, days: IntArray | None) -> Arrangement:
    return Arrangement("holdout", unit, units, None if days is None else arrivals_of(units, days))


def _switchback(days: Clusters) -> Arrangement:
    count = len(days.size)
    return Arrangement("switchback", "day", days, Arrivals(count, count, 1.0, False))


def days_of(timestamp: NDArray[np.datetime64] | None) -> IntArray | None:
    """Days since the log's first [n]; None where there are no times, or some are not known."""
    if timestamp is None or np.isnat(timestamp).any():
        return None
    days = timestamp.astype("datetime64[D]").astype(np.int64)
    return np.asarray(days - days.min())


def _within_days(clusters: Clusters, days: IntArray) -> bool:
    """Whether no cluster spans two days."""
    first = np.full(len(clusters.size), -1, dtype=np.int64)
    first[clusters.code] = days
    return bool((first[clusters.code] == days).all())
