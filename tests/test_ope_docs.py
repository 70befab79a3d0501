"""docs/offline-evaluation.md: its commands run on its files, and it knows every rule and name."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.rules import DOUBTS, LACKING
from promopilot.experiments.report import evaluation_words

TEXT = (Path(__file__).parent.parent / "docs" / "offline-evaluation.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`([\w-]+\.csv)`:[^\n]*\n```csv\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^promopilot .*$", TEXT, re.MULTILINE)
ON_FILES = [line for line in dict.fromkeys(COMMANDS) if "runs/" not in line and "logs/" not in line]


@pytest.mark.parametrize("line", ON_FILES)
def test_every_command_runs_on_the_files_shown(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*shlex.split(line)[1:], "--set", "ope.replicates=100"])
    assert done.exit_code == 0, done.stderr
    assert "verdict" in done.stdout
    assert len(list(tmp_path.glob("evaluation*/report.html"))) == 1


def test_the_files_and_commands_are_all_there() -> None:
    assert len(FILES) == 8
    assert len(ON_FILES) == 7
    assert len(COMMANDS) == 12


def test_every_rule_estimator_and_setting_is_known() -> None:
    quoted = set(re.findall(r"`([^`\n]+)`", TEXT))
    assert {rule.name for rule in (*LACKING, *DOUBTS)} <= quoted
    assert set(evaluation_words.ESTIMATORS) <= quoted
    rules = TEXT.partition("## The verdict's rules")[2]
    named = {
        name
        for row in re.findall(r"\| ([^|]*) \|$", rules, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert named <= set(OpeSettings.model_fields)
    assert len(named) > 15


def test_names_on_the_page_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", TEXT, re.MULTILINE)
    for names, plain in rows:
        for name in re.findall(r"`(\w+)`", names):
            if name in evaluation_words.ESTIMATORS and "…" not in plain and "," not in names:
                assert evaluation_words.ESTIMATORS[name][0] == plain.strip()


def test_what_the_verdict_test_first_may_mean_is_told_in_full() -> None:
    told = " ".join(TEXT.split())
    for headline, _ in evaluation_words.OUTLOOKS.values():
        assert f"*{headline}*" in told
    assert "promising or harmless" not in told
