"""How long Open Bandit Pipeline takes for ten estimates with intervals, as JSON on stdout.

Stands alone: it is run by the interpreter of the peers' environment, where nothing of promopilot
is installed (`experiments/bench/peers-requirements.txt` says what is).
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

SEED = 12345  # as in its own examples


def main() -> None:
    """Estimates and their intervals, one estimator after the other, from arrays in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with reward.npy, action.npy and so on")
    parser.add_argument("replicates", type=int, help="of the bootstrap")
    given = parser.parse_args()
    arrays = {
        name: np.load(given.folder / f"{name}.npy")
        for name in ("reward", "action", "pscore", "action_dist", "estimated_rewards")
    }
    log = {
        "reward": arrays["reward"],
        "action": arrays["action"],
        "pscore": arrays["pscore"],
        "action_dist": arrays["action_dist"][:, :, None],
        "estimated_rewards_by_reg_model": arrays["estimated_rewards"][:, :, None],
    }
    made = estimators(its_estimators())
    values = {}
    began = time.perf_counter()
    for name, estimator in made.items():
        values[name] = float(estimator.estimate_policy_value(**log))
        estimator.estimate_interval(**log, n_bootstrap_samples=given.replicates, random_state=SEED)
    print(json.dumps({"seconds": time.perf_counter() - began, **values}))


def estimators(theirs: Any) -> dict[str, Any]:
    """Ten estimators by the names that promopilot gives them."""
    return {
        "ipw": theirs.InverseProbabilityWeighting(),
        "ipw_clip": theirs.InverseProbabilityWeighting(lambda_=10.0),
        "snipw": theirs.SelfNormalizedInverseProbabilityWeighting(),
        "dm": theirs.DirectMethod(),
        "dr": theirs.DoublyRobust(),
        "sndr": theirs.SelfNormalizedDoublyRobust(),
        "switch_dr": theirs.SwitchDoublyRobust(lambda_=10.0),
        "dros": theirs.DoublyRobustWithShrinkage(lambda_=5.0),
        "sg_ipw": theirs.SubGaussianInverseProbabilityWeighting(lambda_=0.1),
        "sg_dr": theirs.SubGaussianDoublyRobust(lambda_=0.1),
    }


def its_estimators() -> Any:
    """The module `obp.ope.estimators`, without what its packages import beside it.

    These bring learners (torch), tables and plots, gigabytes that no estimator uses; its `utils`
    names torch's and pandas' types in passing.
    """
    for name, types in (("torch", ("Tensor", "tensor")), ("pandas", ("DataFrame", "Series"))):
        stand_in = ModuleType(name)
        for one in types:
            setattr(stand_in, one, type(one, (), {}))
        sys.modules[name] = stand_in
    found = find_spec("obp")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'obp'")
    root = Path(next(iter(found.submodule_search_locations)))
    for name, folder in (("obp", root), ("obp.ope", root / "ope")):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return importlib.import_module("obp.ope.estimators")


if __name__ == "__main__":
    main()
