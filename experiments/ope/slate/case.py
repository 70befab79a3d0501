"""A slate log and a policy as a case to evaluate."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.case import Case, Model, Support
from promopilot.experiments.ope.distribution import normalised
from promopilot.experiments.ope.estimator import Family, Kind
from promopilot.experiments.ope.log_table import Place
from promopilot.experiments.ope.slate.estimators import (
    SelfNormalizedSlateIndependentIPS,
    SelfNormalizedSlateRewardInteractionIPS,
    SelfNormalizedSlateStandardIPS,
    SlateCascadeDoublyRobust,
    SlateIndependentIPS,
    SlateRewardInteractionIPS,
    SlateStandardIPS,
)
from promopilot.experiments.ope.slate.log import SlateLog, check_log
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities, check_probabilities
from promopilot.experiments.ope.slate.rows import (
    ItemValues,
    SlateRows,
    rows_for,
    rows_for_logged,
    with_weights_cut,
)
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size

# With everything known. `slate_case` takes out what a log and a policy do not allow.
SLATE: Kind[SlateRows] = Kind(
    name="slate",
    unit="list",
    families={
        "sips": Family(SlateStandardIPS),
        "iips": Family(SlateIndependentIPS),
        "rips": Family(SlateRewardInteractionIPS),
        "snsips": Family(SelfNormalizedSlateStandardIPS),
        "sniips": Family(SelfNormalizedSlateIndependentIPS),
        "snrips": Family(SelfNormalizedSlateRewardInteractionIPS),
        "cascade_dr": Family(SlateCascadeDoublyRobust),
    },
    default=("sips", "iips", "rips", "snsips", "sniips", "snrips", "cascade_dr"),
    primary="cascade_dr",
    second="snsips",
    notes=(
        "The value is what one whole list brings, all its positions together.",
        "A policy read from a file is known on the logged lists only; that the weights average to "
        "1 is what tells whether it shows others.",
    ),
)


def slate_case(
    log: SlateLog,
    policy: SlateProbabilities | Literal["logged"],
    items: ItemValues | None = None,
    tolerance: float = 1e-4,
    reward_model: Model = "given",
    timestamp: NDArray[np.datetime64] | None = None,
) -> Case[SlateRows]:
    """A case from arrays.

    The verdict rests on `cascade_dr` where there are reward estimates, else on `snrips`, or on
    `snsips` where the cascade's probabilities are not known.

    Args:
        log: the slates, n of them in m rows.
        policy: the policy's probabilities of the logged slates [m], or "logged" for the policy that
            wrote the log.
        items: what the policy may show at each position and the reward estimated, where known.
        tolerance: how far, relatively, probabilities may be from what they must equal.
        reward_model: where the estimates come from; "none" is told where there are none.
        timestamp: [n] when each slate was shown.

    Raises:
        LogError: a fault in the arrays, with row and value.
    """
    check_log(log, tolerance, Place())
    if items is not None:
        _check_items(log, items, tolerance)
        items = replace(items, probability=normalised(items.probability))
    support = Support()
    if isinstance(policy, str):
        if policy != "logged":
            raise LogError(f"policy is {policy!r}; give probabilities, or the name logged.")
        rows = rows_for_logged(log, None if items is None else _logged_q(log, items))
    else:
        place = Place("the policy")
        check_probabilities(policy, log.slate, log.position, tolerance, place, "probability")
        rows = rows_for(log, policy, items)
        if items is not None:
            support = _support(log, items)
    return Case(
        kind=_kind(rows),
        rows=rows,
        cluster=log.cluster,
        evidence=log.evidence,
        support=support,
        reward_model="none" if items is None else reward_model,
        extra=_by_position(rows),
        timestamp=timestamp,
        clip=with_weights_cut,
    )


def _kind(rows: SlateRows) -> Kind[SlateRows]:
    """The kind with what these rows allow as default."""
    missing: set[str] = set()
    if rows.weight_position is None:
        missing |= {"iips", "sniips"}
    if rows.weight_cascade is None:
        missing |= {"rips", "snrips"}
    if rows.weight_cascade is None or rows.q_policy is None:
        missing.add("cascade_dr")
    allowed = tuple(name for name in SLATE.default if name not in missing)
    primary = next(name for name in ("cascade_dr", "snrips", "snsips") if name in allowed)
    second = "sips" if primary == "snsips" else "snsips"
    return replace(SLATE, default=allowed, primary=primary, second=second)


def _by_position(rows: SlateRows) -> dict[str, list[float]]:
    """Usable evidence at each position, by the items down to it; empty where not known."""
    if rows.weight_cascade is None:
        return {}
    shown = rows.shown > 0.0
    columns = range(shown.shape[1])
    return {
        "ess_by_position": [
            effective_sample_size(rows.weight_cascade[shown[:, k], k]) for k in columns
        ]
    }


def _check_items(log: SlateLog, items: ItemValues, tolerance: float) -> None:
    shape = (len(log.slate), len(log.actions))
    for what, values in (("probabilities", items.probability), ("reward estimates", items.q)):
        if values.shape != shape:
            raise LogError(f"the items' {what} have shape {values.shape}; the log needs {shape}.")
        if (bad := ~np.isfinite(values)).any():
            row, item = (int(i) for i in np.argwhere(bad)[0])
            raise LogError(
                f"the items' {what}, row {row + 1}, item {log.actions[item]!r}: "
                f"{values[row, item]} is not a finite number."
            )
    place = Place("the items' probabilities")
    lowest = items.probability.min(axis=1)
    place.refuse(lowest < 0.0, "the lowest", lowest, "it must be from 0 to 1")
    total = items.probability.sum(axis=1)
    place.refuse(np.abs(total - 1.0) > tolerance, "their sum", total, "it must be 1")


def _logged_q(log: SlateLog, items: ItemValues) -> FloatArray:
    return np.asarray(items.q[np.arange(len(log.action)), log.action])


def _support(log: SlateLog, items: ItemValues) -> Support:
    """The policy's choices, after the logged items, on items never shown at that position."""
    length, actions = int(log.position.max()) + 1, len(log.actions)
    cell = log.position * actions + log.action
    never = np.bincount(cell, minlength=length * actions).reshape(length, actions) == 0
    rows = len(log.slate)
    share = np.zeros((length, actions))
    for k in range(length):
        share[k] = items.probability[log.position == k].sum(axis=0) / rows
    named = tuple(
        f"{log.actions[item]} at position {k + log.first}"
        for k, item in np.argwhere(never & (share > 0.0))
    )
    return Support(float(share[never].sum()), named)
