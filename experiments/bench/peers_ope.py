"""Our offline evaluation beside Open Bandit Pipeline: the same log, estimators and replicates.

Each starts from the same arrays (reward, action, propensity, policy and reward estimates) and gives
ten estimates with a 95 % bootstrap interval each. Theirs draws n rows with replacement for every
estimator and replicate, and does not normalise anew within a replicate. Ours draws once for all
estimators, from sums over at most 20,000 groups of decisions (`inference`), normalises anew, and
gives the interval of the gain over the log beside that of the value. They take turns; figures are
medians over the rounds. A round of a million decisions takes minutes, nearly all of them theirs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import numpy as np

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_arrays import intervals
from promopilot.experiments.bench.ope_log import MadeUp, made_up
from promopilot.experiments.bench.peers_process import Peer
from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator

# Our names, with the lambda where there is one; the script has the same under the same names.
ESTIMATORS: Mapping[str, float | None] = {
    "ipw": None,
    "ipw_clip": 10.0,
    "snipw": None,
    "dm": None,
    "dr": None,
    "sndr": None,
    "switch_dr": 10.0,
    "dros": 5.0,
    "sg_ipw": 0.1,
    "sg_dr": 0.1,
}
OBP = Peer(
    "Open Bandit Pipeline",
    Path(__file__).with_name("peers_obp.py"),
    ("seconds", *ESTIMATORS),
)
_LEAST_TIMES, _LARGEST_DIFFERENCE = 10.0, 1e-9
_MOST_SECONDS = 1800.0


def measure(
    python: Path, rounds: int = 1, decisions: int = 1_000_000, replicates: int = 1_000
) -> dict[str, Figure]:
    """Measures in turns, in some minutes.

    Args:
        python: interpreter that has Open Bandit Pipeline.
        rounds: how often each is measured.
        decisions: rows of the log, of 20 actions each.
        replicates: of the bootstrap.

    Returns:
        `obp_rows`, `obp_replicates`: of both; `obp_seconds`, `ope_seconds`: ten estimates with
        intervals, theirs and ours; `times_obp`: how much faster ours is, the median of the rounds'
        ratios; `obp_largest_difference`: between the estimates, relative.

    Raises:
        MissingPackageError: it does not run there.
    """
    made = made_up(decisions)
    estimators = {
        name: BANDIT.families[name].make(**({} if value is None else {"lambda_": value}))
        for name, value in ESTIMATORS.items()
    }
    theirs, ours = [], []
    with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
        _save(made, Path(scratch))
        for _ in range(rounds):
            spent, *values = OBP.ask(python, [scratch, str(replicates)], _MOST_SECONDS)
            theirs.append(spent)
            began = time.perf_counter()
            found = _ours(made, estimators, replicates)
            ours.append(time.perf_counter() - began)
    largest = max(
        abs(found[name] - value) / abs(value)
        for name, value in zip(ESTIMATORS, values, strict=True)
    )
    ratio = median(other / one for one, other in zip(ours, theirs, strict=True))
    return {
        "obp_rows": figure(decisions, "rows"),
        "obp_replicates": figure(replicates, "replicates"),
        "obp_seconds": figure(median(theirs), "s"),
        "ope_seconds": figure(median(ours), "s"),
        "times_obp": figure(ratio, "x", at_least=_LEAST_TIMES),
        "obp_largest_difference": figure(largest, "", at_most=_LARGEST_DIFFERENCE),
    }


def _ours(
    made: MadeUp, estimators: Mapping[str, Estimator[BanditRows]], replicates: int
) -> dict[str, float]:
    """Values by name; intervals are made with them."""
    case = bandit_case(made.log, made.policy, made.qhat)
    found = intervals(case, list(estimators.values()), replicates)
    return {one.estimator.name: one.value for one in found}


def _save(made: MadeUp, folder: Path) -> None:
    """Writes the arrays that theirs reads, one file each."""
    arrays = {
        "reward": made.log.reward,
        "action": made.log.action,
        "pscore": made.log.propensity,
        "action_dist": made.policy,
        "estimated_rewards": made.qhat,
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
