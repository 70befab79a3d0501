"""Did the models behind fitted Q evaluation learn anything, and were they trained for long enough?

A model that never trained still gives a number, with an interval around it. So every fit is scored
on episodes it did not see, against the mean and against a straight line that had the same chance.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.sequential.doubly_robust import doubly_robust_returns
from promopilot.experiments.ope.sequential.fqe import FittedQ
from promopilot.experiments.ope.sequential.log import SequentialLog
from promopilot.experiments.ope.sequential.rows import SequentialRows
from promopilot.experiments.ope.settings import OpeSettings

# Standard errors beyond which one predictor is better than another: one false alarm in 700.
_CLEARLY = 3.0


@dataclass(frozen=True)
class FitCheck:
    """What the fit was, how well it did out of sample, and what stands against it."""

    model: str
    steps: int  # of the backward pass, all done
    fits: int  # models fitted: one a step and fold
    explained: float | None  # share of the targets' variance; None where they do not vary
    explained_by_line: float | None  # the same by ridge regression
    spread: float  # standard deviation of the estimates for what was done
    shift: float | None  # standard errors that twice the rounds move the value; None: no rounds
    failed: tuple[str, ...]  # plain sentences, empty when all is well

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "failed": list(self.failed)}


def check_fit(
    log: SequentialLog, fitted: FittedQ, model: str, shift: float | None, settings: OpeSettings
) -> FitCheck:
    """Scores a fit on what it did not see.

    Args:
        log: what it was fitted on.
        fitted: the fit.
        model: its name.
        shift: standard errors by which training twice as long moves the value, where known.
        settings: the thresholds `q_model_min_share` and `q_model_max_shift`.
    """
    errors = [
        np.square(fitted.target - said) for said in (fitted.model, fitted.constant, fitted.line)
    ]
    own, constant, line = errors
    total = float(constant.sum())
    varies = total > 1e-20 * float(np.square(fitted.target).sum())
    explained = 1.0 - float(own.sum()) / total if varies else None
    by_line = 1.0 - float(line.sum()) / total if varies else None
    failed = []
    if not fitted.fits:
        failed.append(
            "The model of what the rest of an episode brings could not be fitted: all episodes "
            "belong together, so none is left to learn from."
        )
    if explained is not None and by_line is not None:
        if explained < 0.0 and _excess(log, own - constant) > _CLEARLY:
            failed.append(
                "The model of what the rest of an episode brings predicts episodes it has not seen "
                "worse than their plain average does: it has not learnt, and estimates built on it "
                "are not to be trusted."
            )
        elif (
            explained < settings.q_model_min_share * by_line and _excess(log, own - line) > _CLEARLY
        ):
            failed.append(
                f"The model of what the rest of an episode brings explains {explained:.1%} of what "
                "followed in episodes it has not seen, where a plain straight line explains "
                f"{by_line:.1%}: it has not learnt what there is to learn, and estimates built on "
                "it are not to be trusted."
            )
    if shift is not None and not shift <= settings.q_model_max_shift:
        failed.append(
            "The model of what the rest of an episode brings was not trained for long enough: "
            f"twice as long moves the value by {shift:.2g} times its uncertainty; at most "
            f"{settings.q_model_max_shift:g} times is allowed."
        )
    return FitCheck(
        model=model,
        steps=fitted.steps,
        fits=fitted.fits,
        explained=explained,
        explained_by_line=by_line,
        spread=float(fitted.model.std()),
        shift=shift,
        failed=tuple(failed),
    )


def shift_in_errors(log: SequentialLog, moved: FloatArray, rows: SequentialRows) -> float:
    """How far values of episodes moved [n] on average, in standard errors of `dr_seq`.

    That error is what the interval of the fitted value is made from.
    """
    terms = doubly_robust_returns(rows)
    error = _error_of_sum(log.cluster, terms - terms.mean())
    return float(abs(moved.sum()) / error) if error > 0.0 else 0.0


def _excess(log: SequentialLog, difference: FloatArray) -> float:
    """Sum of differences of decisions [m] in standard errors of it."""
    by_episode = np.bincount(log.episode, difference)
    error = _error_of_sum(log.cluster, by_episode - by_episode.mean())
    return float(by_episode.sum()) / error if error > 0.0 else 0.0


def _error_of_sum(cluster: IntArray, centred: FloatArray) -> float:
    """Standard error of a sum over episodes [n], clusters being independent."""
    by_cluster = np.bincount(np.unique(cluster, return_inverse=True)[1], centred)
    return float(np.sqrt(np.square(by_cluster).sum()))
