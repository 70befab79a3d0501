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
