"""The command line: help with examples, exit codes, one sentence for a mistake, Ctrl-C."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.cli.options import falls_short
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.run_folder import RunFolder

README = Path(__file__).parent.parent / "README.md"
COMMANDS = (
    *("demo", "init", "run", "doctor", "data build complete-journey", "data build synthetic"),
    "data build open-bandit",
    *("data check", "data import"),
    *("predictor fit", "predictor predict", "predictor evaluate"),
    *(
        "train",
        "tune",
        "simulate",
        "ope",
        "plan",
        "report",
        "update",
        "scenarios",
        "compare",
        "studio",
    ),
    "bench",
)
runner = CliRunner()


def declared(group: typer.Typer, before: str = "") -> Iterator[str]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield before + (command.name or command.callback.__name__)
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from declared(below.typer_instance, f"{before}{below.name} ")


def test_the_commands_are_those_of_the_contract() -> None:
    assert sorted(declared(app)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_common_options(command: str) -> None:
    result = runner.invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: promopilot {command}" in " ".join(result.stdout.split())
    common = {"--json", "--seed", "--out"} - ({"--out"} if command in ("init", "studio") else set())
    assert all(option in result.stdout for option in common)


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("fit", ["--device", "--tensorboard", "cuda", "the same command goes on"]),
        ("predict", ["--device", "cuda"]),
        ("evaluate", ["--device", "cuda"]),
    ],
)
def test_the_predictor_s_help_names_what_is_its_own(command: str, named: list[str]) -> None:
    shown = runner.invoke(app, ["predictor", command, "--help"]).stdout
    assert all(word in " ".join(shown.split()) for word in named)


@pytest.mark.parametrize("group", [[], ["data"], ["data", "build"], ["predictor"]])
def test_groups_have_an_example_too(group: list[str]) -> None:
    assert "Example: promopilot" in runner.invoke(app, [*group, "--help"]).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"`promopilot {command}" in README.read_text(encoding="utf-8")


def test_examples_name_options_that_exist() -> None:
    for command in COMMANDS:
        text = " ".join(runner.invoke(app, [*command.split(), "--help"]).stdout.split())
        example = text.split("Example: ")[1].split("&&")[0]
        options = [word for word in shlex.split(example) if word.startswith("--")]
        assert all(f" {option} " in text.split("Example: ")[0] for option in options), command


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'ray', 'stable_baselines3', 'duckdb', 'pandas', 'gymnasium'}"
    code = (
        "import sys\nfrom promopilot.experiments.__main__ import main\n"
        "sys.argv = ['promopilot', 'run', '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    print(sorted({heavy} & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("start", [["-m", "promopilot.experiments"], None])
def test_both_ways_to_start_it(start: list[str] | None) -> None:
    program = (
        [str(Path(sys.executable).parent / "promopilot")]
        if start is None
        else [sys.executable, *start]
    )
    ended = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "0.1.0"


CONFIG_MISTAKES = [
    (["--set", "agents.ppo.stepz=1"], "unknown key `$.agents.ppo.stepz`; did you mean `steps`?"),
    (["--set", "budget.total=0"], "`$.budget.total` is 0: it must be greater than 0"),
    (["--set", "budget.total=-1"], "`$.budget.total` is -1: it must be greater than 0"),
    (["--set", "budget.total=.nan"], "is nan: it must be a finite number"),
    (["--set", "budget.total=lots"], "Expected `float | null`, got `str` - at `$.budget.total`"),
    ([], "no data: set `$.data.folder`"),
]


@pytest.mark.parametrize(("arguments", "said"), CONFIG_MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "c.yaml").write_text("seed: 1\n")
    out = tmp_path / "run"
    result = runner.invoke(app, ["run", str(tmp_path / "c.yaml"), "--out", str(out), *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not out.exists()  # refused before anything was made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "none.yaml"], "cannot read the config none.yaml: no such file"),
        (["plan", "none"], "none is not a folder; name the --out of an earlier run"),
        (["plan", ".", "--budget", "nan"], "--budget is nan: it must be a finite number"),
        (["plan", ".", "--budget", "-3"], "--budget is -3: it must be a finite number"),
        (["plan", "."], ". is not a run folder"),
        (["report", "."], ". is not a run folder"),
        (["simulate", "."], ". is not a run folder"),
        (["bench", "markt"], "no bench is called 'markt'; did you mean market?"),
        (["bench", "market", "--run", "."], ". is not a run folder"),
        (["data", "check", "none"], "must be a folder with tables"),
        (["predictor", "fit", "--data", "none", "--out", "m"], "must be a folder with tables"),
        (["predictor", "predict", "none", "--data", "d"], "none"),
        (["predictor", "evaluate", "none", "--data", "d"], "none"),
        (["ope", "none.csv", "--policy", "uniform", "--out", "o"], "none.csv"),
    ],
)
def test_a_wrong_path_is_one_sentence_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_a_used_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "c.yaml").write_text("data: {folder: data}\n")
    with RunFolder.open(tmp_path / "run", RunConfig()).stage("data") as work:
        (work / "data").mkdir()
    result = runner.invoke(app, ["run", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "--resume" in result.stderr
    assert "--overwrite" in result.stderr


def test_a_command_that_was_refused_may_be_given_again_with_its_mistake_mended(
    tmp_path: Path,
) -> None:
    assert runner.invoke(app, ["init", str(tmp_path / "shop")]).exit_code == 0
    arguments = ["run", str(tmp_path / "shop" / "config.yaml"), "--out", str(tmp_path / "run")]
    for year in (2030, 2031):  # the second time nothing but the input is at fault, as the first
        for options in ([], ["--resume"]):
            start = f"flight.start={year}-01-01"
            result = runner.invoke(app, [*arguments, *options, "--set", start])
            assert result.exit_code == 2
            assert f"the flight starts on {year}-01-01, outside the data" in result.stderr


def test_a_place_that_cannot_be_written_is_one_sentence_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "promopilot.experiments.report.render_report", lambda run, language: "<html>"
    )
    RunFolder.open(tmp_path / "run", RunConfig())
    before = sorted(p.name for p in (tmp_path / "run").iterdir())
    runner.invoke(app, ["init", str(tmp_path / "shop")])
    for command in (["report", tmp_path / "run"], ["data", "check", tmp_path / "shop" / "data"]):
        for out, said in (
            (tmp_path / "none" / "x", "no such file or directory); make its folder first"),
            (tmp_path / "shop" / "config.yaml" / "x", "not a directory); name a place in a folder"),
            (tmp_path / "shop", "is a directory); name a file"),
            (tmp_path / ("x" * 300), "file name too long); choose a shorter name"),
        ):
            result = runner.invoke(app, [*map(str, command), "--out", str(out)])
            assert result.exit_code == 2, result.stderr
            assert f"cannot write {out} ({said}" in result.stderr
            assert result.stderr.count("\n") == 1
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "shop"]


def test_a_typing_mistake_in_an_option_is_exit_2() -> None:
    assert runner.invoke(app, ["run"]).exit_code == 2
    assert runner.invoke(app, ["plan", "x", "--by", "month"]).exit_code == 2


# Commands of our own, to see how each way of ending comes out.
trial = typer.Typer()


@trial.command()
@guarded
def bug(out: Path, as_json: bool = typer.Option(False, "--json")) -> Outcome:
    under_way.folder = out
    raise ZeroDivisionError("one over nothing")


@trial.command()
@guarded
def full(out: Path, as_json: bool = typer.Option(False, "--json")) -> Outcome:
    raise OSError(28, "No space left on device", str(out / "plan.csv"))


@trial.command()
@guarded
def fine(out: Path, as_json: bool = typer.Option(False, "--json")) -> Outcome:
    print("a library says hello")
    return Outcome("all done", {"verdict": "test_first", "out": out}, 3)


def test_a_bug_keeps_its_traceback_and_is_exit_1(tmp_path: Path) -> None:
    result = runner.invoke(trial, ["bug", str(tmp_path)])
    assert result.exit_code == 1
    assert "a bug: ZeroDivisionError: one over nothing" in result.stderr
    assert "raise ZeroDivisionError" in (tmp_path / "error.log").read_text()
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_the_users_to_mend(tmp_path: Path) -> None:
    result = runner.invoke(trial, ["full", str(tmp_path)])
    assert result.exit_code == 2
    assert "plan.csv: no space left on device" in result.stderr
    assert not list(tmp_path.iterdir())


def test_json_has_stdout_to_itself(tmp_path: Path) -> None:
    result = runner.invoke(trial, ["fine", str(tmp_path), "--json"])
    assert json.loads(result.stdout) == {"verdict": "test_first", "out": str(tmp_path)}
    assert "a library says hello" in result.stderr
    assert result.exit_code == 3
    assert runner.invoke(trial, ["fine", str(tmp_path)]).stdout == "all done\n"


@pytest.mark.parametrize(
    ("verdict", "required", "short"),
    [
        ("ship", "ship", False),
        ("test_first", "ship", True),
        ("test_first", "test_first", False),
        ("insufficient_support", "test_first", True),
        (None, "test_first", True),
        ("insufficient_support", None, False),
    ],
)
def test_require_compares_verdicts(verdict: str | None, required: str | None, short: bool) -> None:
    assert falls_short(verdict, required) is short


# A run whose second stage waits, and which turns Ctrl-C into an error of its own, as libraries do.
INTERRUPTED = """
import sys, time, types
from promopilot.experiments.__main__ import main
pipeline = types.ModuleType("promopilot.experiments.pipeline")

def run(config, folder, progress):
    def data(work):
        (work / "data").mkdir()
    def train(work):
        (work / "policy").mkdir()
        (work / "policy" / "half.bin").write_bytes(b"half")
        print("ready", file=sys.stderr, flush=True)
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            raise RuntimeError("a library's own words for it")
    folder.run_stage("data", data, progress)
    folder.run_stage("train", train, progress)

pipeline.run = run
sys.modules["promopilot.experiments.pipeline"] = pipeline
main()
"""


def test_ctrl_c_says_what_is_resumable_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "c.yaml").write_text("data: {folder: data}\n")
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-c",
        INTERRUPTED,
        "run",
        str(tmp_path / "c.yaml"),
        "--out",
        str(run),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        assert p.stderr is not None
        seen = []
        while "ready" not in (line := p.stderr.readline()):
            assert line, seen
            seen.append(line)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
    assert p.returncode == 130
    assert f"interrupted; kept in {run}: data; the same command with --resume" in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(x.name for x in run.iterdir()) == ["config.yaml", "data", "stages.json"]


def test_the_seed_option_overrides_the_config() -> None:
    from promopilot.experiments.cli.settings import configured

    assert configured(None, ["seed=3"], 5).seed == 5
    assert configured(None, ["seed=3"]) == make_config({}, ["seed=3"])
