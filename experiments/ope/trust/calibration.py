"""Are the rewards and the probabilities that estimates lean on what the log shows?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.case import Choices
from promopilot.experiments.ope.trust.clusters import Clusters, clusters_of

# Bins of equal numbers of units, as is usual for reliability tables.
_BINS = 10
# Fewest units of an action that a normal approximation is trusted with. Our choice.
_FEWEST = 20
# Most actions in the table: those that the policy takes most.
_ACTIONS = 100


@dataclass(frozen=True)
class RewardCalibration:
    """The reward model against rewards, where the policy acts."""

    bins: list[dict[str, Any]]  # predicted, observed, low, high, units
    misses: int  # bins whose interval does not hold the prediction
    chance: float  # probability of so large misses if every bin were right (Bonferroni)


def reward_calibration(
    predicted: FloatArray,
    observed: FloatArray,
    weight: FloatArray,
    clusters: Clusters,
    confidence: float,
) -> RewardCalibration:
    """A reliability table: units in bins of equal number by what was predicted.

    Within a bin both means are weighted, so that the table speaks about the policy's choices and
    not about the log's. The interval is the observed mean's, normal, with the standard error of a
    weighted mean, clusters being independent.

    Args:
        predicted: [n] reward expected of what was done, by a model that did not see it.
        observed: [n] what it brought.
        weight: [n] weights of the policy.
        clusters: independent units.
        confidence: of each interval.
    """
    used = weight > 0.0
    if not used.any():
        return RewardCalibration([], 0, 1.0)
    if not used.all():
        predicted, observed, weight = predicted[used], observed[used], weight[used]
        clusters = clusters_of(clusters.code[used])
    edges = np.unique(np.quantile(predicted, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, predicted, side="right")
    weight = weight / weight.max()
    total = np.bincount(place, weight, len(edges) + 1)
    filled = np.flatnonzero(total > 0.0)
    per = np.where(total > 0.0, total, 1.0)
    said = np.bincount(place, weight * predicted, len(edges) + 1) / per
    seen = np.bincount(place, weight * observed, len(edges) + 1) / per
    off = weight * (observed - seen[place])
    error = np.sqrt(clusters.squared_sums(place, off, len(edges) + 1)) / per
    units = np.bincount(place, minlength=len(edges) + 1)
    reach = float(norm.ppf(0.5 + confidence / 2.0)) * error
    missed = np.abs(seen - said)[filled]
    z = np.divide(missed, error[filled], out=np.zeros(len(filled)), where=error[filled] > 0.0)
    return RewardCalibration(
        [
            {
                "predicted": float(said[i]),
                "observed": float(seen[i]),
                "low": float(seen[i] - reach[i]),
                "high": float(seen[i] + reach[i]),
                "units": int(units[i]),
            }
            for i in filled
        ],
        int((missed > reach[filled]).sum()),
        min(1.0, len(filled) * 2.0 * float(norm.sf(z.max(initial=0.0)))),
    )


@dataclass(frozen=True)
class PropensityCalibration:
    """How often the policy takes each action: as it says, and as the weighted log shows."""

    actions: list[dict[str, Any]]  # action, predicted, observed, low, high, units
    worst: str  # the action furthest above what the policy says, in standard errors
    gap: float  # by how much, as a share of the policy's choices
    chance: float  # probability of an action so far above if probabilities were right (Bonferroni)


def propensity_calibration(
    choices: Choices, weight: FloatArray, clusters: Clusters, confidence: float
) -> PropensityCalibration:
    r"""Compares (1/n) \sum_i pi(a|x_i) with (1/n) \sum_i w_i 1{a_i = a} for each action a.

    With true propensities, and where the log can show what the policy does, both estimate the same
    share, whatever the context; the mean weight is their sum. The standard error is that of the
    second term, clusters being independent: that of the difference is no larger (Jensen), so the
    comparison errs towards silence. Only shares seen too often count as off: heavy weights that
    were not drawn make others look too rare, with an error that knows nothing of them.

    Args:
        choices: what was done, and what the policy says.
        weight: [n] weights of the policy.
        clusters: independent units.
        confidence: of each interval.
    """
    count, actions = len(weight), len(choices.names)
    units = np.bincount(choices.taken, minlength=actions)
    observed = np.bincount(choices.taken, weight, actions) / count
    squares = clusters.squared_sums(choices.taken, weight, actions)
    groups = len(clusters.size)
    spread = np.maximum(squares - np.square(observed * count) / groups, 0.0)
    error = np.sqrt(spread * groups / max(groups - 1, 1)) / count
    off = observed - choices.policy_share
    # An action never logged is a matter of support and not of probabilities.
    tested = (units >= _FEWEST) & (error > 0.0)
    z = np.divide(off, error, out=np.zeros(actions), where=tested)
    reach = float(norm.ppf(0.5 + confidence / 2.0)) * error
    shown = np.argsort(-choices.policy_share, kind="stable")[:_ACTIONS]
    shown = shown[(choices.policy_share + observed)[shown] > 0.0]
    return PropensityCalibration(
        [
            {
                "action": choices.names[i],
                "predicted": float(choices.policy_share[i]),
                "observed": float(observed[i]),
                "low": float(max(observed[i] - reach[i], 0.0)),
                "high": float(observed[i] + reach[i]),
                "units": int(units[i]),
            }
            for i in shown
        ],
        choices.names[int(np.argmax(z))],
        float(off[np.argmax(z)]),
        min(1.0, int(tested.sum()) * float(norm.sf(z.max(initial=0.0)))),
    )
