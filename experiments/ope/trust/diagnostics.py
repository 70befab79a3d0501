"""How far the log can speak about the policy at all."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import BoolArray, FloatArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import R
from promopilot.experiments.ope.trust.clusters import clusters_of
from promopilot.experiments.ope.trust.pareto import pareto_k

# The heaviest share of decisions whose part of the total weight is `tail_mass`.
_TAIL = 0.01


@dataclass(frozen=True)
class Diagnostics:
    """What the weights tell, and how many rewards they fall on."""

    units: int  # independent units: clusters, or decisions where none are given
    ess: float  # usable evidence, in rows: (sum w)^2 / sum w^2 (Kish 1965)
    ess_share: float  # the same as a share of the rows
    max_weight: float  # the largest weight: one logged decision stands for so many of the policy's
    max_weight_share: float  # its share of the total weight
    tail_mass: float  # share of the total weight on the heaviest 1 % of the decisions
    mean_weight: float  # 1 in expectation when propensities are right and support is full
    mean_weight_z: float  # its distance from 1 in standard errors
    unsupported_share: float  # share of the policy's choices on actions that the log never shows
    unsupported_actions: tuple[str, ...]  # their names, as far as the policy takes them
    told_ess: float = np.inf  # usable evidence among rows that brought other than the usual reward
    pareto_k: float = -np.inf  # shape of the weights' tail, as by `pareto_k`
    pareto_sample: int = 0  # positive weights, on which a credible shape depends


def effective_sample_size(weight: FloatArray) -> float:
    """Usable evidence of weights [n]: (sum w)^2 / sum w^2, 0 where all are zero (Kish 1965)."""
    largest = weight.max(initial=0.0)
    if largest <= 0.0:
        return 0.0
    scaled = weight / largest  # squares of large weights would overflow
    return float(scaled.sum() ** 2 / np.square(scaled).sum())


def unusual(reward: FloatArray) -> BoolArray:
    """Which rewards [n] differ from the one that most units brought; all, where most have none."""
    values, counts = np.unique(reward, return_counts=True)
    usual = int(np.argmax(counts))
    if 2 * counts[usual] < len(reward):
        return np.ones(len(reward), dtype=bool)
    return np.asarray(reward != values[usual])


def diagnose(case: Case[R]) -> Diagnostics:
    """What the log shows of the policy."""
    weight, count = case.rows.weight, len(case.rows.weight)
    total, ess = float(weight.sum()), effective_sample_size(weight)
    heaviest = max(1, int(np.ceil(_TAIL * count)))
    tail = float(np.partition(weight, count - heaviest)[count - heaviest :].sum())
    clusters = clusters_of(case.cluster)
    off = clusters.sums(weight - 1.0)
    error = float(np.sqrt(np.square(off).sum())) / count
    miss = total / count - 1.0
    return Diagnostics(
        units=len(clusters.size),
        ess=ess,
        ess_share=ess / count,
        max_weight=float(weight.max()),
        max_weight_share=float(weight.max()) / total if total > 0.0 else 0.0,
        tail_mass=tail / total if total > 0.0 else 0.0,
        mean_weight=total / count,
        mean_weight_z=miss / error if error > 0.0 else 0.0,
        unsupported_share=case.support.unsupported_share,
        unsupported_actions=case.support.unsupported_actions,
        told_ess=effective_sample_size(weight[unusual(case.rows.logged)]),
        pareto_k=pareto_k(weight),
        pareto_sample=int(np.count_nonzero(weight)),
    )
