"""Sequential estimators against values that are known: exactly, or from playing the policy."""

import numpy as np
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import CurrentMix, Uniform
from promopilot.envs.blocks.presets import explore_presets
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.logs import sequential_frame, write_frames
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.sequential.case import sequential_case
from promopilot.experiments.ope.sequential.files import read_case
from promopilot.experiments.ope.sequential.kind import SEQUENTIAL
from promopilot.experiments.ope.settings import OpeSettings
from tests.ope_sequential_world import Chain

# So wide an interval misses one time in a thousand: no seed needs to be lucky.
SETTINGS = OpeSettings(replicates=1000, confidence=0.999)


@pytest.mark.parametrize("given", [False, True], ids=["fitted estimates", "true estimates"])
@pytest.mark.parametrize("end", [0.0, 0.2], ids=["equal lengths", "lengths differ"])
def test_every_estimators_interval_holds_the_exact_value(end, given):
    world = Chain(end=end)
    log, policy = world.log(1200, seed=11)
    truth = world.value()
    qhat = world.values()[log.step, log.state[:, 0].astype(int)] if given else None
    case = sequential_case(log, policy, qhat, SETTINGS)
    result = evaluate(case, parse_requests((), case.kind), SETTINGS, 0)
    assert {row["estimator"] for row in result["estimates"]} >= set(SEQUENTIAL.default) - {"fqe"}
    for row in result["estimates"]:
        low, high = row["ci95"]
        assert low < truth < high, row["estimator"]
        assert row["estimate"] == pytest.approx(truth, rel=0.12), row["estimator"]
    if given:
        assert result["estimates"][0]["estimate"] == pytest.approx(truth, rel=0.02)


def test_estimates_average_to_the_exact_value():
    world, found = Chain(), []
    names = ("tis", "pdis", "snpdis", "dr_seq", "sndr_seq", "mis", "fqe")
    for seed in range(30):
        rows = sequential_case(*world.log(250, seed=100 + seed)).rows
        found.append([SEQUENTIAL.families[name].make().estimate(rows) for name in names])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(30)
    truth = world.value()
    for name, one, noise in zip(names, mean, error, strict=True):
        # Those that are only consistent may be off by a little in 250 episodes.
        little = 0.0 if name in ("tis", "pdis", "dr_seq") else 0.03 * truth
        assert abs(one - truth) < 4 * noise + little, name
    spread = dict(zip(names, np.std(found, axis=0), strict=True))
    assert spread["fqe"] < spread["dr_seq"] < spread["pdis"] < spread["tis"]
    assert spread["mis"] < spread["snpdis"]


def test_a_markets_log_tells_what_its_presets_bring(tmp_path):
    """Three days, 300 flights: each preset's value against that of playing it."""
    world = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=3))
    presets = [Replanner(world), Uniform(), CurrentMix()]
    log = explore_presets(world, {one.name: one.spend for one in presets}, 5, np.arange(300))
    write_frames([sequential_frame(log)], tmp_path / "sequential.parquet")
    for preset in presets:
        case = read_case(
            Inputs(tmp_path / "sequential.parquet", f"always:{preset.name}"), SETTINGS, 0
        )
        result = evaluate(case, parse_requests((), case.kind), SETTINGS, 0)
        truth = roll_out(preset, world, 77, np.arange(400)).value.mean()
        for row in result["estimates"]:
            if row["estimator"] in ("snpdis", "dr_seq", "sndr_seq", "mis", "fqe"):
                assert row["estimate"] == pytest.approx(truth, rel=0.2), row["estimator"]
        assert case.evidence == "simulated"
        assert result["verdict"] != "ship"
        assert case.checks == ()
