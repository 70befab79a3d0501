import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.sequential.files import read_case
from promopilot.experiments.ope.sequential.kind import SEQUENTIAL, STATELESS
from promopilot.experiments.ope.settings import OpeSettings

SEQUENTIAL_A = Path(__file__).parent / "data" / "ope" / "sequential_A"
EXPECTED = json.loads((SEQUENTIAL_A / "expected.json").read_text())["estimators"]
TEXT = {"episode_id": str, "action": str}
LOG = pd.read_csv(SEQUENTIAL_A / "log.csv", dtype=TEXT)
POLICY = pd.read_csv(SEQUENTIAL_A / "policy.csv", dtype=TEXT)
FIXTURES = {
    "dm_seq": "dm", "tis": "tis", "pdis": "pdis", "dr_seq": "dr",
    "sntis": "sntis", "snpdis": "snpdis", "sndr_seq": "sndr",
}  # fmt: skip
SETTINGS = OpeSettings(replicates=200)


@pytest.fixture
def read(tmp_path):
    """Writes frames as files and reads them as a case."""

    def case(log=LOG, policy=POLICY, qhat=None, estimators=("tis",), suffix=".csv"):
        def written(name, frame):
            path = tmp_path / f"{name}{suffix}"
            frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
            return path

        return read_case(
            Inputs(
                written("log", log),
                policy if isinstance(policy, str) else str(written("policy", policy)),
                None if qhat is None else written("qhat", qhat),
                estimators=tuple(estimators),
            ),
            SETTINGS,
            0,
        )

    return case


def values(case):
    names = [name for name in case.kind.default if name in FIXTURES]
    return {name: SEQUENTIAL.families[name].make().estimate(case.rows) for name in names}


def spoil(frame, row, column, value):
    """The frame with one cell changed; rows count from 0."""
    spoilt = frame.copy()
    spoilt[column] = spoilt[column].astype(object)
    spoilt.loc[row, column] = value
    return spoilt


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_in_any_order_give_the_reference_values(read, suffix):
    shuffled = [frame.sample(frac=1, random_state=1) for frame in (LOG, POLICY, POLICY)]
    found = values(read(*shuffled, estimators=(), suffix=suffix))
    for name, fixture in FIXTURES.items():
        assert found[name] == pytest.approx(EXPECTED[fixture]["value"], rel=0, abs=1e-9)


def test_the_command_writes_estimates_of_a_sequential_log_and_nothing_of_a_broken_one(tmp_path):
    given = str(SEQUENTIAL_A / "policy.csv")
    out = tmp_path / "out"
    result = evaluate_files(Inputs(SEQUENTIAL_A / "log.csv", given), out, SETTINGS, 0)
    assert result["kind"] == "sequential"
    assert result["rows"] == 200
    assert [row["estimator"] for row in result["estimates"]] == list(SEQUENTIAL.default)
    for row in result["estimates"]:
        low, high = row["ci95"]
        assert low <= row["estimate"] <= high, row["estimator"]
    seen = result["diagnostics"]
    assert seen["longest_episode"] == len(seen["ess_by_step"]) == 7
    assert seen["q_model"]["failed"] == []
    assert json.loads((out / "ope.json").read_text()) == result
    spoil(LOG, 9, "reward", "nan").to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(LogError, match=r"row 11 .*reward is nan"):
        evaluate_files(Inputs(tmp_path / "log.csv", given), tmp_path / "none", SETTINGS, 0)
    assert not (tmp_path / "none").exists()


def test_rows_in_another_order_give_the_same_fits(read):
    first = read(estimators=("fqe", "mis")).rows
    again = read(LOG.sample(frac=1, random_state=2), POLICY[::-1], estimators=("fqe", "mis")).rows
    np.testing.assert_allclose(again.fitted_start, first.fitted_start, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.marginal, first.marginal, rtol=0, atol=1e-12)


def test_given_estimates_are_used_and_fitted_only_if_asked_for(read):
    given = read(qhat=POLICY, estimators=())
    assert given.reward_model == "given"
    assert "fqe" not in given.kind.default
    assert "q_model" not in given.extra
    asked = read(qhat=POLICY, estimators=("fqe",))
    assert asked.extra["q_model"]["fits"] == 5 * 7
    assert asked.rows.fitted_start.mean() != pytest.approx(asked.rows.q_policy[:, 0].mean())
    fitted = read(estimators=())
    assert fitted.reward_model == "cross-fitted"
    assert fitted.kind.default == SEQUENTIAL.default
    np.testing.assert_allclose(fitted.rows.fitted_start, fitted.rows.q_policy[:, 0])


def test_policies_by_name(read):
    assert values(read(policy="logged"))["tis"] == pytest.approx(LOG["reward"].sum() / 200)
    # The weight of "always 2" is 0 in an episode with any other action.
    always = read(policy="always:2").rows
    only = LOG.assign(same=LOG["action"] == "2").groupby("episode_id")["same"].all()
    assert (always.weight > 0).sum() == only.sum()
    even = read(policy="uniform").rows
    assert even.weights[:, 0].mean() == pytest.approx(
        (0.25 / LOG.query("step == 0").propensity).mean()
    )


def test_clusters_and_evidence_are_read(read):
    log = LOG.assign(cluster_id=[f"user-{int(e) // 2}" for e in LOG["episode_id"]])
    case = read(log.assign(evidence=["simulated"] + ["logged"] * 1399))
    assert case.evidence == "simulated"
    assert len(set(case.cluster)) == 100
    assert read().evidence == "logged"
    assert len(set(read().cluster)) == 200


def test_an_episode_is_dated_by_its_first_step(read):
    days = pd.Timestamp("2026-03-01") + pd.to_timedelta(LOG["step"], unit="D")
    assert set(read(LOG.assign(timestamp=days)).timestamp) == {np.datetime64("2026-03-01")}
    assert read().timestamp is None


def test_a_log_without_states_says_so_and_steps_may_count_from_one(read):
    bare = LOG.drop(columns=["s_0", "s_1"])
    case = read(bare, estimators=())
    assert STATELESS in case.kind.notes
    assert STATELESS not in read().kind.notes
    later = [frame.assign(step=frame["step"] + 1) for frame in (bare, POLICY)]
    np.testing.assert_allclose(read(*later, estimators=()).rows.weights, case.rows.weights)


def test_propensities_that_were_not_logged_are_estimated_and_marked(read):
    case = read(LOG.drop(columns="propensity"), estimators=())
    assert case.propensities == "estimated"
    assert read().propensities == "logged"
    weighted = SEQUENTIAL.families["sndr_seq"].make().estimate
    assert weighted(case.rows) == pytest.approx(weighted(read().rows), rel=0.15)
    result = evaluate(case, parse_requests((), case.kind), SETTINGS, 0)
    assert result["verdict"] != "ship"


def test_actions_that_only_the_policy_knows_are_not_supported(read):
    half = POLICY.assign(probability=POLICY["probability"] / 2)
    new = half.groupby(["episode_id", "step"], as_index=False)["probability"].sum()
    case = read(policy=pd.concat([half, new.assign(action="new")]))
    assert case.support.unsupported_share == pytest.approx(0.5, abs=1e-6)
    assert case.support.unsupported_actions == ("new",)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            spoil(LOG, 9, "reward", "nan"),
            r"log.csv, row 11 \(episode 1, step 2\): reward is nan; it",
        ),
        (spoil(LOG, 9, "reward", ""), "log.csv, row 11: reward is empty; every row needs one"),
        (
            spoil(LOG.assign(timestamp="2026-09-30"), 41, "timestamp", "31.09.2026"),
            "log.csv, row 43: timestamp is '31.09.2026'; it must be an ISO date or time, such as",
        ),
        (
            LOG.rename(columns={"propensity": "Propensity", "s_0": "S_0"}),
            "column 'S_0' must be written 's_0', 'Propensity' must be written 'propensity'; as",
        ),
        (spoil(LOG, 9, "s_1", "abc"), "log.csv, row 11: s_1 is 'abc', but nearly all others there"),
        (spoil(LOG, 9, "reward", "much"), "log.csv, row 11: reward is 'much'; it must be a number"),
        (
            spoil(LOG, 9, "propensity", 0),
            r"row 11 \(episode 1, step 2\): propensity is 0; the prob",
        ),
        (spoil(LOG, 9, "propensity", 1.5), r"row 11 .*: propensity is 1.5; the prob"),
        (spoil(LOG, 9, "step", 1.5), "log.csv, row 11: step is 1.5; it must be a whole number"),
        (spoil(LOG, 9, "step", -1), "log.csv, row 11: step is -1; it must be a whole number"),
        (
            spoil(LOG, 9, "step", 1),
            "row 11: episode '1', step 1 stands there twice; a step has one",
        ),
        (spoil(LOG, 9, "episode_id", ""), "log.csv, row 11: episode_id is empty"),
        (spoil(LOG, 9, "action", ""), "log.csv, row 11: action is empty"),
        (LOG.drop(index=9), "row 11: episode '1' goes on with step 3, but its step 2 is missing"),
        (LOG.drop(index=7), "row 9: episode '1' goes on with step 1, but its step 0 is missing"),
        (LOG.assign(step=LOG["step"] + 3), "the first step is number 3; steps are counted from 0"),
        (LOG[:0], "log.csv is empty: it needs at least one episode"),
        (LOG.drop(columns="step"), "log.csv has no column 'step'; it has episode_id"),
        (LOG.drop(columns="reward"), "log.csv has no column 'reward'"),
        (LOG.assign(action="0"), "log.csv shows one action only, '0', in all 1400 decisions"),
        (LOG.assign(evidence="hearsay"), "row 2: evidence is 'hearsay'; it must be logged or sim"),
        (
            LOG.assign(cluster_id=["x"] * 9 + ["y"] * 1391),
            "row 11: cluster_id is 'y', but episode '1' began in another",
        ),
    ],
)
def test_a_log_at_fault_is_refused_with_its_row(read, log, message):
    with pytest.raises(LogError, match=message):
        read(log)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            spoil(POLICY, 5, "probability", 1.5),
            r"policy.csv, row 7 \(episode 0, step 1, action 1\): p",
        ),
        (
            spoil(POLICY, 5, "probability", ""),
            "policy.csv, row 7: probability is empty; every row needs one",
        ),
        (POLICY.drop(index=5), "policy.csv, episode '0', step 1: probabilities sum to 0.7"),
        (POLICY.drop(index=range(4, 8)), r"no row for episode '0', step 1 of log.csv \(1 of 1400"),
        (
            POLICY.replace({"episode_id": {"0": "X1"}}),
            "no row for episode '0', step 0 .*; it has an episode 'X1', which log.csv has not.$",
        ),
        (
            POLICY.rename(columns={"step": "Step"}),
            "policy.csv: column 'Step' must be written 'step'",
        ),
        (pd.concat([POLICY, POLICY[5:6]]), "row 5602 .* stands there twice"),
        (POLICY.drop(columns="step"), "policy.csv has no column 'step'"),
        (POLICY[:0], "policy.csv is empty: it needs a row for every step of log.csv"),
        ("always:9", "log.csv has no action '9'; it shows 0, 1, 2, 3"),
        (str(SEQUENTIAL_A), "is a folder: log.csv holds episodes, which need a file of probab"),
        ("best", "policy 'best' is neither a file nor one of uniform, logged, always:<action>"),
    ],
)
def test_a_policy_at_fault_is_refused_with_its_row(read, policy, message):
    with pytest.raises(LogError, match=message):
        read(policy=policy)


@pytest.mark.parametrize(
    ("qhat", "message"),
    [
        (
            spoil(POLICY, 5, "q", np.inf),
            r"qhat.csv, row 7 .*: q is inf; it must be a finite number",
        ),
        (POLICY.drop(index=5), "qhat.csv has no estimate for episode '0', step 1, action '1'"),
        (POLICY.drop(columns="q"), "qhat.csv has no column 'q'"),
    ],
)
def test_estimates_at_fault_are_refused_with_their_row(read, qhat, message):
    with pytest.raises(LogError, match=message):
        read(qhat=qhat)


def test_columns_that_nothing_uses_are_told(read):
    case = read(LOG.assign(x_age=3, s_empty=None), estimators=())
    assert case.extra["ignored_columns"][-2:] == ["x_age", "s_empty"]
    assert "s_0" not in case.extra["ignored_columns"]
    np.testing.assert_allclose(case.rows.q_policy, read(estimators=()).rows.q_policy)
