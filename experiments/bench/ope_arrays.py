"""Seconds of bandit estimators and their intervals on arrays, as JSON on stdout.

Run in a process of its own (`python -m promopilot.experiments.bench.ope_arrays N REPLICATES`), so
that its memory is that of the log and the evaluation alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from promopilot.experiments.bench.ope_log import ACTIONS, CATEGORIES, MadeUp, made_up
from promopilot.experiments.bench.stopwatch import once, seconds
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.marginal import marginal_weight
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimates import estimate_all
from promopilot.experiments.ope.estimator import Estimator
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inference.sums import groups_of
from promopilot.experiments.ope.request import Request
from promopilot.experiments.ope.settings import OpeSettings

# A lambda for each estimator that has one; those of the reference set.
_LAMBDAS = {"ipw_clip": 10.0, "switch_dr": 10.0, "dros": 5.0, "sg_ipw": 0.1, "sg_dr": 0.1}
_FITTED = ("balanced_ipw",)  # not a closed form: it trains a classifier
_CATEGORY = ("mipw", "snmipw")  # these need weights of categories


def closed_form() -> dict[str, Estimator[BanditRows]]:
    """Every bandit estimator that is a formula, by name."""
    return {
        name: family.make(**({"lambda_": _LAMBDAS[name]} if name in _LAMBDAS else {}))
        for name, family in BANDIT.families.items()
        if name not in _FITTED
    }


def rows_of(made: MadeUp, *, categories: bool = False) -> BanditRows:
    """What the estimators need, from the arrays of a log."""
    rows = rows_for(made.log, made.policy, made.qhat)
    if not categories:
        return rows
    marginal = marginal_weight(
        made.policy, made.behavior, _categories(), made.log.action % CATEGORIES
    )
    return replace(rows, marginal=marginal)


def intervals(
    case: Case[BanditRows], estimators: Sequence[Estimator[BanditRows]], replicates: int
) -> list[Any]:
    """Estimates and intervals of all estimators together, on the same replicates."""
    settings = OpeSettings(replicates=replicates)
    rng = np.random.default_rng(0)
    group = groups_of(case.cluster, settings.max_units, rng)
    return estimate_all(case, estimators, group, settings, rng)


def main(count: int, replicates: int) -> None:
    """Prints the seconds of each estimator, of all replicates, and of a whole evaluation."""
    made = made_up(count)
    estimators = closed_form()
    each = {
        name: seconds(partial(_estimate, made, one), budget=0.5) for name, one in estimators.items()
    }
    whole = bandit_case(made.log, made.policy, made.qhat)
    case = replace(whole, rows=rows_of(made, categories=True))
    asked = [Request(name) for name in estimators if name not in _CATEGORY]
    settings = OpeSettings(replicates=replicates)
    print(
        json.dumps(
            {
                "each": each,
                "replicates": once(lambda: intervals(case, list(estimators.values()), replicates)),
                "evaluate": once(lambda: evaluate(whole, asked, settings, 0)),
            }
        )
    )


def _estimate(made: MadeUp, estimator: Estimator[BanditRows]) -> float:
    return estimator.estimate(rows_of(made, categories=estimator.name in _CATEGORY))


def _categories() -> FloatArray:
    """p(e|a) [A, E]: each action has one category."""
    return np.eye(CATEGORIES)[np.arange(ACTIONS) % CATEGORIES]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
