"""The project: who imports whom, what is declared, what is pinned, what make offers."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("agents", "configs", "envs", "experiments", "predictors")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Who may import whom (design, section 3): a folder of the left may import those of the right.
ALLOWED = {
    "envs": {"envs"},
    "predictors": {"predictors"},
    "agents": {"agents", "envs"},
    "configs": {"configs"},
    "experiments": set(FOLDERS),
}


def imported(path: Path) -> set[str]:
    """Folders of promopilot that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            base = node.module or ""
            modules = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"promopilot.{path.relative_to(ROOT).parts[0]}"]
            assert node.level <= len(path.relative_to(ROOT).parts) - 1, path
        else:
            continue
        found |= {m.split(".")[1] for m in modules if m.startswith("promopilot.")}
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {other}"
        for path in (ROOT / folder).rglob("*.py")
        for other in imported(path) - ALLOWED[folder]
    }
    assert not wrong


def test_importing_the_environments_needs_no_learning_library() -> None:
    code = (
        "import sys, promopilot.envs, gymnasium\n"
        "assert 'promopilot/BudgetAllocation-v0' in gymnasium.registry\n"
        "print(sorted({'torch', 'stable_baselines3'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_declared_packages_are_the_folders_with_py_typed() -> None:
    declared = set(PROJECT["tool"]["setuptools"]["packages"])
    marked, with_init = (
        {
            f"promopilot.{'.'.join(path.parent.relative_to(ROOT).parts)}"
            for folder in FOLDERS
            for path in (ROOT / folder).rglob(name)
        }
        for name in ("py.typed", "__init__.py")
    )
    assert declared == marked == with_init
    assert set(PROJECT["tool"]["setuptools"]["package-dir"].values()) == set(FOLDERS)


def test_the_bare_folder_names_are_banned() -> None:
    banned = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(FOLDERS)


def plain(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_every_direct_dependency_is_pinned() -> None:
    project = PROJECT["project"]
    direct = {plain(r) for r in project["dependencies"]}
    direct |= {plain(r) for extra in project["optional-dependencies"].values() for r in extra}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {plain(line): line for line in lines if line and not line.startswith("#")}
    assert set(pins) == direct
    assert all(re.fullmatch(r"[\w.-]+==[\w.+-]+", line) for line in pins.values())


def test_the_licence_is_apache_2_unmodified() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_make_offers_what_the_readme_and_ci_call() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    promised = {"demo", "test", "test-slow", "lint", "type", "format", "clean", "browser", "bench"}
    assert promised <= targets
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [line for line in run.splitlines() if line.startswith("make")] == [
        "make browser lint type test"
    ]


def test_make_reinstalls_only_what_changed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("bin/python", ".installed-demo", ".installed-dev"):
        (tmp_path / name).write_text("")

    def plan(*arguments: str) -> str:
        command = ["make", "-n", f"VENV={tmp_path}", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "pip install" not in plan("demo", "test", "lint", "type")
    assert 'pip install -q --disable-pip-version-check -c constraints.txt -e ".[demo]"' in plan(
        "demo", "--what-if=constraints.txt"
    )
    assert '-e ".[demo,dev]"' in plan("test", "--what-if=pyproject.toml")


def test_no_machine_paths_in_the_sources() -> None:
    wrong = re.compile(r"/(?:home|Users|root|work)/\w")
    found = [
        str(path.relative_to(ROOT))
        for folder in (*FOLDERS, "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "test_layout.py" and wrong.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
