"""A bandit log given as arrays, evaluated."""

from collections.abc import Sequence
from typing import Any, Literal

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings


def evaluate_log(
    log: BanditLog,
    policy: FloatArray | Literal["logged"],
    qhat: FloatArray,
    settings: OpeSettings,
    seed: int,
    estimators: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of `ope.json` for a policy as by `bandit_case`, estimators as by their names.

    Raises:
        LogError: a fault in the arrays (row and value named) or an unknown estimator.
    """
    requests = parse_requests(estimators, BANDIT)
    return evaluate(
        bandit_case(log, policy, qhat, settings.probability_tolerance), requests, settings, seed
    )
