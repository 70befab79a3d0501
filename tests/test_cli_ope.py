"""`promopilot ope`: what it writes, where it refuses to, and how several policies are compared."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.cli.ope_tables import evaluation_text
from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.candidates import candidate_names, folders_of
from promopilot.experiments.ope.out_folder import require_usable, write_evaluation
from promopilot.experiments.run_folder import STAGES
from tests.ope_evaluations import evaluation

DATA = Path(__file__).parent / "data" / "ope"
BANDIT = DATA / "bandit_A"
TABLES = {"estimates.csv", "weights.csv", "calibration.csv", "clipping.csv"}
runner = CliRunner()


def ope(*arguments: object, code: int = 0) -> Any:
    """Run the command on the reference log; what it printed as JSON, or its error."""
    given = [*map(str, arguments), "--set", "ope.replicates=100", "--json"]
    result = runner.invoke(app, ["ope", *given])
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout) if code != 2 else result.stderr.splitlines()[-1]


def named(*policies: object) -> list[object]:
    """The reference log with some policies."""
    given = [part for policy in policies for part in ("--policy", policy)]
    return [BANDIT / "log.csv", *given, "--qhat", BANDIT / "qhat.csv"]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one") / "deep" / "out"
    summary = ope(*named(BANDIT / "policy.csv"), "--out", out)
    assert summary == json.loads((out / "ope.json").read_text())
    return out


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("several") / "out"
    return out, ope(*named(BANDIT / "policy.csv", "uniform", "always:2"), "--out", out)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_policy_is_a_json_a_page_and_tables(one: Path) -> None:
    assert {path.name for path in one.iterdir()} == {"ope.json", "report.html", *TABLES}


def test_every_figure_of_the_tables_is_the_json_s(one: Path) -> None:
    result = json.loads((one / "ope.json").read_text())
    seen = result["diagnostics"]
    for row, told in zip(rows_of(one / "estimates.csv"), result["estimates"], strict=True):
        assert row["estimator"] == told["estimator"]
        assert json.loads(row["params"]) == told["params"]
        for column in ("estimate", "diff_vs_logged", "ess", "max_weight", "clip_share"):
            assert float(row[column]) == told[column]
        for column in ("ci95", "diff_ci95"):
            assert [float(row[f"{column}_{end}"]) for end in ("low", "high")] == told[column]
    calibration = rows_of(one / "calibration.csv")
    for name, rows, columns in (
        ("weight_histogram", rows_of(one / "weights.csv"), ("from", "to", "weight_share")),
        ("clip_sensitivity", rows_of(one / "clipping.csv"), ("cap", "estimate", "low", "high")),
        ("reward_calibration", [r for r in calibration if r["of"] == "reward"], ("observed",)),
        ("propensity_calibration", [r for r in calibration if r["of"] == "propensity"], ("units",)),
    ):
        assert len(rows) == len(seen[name]) > 1
        for column in columns:
            assert [float(row[column]) for row in rows] == [r[column] for r in seen[name]]


def test_what_is_printed_ends_in_verdict_reasons_and_next_test(one: Path, tmp_path: Path) -> None:
    arguments = [*map(str, named(BANDIT / "policy.csv")), "--out", str(tmp_path / "o")]
    done = runner.invoke(app, ["ope", *arguments])
    result = json.loads((one / "ope.json").read_text())
    assert "verdict: insufficient_support (logged)" in done.stdout
    assert all(f"- {reason}" in done.stdout for reason in result["reasons"])
    assert "next: " in done.stdout
    assert "read …" in done.stderr
    assert "read …" not in done.stdout


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("bandit_A", "dm"),
        ("slate_A", "sips"),
        ("continuous_A", "kernel_ipw"),
        ("sequential_A", "dm_seq"),
    ],
)
def test_every_kind_of_log_is_known_by_its_columns(tmp_path: Path, kind: str, first: str) -> None:
    folder, out = DATA / kind, tmp_path / "out"
    result = ope(folder / "log.csv", "--policy", folder / "policy.csv", "--out", out)
    assert kind.startswith(result["kind"])
    assert first in {row["estimator"] for row in result["estimates"]}
    assert "What to do next" in (out / "report.html").read_text() or result["verdict"] == "ship"


def test_several_policies_are_a_selection_and_a_folder_for_each(
    several: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = several
    assert {path.name for path in out.iterdir()} == {
        *("selection.json", "selection.csv", "report.html", "candidates"),
    }
    folders = {"policy": "policy", "uniform": "uniform", "always:2": "always-2"}
    assert list(summary["candidates"]) == list(folders)
    for name, folder in folders.items():
        inside = out / "candidates" / folder
        assert {path.name for path in inside.iterdir()} == {"ope.json", *TABLES}
        assert json.loads((inside / "ope.json").read_text()) == summary["candidates"][name]
    assert json.loads((out / "selection.json").read_text()) == summary["selection"]
    table = rows_of(out / "selection.csv")
    for row, told in zip(table, summary["selection"]["candidates"], strict=True):
        assert row["policy"] == told["policy"]
        assert float(row["gain"]) == told["gain"]
        ends = [float(row[name]) for name in ("gain_low", "gain_high")]
        assert ends == told["gain_interval"]
        assert row["verdict"] == told["verdict"]


def test_the_estimates_of_a_candidate_are_those_it_has_alone(
    one: Path, several: tuple[Path, dict[str, Any]]
) -> None:
    alone = json.loads((one / "ope.json").read_text())["estimates"]
    together = several[1]["candidates"]["policy"]["estimates"]
    assert [row["estimate"] for row in together] == [row["estimate"] for row in alone]


@pytest.mark.parametrize(
    ("policies", "required", "code"),
    [
        ([BANDIT / "policy.csv"], "test_first", 3),
        (["uniform"], "test_first", 0),
        ([BANDIT / "policy.csv", "uniform"], "test_first", 0),
        ([BANDIT / "policy.csv", "logged"], "ship", 3),
    ],
)
def test_a_verdict_below_what_is_required_is_exit_3_with_everything_written(
    tmp_path: Path, policies: list[object], required: str, code: int
) -> None:
    ope(*named(*policies), "--out", tmp_path / "out", "--require", required, code=code)
    assert (tmp_path / "out" / "report.html").is_file()


def test_an_earlier_evaluation_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ope(*named("uniform", "logged"), "--out", out)
    (out / "notes.txt").write_text("mine")
    (out / "candidates" / "logged" / "notes.txt").write_text("mine too")
    ope(*named("uniform"), "--out", out)
    there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert there == {
        *("ope.json", "report.html", "notes.txt", "candidates/logged/notes.txt", *TABLES)
    }


def test_a_log_may_lie_in_the_folder_that_is_written(tmp_path: Path) -> None:
    log = pd.read_csv(BANDIT / "log.csv")
    log.to_csv(tmp_path / "log.csv", index=False)
    ope(tmp_path / "log.csv", "--policy", "uniform", "--out", tmp_path)
    assert pd.read_csv(tmp_path / "log.csv").equals(log)


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("there", "out", "message"),
    [
        (["out"], "out", "cannot write into .*out: it is a file"),
        (["out/estimates.csv"], "out", "has a file estimates.csv that no evaluation wrote"),
        (["out/report.html"], "out", "has a file report.html that no evaluation wrote"),
        (["log.csv"], "log.csv/deep/out", "cannot write into .*out: Not a directory"),
        ([f"run/{STAGES}"], "run", "cannot write into .*run: it belongs to a run"),
        ([f"run/{STAGES}"], "run/ope", "cannot write into .*ope: it belongs to a run"),
        (["out/ope.json", "out/weights.csv"], "out", "weights.csv is read and would be overwritt"),
    ],
)
def test_where_something_else_would_be_lost_nothing_is_written(
    tmp_path: Path, there: list[str], out: str, message: str
) -> None:
    make(tmp_path, *there)
    with pytest.raises(LogError, match=message):
        require_usable(tmp_path / out, [tmp_path / "out" / "weights.csv"])


def test_a_folder_is_tried_before_any_work_is_done(tmp_path: Path) -> None:
    make(tmp_path, "file")
    said = ope(*named(tmp_path / "no-policy.csv"), "--out", tmp_path / "file" / "out", code=2)
    assert "cannot write into" in said
    assert not require_usable(tmp_path / "a" / "b", [])
    assert not (tmp_path / "a").exists()


def test_the_row_that_decides_is_marked_where_it_is_printed() -> None:
    rows = [evaluation()["estimates"][at] for at in (1, 4)]
    rows[1]["decides"] = True
    text = evaluation_text(evaluation() | {"estimates": rows, "confidence": 0.8})
    assert re.search(r"^dr\* +0.24", text, re.MULTILINE)
    assert re.search(r"^ipw +0.21", text, re.MULTILINE)
    assert "*: what the verdict rests on" in text
    assert text.splitlines()[0].count("80 % interval") == 2
    unmarked = evaluation_text(evaluation())
    assert "*" not in unmarked
    assert "95 % interval" in unmarked


def test_folders_that_may_be_written(tmp_path: Path) -> None:
    make(tmp_path, f"run/{STAGES}", "old/ope.json", "old/estimates.csv", "else/plan.csv")
    assert not require_usable(tmp_path / "new", [])
    assert not require_usable(tmp_path / "run" / "my-evaluation", [])
    assert not require_usable(tmp_path / "else", [])
    assert require_usable(tmp_path / "old", [])


def test_a_folder_that_is_killed_halfway_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    written: list[str] = []

    class Stopped(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            if name == "ope.json":
                raise KeyboardInterrupt
            written.append(name)
            return super().__getitem__(name)

    make(tmp_path, "ope.json")
    files = Stopped({"ope.json": "{}", "estimates.csv": "a", "report.html": "b"})
    with pytest.raises(KeyboardInterrupt):
        write_evaluation(tmp_path, files)
    assert sorted(written) == ["estimates.csv", "report.html"]
    assert not (tmp_path / "ope.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "uniform", "--policy", "uniform"], "policy 'uniform' is given twice"),
        (["--policy", "unifrm"], "policy 'unifrm' is neither a file, a run nor one of uniform"),
        (["--policy", str(BANDIT)], "bandit_A' is a folder, but not that of a finished run"),
        (["--policy", "uniform", "--estimator", "snip"], "did you mean snipw"),
        (["--policy", "uniform", "--estimator", "switch_dr:lambda=x"], "lambda is 'x'; it must"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    said = ope(BANDIT / "log.csv", *arguments, "--out", tmp_path / "out", code=2)
    assert message in said
    assert not (tmp_path / "out").exists()


def test_names_and_folders_of_candidates_are_distinct(tmp_path: Path) -> None:
    make(tmp_path, "a/new.csv", "b/new.csv", "run/manifest.json")
    first, second = str(tmp_path / "a" / "new.csv"), str(tmp_path / "b" / "new.csv")
    assert candidate_names([first, "uniform", str(tmp_path / "run")]) == ["new", "uniform", "run"]
    assert candidate_names([first, second]) == [first, second]
    folders = folders_of(["always:a", "always-a", "../..", "…"])
    assert list(folders.values()) == [
        *("candidates/always-a", "candidates/always-a-2"),
        *("candidates/policy", "candidates/policy-2"),
    ]


def test_the_help_names_every_way_to_give_a_policy() -> None:
    shown = " ".join(runner.invoke(app, ["ope", "--help"]).stdout.split())
    for word in (
        "FILE|RUN|NAME",
        "always:ACTION",
        "--action-features",
        "--behavior",
        "report.html",
    ):
        assert word in shown
