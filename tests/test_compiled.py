from pathlib import Path

import pytest

from promopilot.envs import compiled


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "engine" / "__pycache__").mkdir(parents=True)
    (tmp_path / "day.py").write_text("@njit\ndef day(): ...\n")
    (tmp_path / "engine" / "inner.py").write_text("@njit\ndef inner(): ...\n")
    monkeypatch.setattr(compiled, "_HERE", tmp_path)
    monkeypatch.setattr(compiled, "_FOLDERS", (tmp_path, tmp_path / "engine"))
    compiled.forget_stale()
    return tmp_path


def test_machine_code_is_kept_while_no_file_changes(sources: Path) -> None:
    cached = sources / "engine" / "__pycache__" / "inner.day.nbi"
    cached.write_bytes(b"code")
    compiled.forget_stale()
    assert cached.exists()


def test_a_change_anywhere_throws_all_machine_code_away(sources: Path) -> None:
    cached = sources / "engine" / "__pycache__" / "inner.day.nbi"
    cached.write_bytes(b"code")
    (sources / "day.py").write_text("@njit\ndef day(): return 1\n")
    compiled.forget_stale()
    assert not cached.exists()


def test_code_elsewhere_that_calls_these_folders_is_thrown_away_with_them(
    sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    caller = tmp_path_factory.mktemp("caller")
    compiled.forget_stale(caller)
    cached = [folder / "__pycache__" / "outer.nbi" for folder in (caller, sources / "engine")]
    for path in cached:
        path.write_bytes(b"code")
    compiled.forget_stale(caller)
    assert cached[0].exists()
    (sources / "day.py").write_text("@njit\ndef day(): return 1\n")
    compiled.forget_stale(caller)
    assert [path.exists() for path in cached] == [False, True]
