"""What the estimates' own premises look like: models against the log, and estimates compared."""

from dataclasses import dataclass

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.trust.agreement import Agreement, agreement
from promopilot.experiments.ope.trust.calibration import (
    PropensityCalibration,
    RewardCalibration,
    propensity_calibration,
    reward_calibration,
)
from promopilot.experiments.ope.trust.clipping import Clipped, clip_sensitivity
from promopilot.experiments.ope.trust.clusters import clusters_of


@dataclass(frozen=True)
class Scrutiny:
    """Comparisons that should come out even; None, or empty, where the kind of log has none."""

    agreement: Agreement
    clipped: tuple[Clipped, ...] = ()
    rewards: RewardCalibration | None = None
    propensities: PropensityCalibration | None = None


def scrutinize(
    case: Case[R],
    primary: Estimator[R],
    second: Estimator[R],
    group: IntArray,
    confidence: float,
    interval: tuple[float, float],
) -> Scrutiny:
    """Compares the estimates, the reward model and the propensities with what the log shows.

    Args:
        case: the log's units under the policy.
        primary: the estimator that the verdict rests on.
        second: the one that it is held against.
        group: [n] independent groups of units.
        confidence: of the intervals shown.
        interval: of the first estimate.
    """
    rows, rewards, propensities = case.rows, None, None
    clusters = clusters_of(case.cluster)
    if case.predicted is not None:
        rewards = reward_calibration(case.predicted, rows.logged, rows.weight, clusters, confidence)
    if case.choices is not None:
        propensities = propensity_calibration(case.choices, rows.weight, clusters, confidence)
    clipped: tuple[Clipped, ...] = ()
    if case.clip is not None:
        clipped = clip_sensitivity(case, primary, case.clip, group, confidence, interval)
    return Scrutiny(
        agreement(case, primary, second, group),
        clipped,
        rewards,
        propensities,
    )
