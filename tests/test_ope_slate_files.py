import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

SLATE_A = Path(__file__).parent / "data" / "ope" / "slate_A"
EXPECTED = {
    name: one["value"]
    for name, one in json.loads((SLATE_A / "expected.json").read_text())["estimators"].items()
}
KEYS = {"decision_id": str, "action": str}
FAST = OpeSettings(replicates=100)


@pytest.fixture
def files(tmp_path):
    """The reference set as frames that a test may spoil, and a way to evaluate them."""
    frames = {
        name: pd.read_csv(SLATE_A / f"{name}.csv", dtype=KEYS)
        for name in ("log", "policy", "cascade")
    }

    def evaluate(changed=None, policy="policy.csv", qhat=True, estimators=(), seed=0):
        for name, frame in (frames | (changed or {})).items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        spec = str(tmp_path / policy) if policy.endswith(".csv") else policy
        qhat_path = tmp_path / "cascade.csv" if qhat else None
        inputs = Inputs(tmp_path / "log.csv", spec, qhat_path, estimators=tuple(estimators))
        return evaluate_files(inputs, tmp_path / "out", FAST, seed)

    evaluate.frames, evaluate.folder = frames, tmp_path
    return evaluate


def spoil(frame, row, column, value):
    """The frame with one cell changed; rows count from 0."""
    spoilt = frame.copy()
    spoilt[column] = spoilt[column].astype(object)
    spoilt.loc[row, column] = value
    return spoilt


def estimates(result):
    return {row["estimator"]: row["estimate"] for row in result["estimates"]}


def test_files_give_the_reference_values(files):
    result = files()
    assert estimates(result) == pytest.approx(EXPECTED, rel=0, abs=1e-9)
    assert (result["kind"], result["rows"], result["evidence"]) == ("slate", 300, "logged")
    assert result["logged_value"] == pytest.approx(files.frames["log"].reward.sum() / 300)
    # Usable evidence of 44 slates is below the 50 that any verdict needs.
    assert result["verdict"] == "insufficient_support"
    assert json.loads((files.folder / "out" / "ope.json").read_text()) == result


def test_the_order_of_the_rows_changes_nothing(files):
    shuffled = {
        name: frame.sample(frac=1.0, random_state=1) for name, frame in files.frames.items()
    }
    assert files(shuffled) == files()
    assert files(shuffled, policy="uniform", qhat=False) == files(policy="uniform", qhat=False)


def test_parquet_with_numbers_as_ids_reads_like_csv(files):
    want, folder = files(), files.folder
    for name, frame in files.frames.items():
        numbers = frame.astype({"decision_id": int, "action": float, "position": float})
        numbers.to_parquet(folder / f"{name}.parquet")
    inputs = Inputs(
        folder / "log.parquet", str(folder / "policy.parquet"), folder / "cascade.parquet"
    )
    assert evaluate_files(inputs, folder / "out2", FAST, 0) == want


def test_positions_may_count_from_1(files):
    from_1 = {
        name: frame.assign(position=frame.position + 1) for name, frame in files.frames.items()
    }
    assert estimates(files(from_1)) == pytest.approx(EXPECTED, rel=0, abs=1e-9)
    log = from_1["log"].drop(index=4)
    with pytest.raises(LogError, match=r"row 6 .*position is 3; .* are 1, 2, 3 and so on"):
        files(from_1 | {"log": log})
    with pytest.raises(LogError, match=r"row 2 .*position is 0; log.csv has no such position"):
        files(from_1 | {"policy": files.frames["policy"]})


def test_columns_left_out_leave_out_what_needs_them(files):
    without = files({"log": files.frames["log"].drop(columns=["propensity_position"])}, qhat=False)
    left = ["sips", "rips", "snsips", "snrips"]
    assert estimates(without) == pytest.approx({name: EXPECTED[name] for name in left}, abs=1e-9)
    bare = files(
        {
            "log": files.frames["log"].drop(columns=["propensity"]),
            "policy": files.frames["policy"].drop(columns=["probability", "probability_position"]),
        }
    )
    left.append("cascade_dr")
    assert estimates(bare) == pytest.approx({name: EXPECTED[name] for name in left}, abs=1e-9)


def test_what_is_asked_for_and_cannot_be_computed_is_one_error(files):
    log = files.frames["log"].drop(columns=["propensity_cascade"])
    with pytest.raises(LogError, match="estimator snrips needs the probability of the items down"):
        files({"log": log}, estimators=["snrips"])
    with pytest.raises(LogError, match="estimator cascade_dr needs reward estimates"):
        files(qhat=False, estimators=["cascade_dr"])
    with pytest.raises(LogError, match=r"unknown estimator 'snips' for a slate log; did you mean"):
        files(estimators=["snips"])
    assert not (files.folder / "out").exists()


def test_uniform_needs_no_file(files):
    log, fitted = files.frames["log"], files(policy="uniform", qhat=False)
    weight = np.array([1 / 5, 1 / 20, 1 / 60])[log.position] / log.propensity_cascade
    rips = (weight * log.reward).sum() / 300
    assert estimates(fitted)["rips"] == pytest.approx(rips, abs=1e-9)
    assert fitted["diagnostics"]["reward_model"] == "cross-fitted"
    assert fitted == files(policy="uniform", qhat=False)
    given = files(policy="uniform")
    assert given["diagnostics"]["reward_model"] == "given"
    cascade = files.frames["cascade"]
    table = cascade.pivot(index=["decision_id", "position"], columns="action", values="q")
    shown = log.set_index(["decision_id", "position"]).join(table).reset_index()
    shown["q"] = [row[row.action] for _, row in shown.iterrows()]
    taken = shown.groupby("decision_id").action.agg(list)
    shown["expected"] = [
        np.mean([row[a] for a in "01234" if a not in taken[row.decision_id][: row.position]])
        for _, row in shown.iterrows()
    ]
    ratio = np.array([1 / 5, 1 / 20, 1 / 60])[shown.position] / shown.propensity_cascade
    earlier = ratio.groupby(shown.decision_id).shift(1).fillna(1.0)
    value = (ratio * (shown.reward - shown.q) + earlier * shown.expected).sum() / 300
    assert estimates(given)["cascade_dr"] == pytest.approx(value, abs=1e-9)


def test_the_logged_policy_has_the_logged_mean(files):
    mean = files.frames["log"].reward.sum() / 300
    for qhat in (True, False):
        result = files(policy="logged", qhat=qhat)
        assert len(result["estimates"]) == 6 + qhat
        for row in result["estimates"]:
            assert row["estimate"] == pytest.approx(mean, abs=1e-12)
            assert row["diff_ci95"] == [0.0, 0.0]


def test_clusters_evidence_and_other_decisions_are_read(files):
    log, policy = files.frames["log"], files.frames["policy"]
    marked = log.assign(
        cluster_id=[f"c{int(i) % 40}" for i in log.decision_id],
        evidence="simulated",
        timestamp="2026-01-01T10:00:00",
    )
    other = policy.head(3).assign(decision_id="elsewhere")
    result = files({"log": marked, "policy": pd.concat([other, policy])})
    assert (result["diagnostics"]["units"], result["evidence"]) == (40, "simulated")
    assert estimates(result) == pytest.approx(EXPECTED, rel=0, abs=1e-9)


def test_shorter_slates_are_read(files):
    def cut(frame):
        return frame[(frame.position < 2) | (frame.decision_id != "0")]

    log = files.frames["log"].copy()
    first = (log.decision_id == "0") & (log.position < 2)
    log.loc[first, "propensity"] = log[first].propensity_cascade.iloc[1]
    policy = files.frames["policy"].copy()
    policy.loc[first, "probability"] = policy[first].probability_cascade.iloc[1]
    result = files(
        {"log": cut(log), "policy": cut(policy), "cascade": cut(files.frames["cascade"])}
    )
    assert result["rows"] == 300
    lost = (policy.probability_cascade * log.reward / log.propensity_cascade)[2] / 300
    assert estimates(result)["rips"] == pytest.approx(EXPECTED["rips"] - lost, abs=1e-9)


def test_weak_support_is_a_verdict(files):
    """All probability on an item that was never shown, at every position."""
    cascade = files.frames["cascade"].assign(probability=0.0)
    new = files.frames["log"][["decision_id", "position"]].assign(action="new", q=0.5)
    policy = files.frames["policy"].assign(
        probability=0.0, probability_position=0.0, probability_cascade=0.0
    )
    result = files({"policy": policy, "cascade": pd.concat([cascade, new.assign(probability=1.0)])})
    assert result["verdict"] == "insufficient_support"
    assert result["diagnostics"]["unsupported_share"] == 1.0
    assert result["diagnostics"]["unsupported_actions"][0] == "new at position 0"
    found = estimates(result)
    assert (found["sips"], found["snsips"], found["cascade_dr"]) == (0.0, None, 0.5)


FAULTS = [
    (
        "log",
        lambda f: f.rename(columns={"propensity_cascade": "Propensity_cascade "}),
        "log.csv: column 'Propensity_cascade ' must be written 'propensity_cascade'; as it stands",
    ),
    (
        "log",
        lambda f: f.assign(timestamp="2026-09-30").pipe(spoil, 41, "timestamp", "31.09.2026"),
        "log.csv, row 43 .*timestamp is '31.09.2026'; it must be an ISO date or time",
    ),
    (
        "policy",
        lambda f: f.replace({"decision_id": {"0": "X1"}}),
        "no row for decision '0'.* missing.; it has a decision 'X1', which log.csv has not.$",
    ),
    (
        "log",
        lambda f: spoil(f, 4, "propensity", 0),
        r"log.csv, row 6 \(decision 1\): propensity is 0; .*above 0",
    ),
    (
        "log",
        lambda f: spoil(f, 4, "propensity_position", 1.2),
        "propensity_position is 1.2; .*at most",
    ),
    (
        "log",
        lambda f: spoil(f, 4, "propensity_cascade", None),
        "row 6: propensity_cascade is empty",
    ),
    ("log", lambda f: spoil(f, 4, "propensity", 0.5), "row 6 .*propensity is 0.5; .*whole slate"),
    ("log", lambda f: spoil(f, 4, "propensity_cascade", 0.9), "is 0.9; it cannot exceed that of"),
    ("log", lambda f: spoil(f, 5, "propensity_cascade", 0.001), "0.001; at the last position"),
    (
        "log",
        lambda f: spoil(f, 7, "reward", None),
        "row 9: reward is empty; every row needs one",
    ),
    ("log", lambda f: spoil(f, 7, "reward", "one"), "row 9: reward is 'one'; it must be a number"),
    (
        "log",
        lambda f: spoil(f, 4, "position", 0),
        "row 6 .*position is 0; the slate has that .*twice",
    ),
    ("log", lambda f: spoil(f, 4, "position", 3), "row 6 .*position is 3; the slate lacks one"),
    (
        "log",
        lambda f: spoil(f, 4, "position", -1),
        "row 6 .*position is -1; positions count from 0",
    ),
    ("log", lambda f: spoil(f, 4, "position", 0.5), "position is 0.5; it must be a whole number"),
    ("log", lambda f: spoil(f, 4, "position", None), "row 6: position is empty; every row"),
    ("log", lambda f: f.drop(index=1), "row 3 .*position is 2; the slate lacks one before it"),
    ("log", lambda f: f.assign(position=f.position + 2), "row 3 .*position is 3; .*are 0, 1, 2"),
    ("log", lambda f: spoil(f, 3, "action", None), "row 5: action is empty"),
    ("log", lambda f: f.assign(action="1"), "log.csv shows one slate only"),
    ("log", lambda f: f.assign(evidence="guess"), "row 2 .*evidence is 'guess'; it must be logged"),
    ("log", lambda f: f.assign(cluster_id=f.index), "row 3 .*cluster_id is '1'; a slate belongs"),
    ("log", lambda f: f.head(0), "log.csv is empty: it needs at least one slate"),
    ("log", lambda f: f.drop(columns="reward"), "log.csv has no column 'reward'"),
    (
        "log",
        lambda f: f.drop(columns=["propensity", "propensity_cascade"]),
        "log.csv has no column 'propensity': the probability of the whole slate is needed",
    ),
    ("policy", lambda f: spoil(f, 1, "probability", -0.2), "row 3 .*probability is -0.2; .*from 0"),
    ("policy", lambda f: spoil(f, 1, "probability_cascade", 1.5), "probability_cascade is 1.5"),
    (
        "policy",
        lambda f: spoil(f, 1, "probability", 0.3),
        "row 3 .*probability is 0.3; .*same on all",
    ),
    (
        "policy",
        lambda f: spoil(f, 1, "action", "9"),
        "row 3 .*action is '9'; log.csv shows another",
    ),
    ("policy", lambda f: spoil(f, 1, "position", 7), "row 3 .*position is 7; log.csv has no such"),
    (
        "policy",
        lambda f: spoil(f, 1, "position", 0),
        "row 3: decision '0', position 0 stands there",
    ),
    ("policy", lambda f: f.tail(-2), "no row for decision '0', position 0 of log.csv .2 of 900"),
    (
        "policy",
        lambda f: f.head(0),
        "policy.csv is empty: it needs rows for every slate of log.csv",
    ),
    ("policy", lambda f: f.drop(columns="action"), "policy.csv has no column 'action'"),
    (
        "policy",
        lambda f: f.drop(columns=["probability", "probability_cascade"]),
        "policy.csv has no column 'probability'",
    ),
    ("cascade", lambda f: spoil(f, 2, "q", None), "cascade.csv, row 4: q is empty; every"),
    ("cascade", lambda f: spoil(f, 2, "q", -1e101), "row 4 .*q is -1e[+]101; .*up to 1e100"),
    ("cascade", lambda f: f.drop(index=2), "no estimate for decision '0', position 0, action '2'"),
    ("cascade", lambda f: f.drop(index=3), "position 0: probabilities sum to 0.696.*must sum to 1"),
    ("cascade", lambda f: spoil(f, 1, "probability", 2), "row 3 .*probability is 2; .*from 0 to 1"),
    (
        "cascade",
        lambda f: spoil(f, 1, "action", "0"),
        "row 3: decision '0', position 0, action '0'",
    ),
    (
        "cascade",
        lambda f: f.assign(probability=[*f.probability[1:5], f.probability[0], *f.probability[5:]]),
        "probability of the item shown is .*; by the policy's probability_cascade it is 0.064078",
    ),
    ("cascade", lambda f: f.drop(columns="probability"), "cascade.csv has no column 'probability'"),
]


@pytest.mark.parametrize(("name", "change", "message"), FAULTS)
def test_a_fault_is_one_error_with_its_place_and_nothing_is_written(files, name, change, message):
    with pytest.raises(LogError, match=message):
        files({name: change(files.frames[name])})
    assert not (files.folder / "out").exists()


def test_rows_of_other_decisions_do_not_shift_the_numbers_of_rows(files):
    policy = spoil(files.frames["policy"], 1, "probability", 0.3)
    other = policy.head(2).assign(decision_id="elsewhere")
    with pytest.raises(LogError, match=r"row 5 \(decision 0\): probability is 0.3"):
        files({"policy": pd.concat([other, policy])})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("always:3", "'always:3': a slate shows several items"),
        ("unifrm", "'unifrm' is neither a file nor one of uniform, logged; did you mean uniform"),
        ("gone.csv", r"there is no file .*gone.csv"),
    ],
)
def test_policies_that_are_not_there(files, policy, message):
    with pytest.raises(LogError, match=message):
        files(policy=policy)


def test_estimates_are_needed_for_every_item_that_the_policy_may_show(files):
    """At position 1 of decision 0, where item 2 was shown first, uniform may show item 1."""
    gone = files.frames["cascade"].query(
        "not (decision_id == '0' and position == 1 and action == '1')"
    )
    with pytest.raises(LogError, match="no estimate for decision '0', position 1, action '1'"):
        files({"cascade": gone}, policy="uniform")


def test_columns_that_nothing_uses_are_told(files):
    log = files.frames["log"].assign(price=3, x_empty=None, s_0=1.0)
    result = files({"log": log})
    assert result["diagnostics"]["ignored_columns"] == ["price", "x_empty", "s_0"]
    assert files()["diagnostics"]["ignored_columns"] == []
