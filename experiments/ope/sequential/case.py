"""A sequential log and a policy as a case to evaluate."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.case import Case, Support
from promopilot.experiments.ope.distribution import normalised
from promopilot.experiments.ope.estimator import Kind
from promopilot.experiments.ope.nuisance.folds import folds_of_units
from promopilot.experiments.ope.sequential.fqe import FittedQ, fit_q
from promopilot.experiments.ope.sequential.fqe_check import FitCheck, check_fit, shift_in_errors
from promopilot.experiments.ope.sequential.kind import SEQUENTIAL, STATELESS
from promopilot.experiments.ope.sequential.log import (
    SequentialLog,
    check_log,
    check_matrix,
    check_probabilities,
)
from promopilot.experiments.ope.sequential.marginal import marginal_weights
from promopilot.experiments.ope.sequential.q_model import QModel, q_model
from promopilot.experiments.ope.sequential.rows import (
    SequentialRows,
    clipped,
    ratios,
    rows_for,
)
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size


def sequential_case(
    log: SequentialLog,
    policy: FloatArray | Literal["logged"],
    qhat: FloatArray | None = None,
    settings: OpeSettings | None = None,
    seed: int = 0,
    *,
    estimators: Sequence[str] = (),
    fold: IntArray | None = None,
    model: QModel | None = None,
    propensities: Literal["logged", "estimated"] = "logged",
) -> Case[SequentialRows]:
    """A case from arrays.

    Args:
        log: n episodes, m decisions, A actions.
        policy: [m, A] probability of each action in each decision, or "logged" for the policy that
            wrote the log.
        qhat: [m, A] what the rest of the episode is expected to bring, from this step on and
            discounted to it, if this action is taken and the policy followed after; None: fitted Q
            evaluation estimates it.
        settings: discount, folds, model and tolerances; the defaults where absent.
        seed: seed of the model.
        estimators: names of those that will be asked for, so that only their models are fitted;
            where empty, all of them, `fqe` only if `qhat` is not given.
        fold: [n] folds for cross-fitting; by a hash of the cluster where absent.
        model: another model than the settings'.
        propensities: whether the log's propensities were logged.

    Raises:
        LogError: a fault in the arrays, with place and value.
    """
    settings = settings or OpeSettings()
    check_log(log)
    probability, choice = _choice(log, policy, settings.probability_tolerance)
    kind = _kind(log, qhat is not None)
    wanted = set(estimators or kind.default)
    fold = _folds(log, settings.folds) if fold is None else fold
    ratio = ratios(log, probability)
    marginal = check = None
    if "mis" in wanted:
        marginal = ratio if probability is None else marginal_weights(log, ratio, fold)
    how = model or q_model(settings, len(log.actions), seed)
    if qhat is None or "fqe" in wanted:
        fitted = fit_q(log, choice, settings.discount, fold, how)
        q = fitted.qhat if qhat is None else qhat
    else:
        fitted, q = None, qhat
    if qhat is not None:
        check_matrix(qhat, log, "the estimates q")
    start = None if fitted is None else fitted.start_value(log, choice)
    rows = rows_for(log, ratio, choice, q, settings.discount, marginal, start)
    if fitted is not None:
        check = _checked(log, choice, fold, fitted, how, rows, settings)
    return Case(
        kind,
        rows,
        log.cluster,
        log.evidence,
        Support() if probability is None else _support(log, probability),
        reward_model="cross-fitted" if qhat is None else "given",
        propensities=propensities,
        checks=() if check is None else check.failed,
        extra=_extra(log, rows, settings.discount, check),
        clip=clipped,
    )


def _choice(
    log: SequentialLog, policy: FloatArray | str, tolerance: float
) -> tuple[FloatArray | None, FloatArray]:
    """Probabilities [m, A], None for the policy that wrote the log; and what is done for it."""
    if not isinstance(policy, str):
        check_probabilities(policy, log, tolerance)
        shares = normalised(policy)
        return shares, shares
    if policy != "logged":
        raise LogError(f"policy is {policy!r}; give probabilities, or the name logged.")
    return None, np.eye(len(log.actions))[log.action]


def _kind(log: SequentialLog, given: bool) -> Kind[SequentialRows]:
    """The kind, without a fit where estimates are given, and with what else is to be known."""
    kind = SEQUENTIAL
    if given:
        kind = replace(kind, default=tuple(name for name in kind.default if name != "fqe"))
    if not log.state.shape[1]:
        kind = replace(kind, notes=(*kind.notes, STATELESS))
    return kind


def _folds(log: SequentialLog, folds: int) -> IntArray:
    episode = np.arange(len(log.length)).astype(str).astype(object)
    return folds_of_units(log.cluster.astype(str).astype(object), episode, folds)


def _support(log: SequentialLog, probability: FloatArray) -> Support:
    unseen = np.flatnonzero(np.bincount(log.action, minlength=len(log.actions)) == 0)
    share = probability[:, unseen].mean(axis=0)
    taken = tuple(log.actions[i] for i, part in zip(unseen, share, strict=True) if part > 0.0)
    return Support(float(share.sum()), taken)


def _checked(
    log: SequentialLog,
    choice: FloatArray,
    fold: IntArray,
    fitted: FittedQ,
    how: QModel,
    rows: SequentialRows,
    settings: OpeSettings,
) -> FitCheck:
    """The fit's check; a model of rounds is fitted once more, for twice as many."""
    shift = None
    if how.longer is not None:
        longer = fit_q(log, choice, settings.discount, fold, replace(how, make=how.longer))
        moved = longer.start_value(log, choice) - fitted.start_value(log, choice)
        shift = shift_in_errors(log, moved, rows)
    return check_fit(log, fitted, how.name, shift, settings)


def _extra(
    log: SequentialLog, rows: SequentialRows, discount: float, check: FitCheck | None
) -> dict[str, Any]:
    """What an episode's evidence is worth from step to step, and how the model did."""
    return {
        "episodes": len(log.length),
        "longest_episode": int(log.length.max()),
        "discount": discount,
        "ess_by_step": [effective_sample_size(step) for step in rows.weights.T],
        "max_weight_by_step": [float(step.max()) for step in rows.weights.T],
        **({} if check is None else {"q_model": check.as_dict()}),
    }
