import json
from pathlib import Path

import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.file_faults import require_csv
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
EXPECTED = json.loads((BANDIT_A / "expected.json").read_text())

NO_UTF8 = r"log.csv is not UTF-8 \(line {}\); save it as UTF-8"


@pytest.fixture
def files(tmp_path):
    """The reference set as frames that a test may spoil, and a way to evaluate them."""
    frames = {
        name: pd.read_csv(BANDIT_A / f"{name}.csv", dtype={"decision_id": str, "action": str})
        for name in ("log", "policy", "qhat")
    }

    def evaluate(changed=None, policy="policy.csv", qhat=True, estimators=()):
        for name, frame in (frames | (changed or {})).items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        spec = str(tmp_path / policy) if policy.endswith((".csv", ".parquet")) else policy
        return evaluate_files(
            Inputs(
                tmp_path / "log.csv",
                spec,
                tmp_path / "qhat.csv" if qhat else None,
                estimators=tuple(estimators),
            ),
            out=tmp_path / "out",
            settings=OpeSettings(replicates=200),
            seed=0,
        )

    evaluate.frames, evaluate.folder = frames, tmp_path
    return evaluate


def spoil(frame, row, column, value):
    """The frame with one cell changed; rows count from 0."""
    spoilt = frame.copy()
    spoilt[column] = spoilt[column].astype(object)
    spoilt.loc[row, column] = value
    return spoilt


def test_files_give_the_reference_values_and_the_keys_of_the_contract(files):
    result = files()
    assert json.loads((files.folder / "out" / "ope.json").read_text()) == result
    assert set(result) >= {
        "verdict", "evidence", "reasons", "logged_value", "rows", "estimates", "diagnostics",
        "next_test",
    }  # fmt: skip
    for row in result["estimates"]:
        want = EXPECTED["estimators"][row["estimator"]]["value"]
        assert row["estimate"] == pytest.approx(want, rel=0, abs=1e-9)
        assert row["diff_vs_logged"] == pytest.approx(want - result["logged_value"], abs=1e-12)
        assert set(row) >= {
            "estimator", "params", "estimate", "ci95", "diff_vs_logged", "diff_ci95", "ess",
            "max_weight", "clip_share", "interval",
        }  # fmt: skip
    table = pd.read_csv(files.folder / "out" / "estimates.csv")
    assert table.estimator.tolist() == ["dm", "ipw", "snipw", "dr", "sndr"]
    assert table.ci95_low.tolist() == [row["ci95"][0] for row in result["estimates"]]
    written = {path.name for path in (files.folder / "out").iterdir()}
    assert written >= {"estimates.csv", "ope.json", "report.html"}


def test_the_order_of_the_files_rows_changes_nothing(files):
    shuffled = {
        name: frame.sample(frac=1.0, random_state=1) for name, frame in files.frames.items()
    }
    assert files(shuffled, qhat=False) == files(qhat=False)


def test_parquet_with_numbers_as_ids_reads_like_csv(files):
    want = files()
    for name in ("log", "policy", "qhat"):
        numbers = files.frames[name].astype({"decision_id": int, "action": float})
        numbers.to_parquet(files.folder / f"{name}.parquet")
    folder = files.folder
    result = evaluate_files(
        Inputs(folder / "log.parquet", str(folder / "policy.parquet"), folder / "qhat.parquet"),
        folder / "out2",
        OpeSettings(replicates=200),
        0,
    )
    assert result == want


def test_an_empty_number_as_id_in_parquet_is_empty(files):
    log = files.frames["log"].astype({"action": float})
    log.loc[5, "action"] = float("nan")
    log.to_parquet(files.folder / "log.parquet")
    with pytest.raises(LogError, match=r"log.parquet, row 7.*action is empty"):
        evaluate_files(
            Inputs(files.folder / "log.parquet", "uniform"), files.folder / "out3", OpeSettings(), 0
        )


def test_without_estimates_a_cross_fitted_model_is_used_and_named(files):
    assert files()["diagnostics"]["reward_model"] == "given"
    result = files(qhat=False)
    assert result["diagnostics"]["reward_model"] == "cross-fitted"
    ipw = next(row for row in result["estimates"] if row["estimator"] == "ipw")
    assert ipw["estimate"] == pytest.approx(EXPECTED["estimators"]["ipw"]["value"], abs=1e-9)


@pytest.mark.parametrize("policy", ["uniform", "logged", "always:3"])
def test_policies_by_name(files, policy):
    log = files.frames["log"]
    result = files(policy=policy, estimators=["snipw"])
    weight = {
        "uniform": 1 / 6 / log.propensity,
        "logged": log.propensity / log.propensity,
        "always:3": (log.action == "3") / log.propensity,
    }[policy]
    want = (weight * log.reward).sum() / weight.sum()
    assert [row["estimator"] for row in result["estimates"]] == ["snipw", "dr"]  # dr decides
    assert result["estimates"][0]["estimate"] == pytest.approx(want, abs=1e-12)


def test_actions_left_out_of_a_policy_have_probability_zero(files):
    log = files.frames["log"]
    sparse = log[["decision_id", "action"]].assign(probability=1.0)
    sparse.to_csv(files.folder / "sparse.csv", index=False)
    result = files(policy="sparse.csv", estimators=["ipw"])
    want = (log.reward / log.propensity).mean()
    assert result["estimates"][0]["estimate"] == pytest.approx(want, abs=1e-12)


def test_an_action_that_the_log_never_shows_is_a_verdict_not_an_error(files):
    policy = files.frames["log"][["decision_id"]].assign(action="new", probability=1.0)
    policy.to_csv(files.folder / "new.csv", index=False)
    result = files(policy="new.csv", qhat=False)
    assert result["verdict"] == "insufficient_support"
    assert result["diagnostics"]["unsupported_actions"] == ["new"]
    assert len(result["estimates"]) == 5


def test_clusters_and_evidence_are_read(files):
    log = files.frames["log"]
    marked = log.assign(cluster_id=[f"c{int(i) % 50}" for i in log.decision_id])
    result = files({"log": marked.assign(evidence="simulated")}, policy="uniform")
    assert result["diagnostics"]["units"] == 50
    assert result["evidence"] == "simulated"
    assert result["verdict"] == "test_first"


FAULTS = [
    ("log", lambda f: spoil(f, 4, "propensity", 0), "log.csv, row 6 .*propensity is 0; .*above 0"),
    ("log", lambda f: spoil(f, 4, "propensity", 1.2), "row 6 .*propensity is 1.2; .*at most 1"),
    ("log", lambda f: spoil(f, 4, "propensity", -0.1), "row 6 .*propensity is -0.1"),
    ("log", lambda f: spoil(f, 4, "propensity", None), "row 6: propensity is empty"),
    ("log", lambda f: spoil(f, 7, "reward", None), "row 9: reward is empty; every row needs one"),
    ("log", lambda f: spoil(f, 7, "reward", "NaN"), "row 9 .*reward is nan"),
    ("log", lambda f: spoil(f, 7, "reward", "inf"), "row 9 .*reward is inf"),
    ("log", lambda f: spoil(f, 7, "reward", "one"), "row 9: reward is 'one'; it must be a number"),
    ("log", lambda f: spoil(f, 3, "decision_id", "2"), "row 5: decision_id '2' stands there twice"),
    ("log", lambda f: spoil(f, 3, "action", None), "row 5: action is empty"),
    ("log", lambda f: f.assign(evidence="guess"), "row 2: evidence is 'guess'; it must be logged"),
    ("log", lambda f: f.assign(action="1"), "shows one action only, '1', in all 400 decisions"),
    ("log", lambda f: f.head(0), "log.csv is empty: it needs at least one decision"),
    ("log", lambda f: spoil(f, 5, "decision_id", None), "row 7: decision_id is empty; every row"),
    ("log", lambda f: f.assign(cluster_id="c").pipe(spoil, 5, "cluster_id", ""), "row 7: cluster_"),
    ("log", lambda f: spoil(f.assign(evidence="logged"), 9, "evidence", ""), "row 11: evidence is"),
    ("log", lambda f: spoil(f, 4, "propensity", "1e-200"), "row 6 .*propensity is 1e-200"),
    (
        "log",
        lambda f: f.rename(columns={"propensity": "Propensity"}),
        "log.csv: column 'Propensity' must be written 'propensity'; as it stands it would not",
    ),
    (
        "log",
        lambda f: f.rename(columns={"action": " action", "x_1": "X 1"}),
        "column 'X 1' must be written 'x_1', ' action' must be written 'action'; as",
    ),
    ("log", lambda f: f.assign(Position=0), "column 'Position' must be written 'position'"),
    ("log", lambda f: f.assign(Action="a"), "column 'Action' must be written 'action'"),
    ("policy", lambda f: f.rename(columns=str.upper), "policy.csv: column 'DECISION_ID' must be"),
    ("qhat", lambda f: f.rename(columns={"q": "Q "}), "qhat.csv: column 'Q ' must be written 'q'"),
    (
        "log",
        lambda f: f.assign(timestamp="2026-09-30").pipe(spoil, 41, "timestamp", "31.09.2026"),
        "log.csv, row 43: timestamp is '31.09.2026'; it must be an ISO date or time, such as",
    ),
    ("log", lambda f: f.assign(timestamp="gestern"), "row 2: timestamp is 'gestern'; it must"),
    ("log", lambda f: f.assign(timestamp="2026-09-31"), "row 2: timestamp is '2026-09-31'; it"),
    ("log", lambda f: f.assign(timestamp=1764547200), "row 2: timestamp is '1764547200'; it must"),
    (
        "log",
        lambda f: spoil(f, 10, "x_1", "abc"),
        "log.csv, row 12: x_1 is 'abc', but nearly all others there are numbers; it must be a",
    ),
    ("log", lambda f: f.drop(columns="reward"), "has no column 'reward'; it has decision_id"),
    (
        "policy",
        lambda f: spoil(f, 0, "probability", 0.9),
        "decision '0': probabilities sum to 1.88",
    ),
    ("policy", lambda f: spoil(f, 1, "probability", -0.2), "row 3 .*probability is -0.2; .*from 0"),
    ("policy", lambda f: spoil(f, 1, "probability", None), "row 3: probability is empty"),
    (
        "policy",
        lambda f: spoil(f, 1, "probability", "?"),
        "row 3: probability is '[?]'; it must be",
    ),
    ("policy", lambda f: spoil(f, 1, "action", None), "policy.csv, row 3: action is empty; every"),
    ("policy", lambda f: f.assign(position=0), "has a column 'position', but the log has one"),
    ("policy", lambda f: spoil(f, 0, "probability", "1.5"), "decision 0, action 0.: probability"),
    (
        "policy",
        lambda f: f.tail(-6),
        "no row for decision '0' of log.csv .1 of 400 decisions are missing.[.]$",
    ),
    (
        "policy",
        lambda f: spoil(f, 1, "action", "0"),
        "row 3: decision '0', action '0' stands there",
    ),
    (
        "policy",
        lambda f: f.replace({"decision_id": {"0": "X1"}}),
        "no row for decision '0' of .* missing.; it has a decision 'X1', which log.csv has not.$",
    ),
    ("policy", lambda f: f.head(0), "policy.csv is empty"),
    (
        "policy",
        lambda f: f.drop(columns="probability"),
        "no column 'probability', .*actions are amounts, log.csv needs .*'propensity_density'",
    ),
    ("qhat", lambda f: spoil(f, 2, "q", 1e101), "row 4 .*q is 1e[+]101; .*up to 1e100"),
    ("policy", lambda f: f.rename(columns={"action": "arm"}), "policy.csv has no column 'action'"),
    ("qhat", lambda f: f.tail(-1), "qhat.csv has no estimate for decision '0', action '0'"),
    ("qhat", lambda f: spoil(f, 2, "q", "x"), "qhat.csv, row 4: q is 'x'; it must be a number"),
    ("qhat", lambda f: spoil(f, 2, "q", None), "qhat.csv, row 4: q is empty; every row"),
]


@pytest.mark.parametrize(("name", "change", "message"), FAULTS)
def test_a_fault_is_one_error_with_its_place_and_nothing_is_written(files, name, change, message):
    with pytest.raises(LogError, match=message):
        files({name: change(files.frames[name])})
    assert not (files.folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": "always:9"}, "'always:9': log.csv has no action '9'"),
        (
            {"policy": "unifrm"},
            "'unifrm' is neither a file, a run nor one of uniform, logged",
        ),
        ({"policy": "gone.csv"}, "there is no file .*gone.csv"),
        ({"estimators": ["drr"]}, "unknown estimator 'drr' for a bandit log; did you mean dr[?]"),
        ({"estimators": ["dr:lambda=3"]}, "estimator dr has no setting 'lambda=3'; it takes none"),
    ],
)
def test_unknown_names(files, arguments, message):
    with pytest.raises(LogError, match=message):
        files(**arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "log.csv is empty: not even a header"),
        (b"decision_id,action,action,reward,propensity\n1,a,a,0,1\n", "two columns named 'action'"),
        (
            b"decision_id,action\n1,a,3\n",
            "log.csv, row 2: a row has 3 cells where the header has 2; a",
        ),
        ("decision_id,action\n1,a\n2,gr\xfcn\n".encode("latin-1"), NO_UTF8.format(3)),
        ("id,gr\xfcn\n1,a\n".encode("latin-1"), NO_UTF8.format(1)),
        ("decision_id,action\n1,a\n".encode("utf-16"), NO_UTF8.format(1)),
        ("decision_id,action\n1,a\n".encode("utf-16-le"), NO_UTF8.format(1)),
        (b"decision_id;action;reward\n1;a;0,5\n", "log.csv seems to be separated by ';'; save it"),
        (b"decision_id\taction\treward\n1\ta\t0\n", "log.csv seems to be separated by tabs; save"),
    ],
)
@pytest.mark.parametrize("kind", ["decision_id", "episode_id"])
def test_files_that_are_no_tables(files, content, message, kind):
    path = files.folder / "log.csv"
    path.write_bytes(content.replace(b"decision_id", kind.encode()))
    with pytest.raises(LogError, match=message) as refused:
        evaluate_files(Inputs(path, "uniform"), files.folder / "out", OpeSettings(), 0)
    assert "\0" not in str(refused.value)


def test_a_letter_that_two_parts_of_a_file_share_is_read(files, monkeypatch):
    monkeypatch.setattr("promopilot.experiments.ope.file_faults._PART", 3)
    path = files.folder / "log.csv"
    path.write_bytes("decision_id,action,reward\n1,grün,0\n2,€,1\n".encode())
    require_csv(path)
    path.write_bytes(path.read_bytes() + b"3,\xe2\x82")
    require_csv(path)
    path.write_bytes(path.read_bytes() + b"x,0\n")
    with pytest.raises(LogError, match=NO_UTF8.format(4)):
        require_csv(path)


def test_columns_that_nothing_uses_are_told(files):
    log = files.frames["log"].assign(price=3, x_empty=None, cost=1.0, step=0)
    result = files({"log": log}, policy="uniform", qhat=False)
    assert result["diagnostics"]["ignored_columns"] == ["price", "x_empty", "cost", "step"]
    plain = files(policy="uniform", qhat=False)
    assert plain["diagnostics"]["ignored_columns"] == []
    assert result["estimates"] == plain["estimates"]


def test_a_folder_that_cannot_be_written_is_named(files):
    (files.folder / "out").write_text("a file")
    with pytest.raises(LogError, match=r"cannot write into .*out"):
        files()
