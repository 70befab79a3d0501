"""A run folder: finished stages are kept, half of a stage never is, and nothing foreign is lost."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from promopilot.experiments.atomic import (
    PARTIAL_PREFIX,
    atomic_folder,
    atomic_path,
    digests,
    write_text_atomic,
)
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.manifest import input_digests, write_manifest
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import RunFolder

# A pipeline of two stages; the second writes half of its output and waits to be killed.
KILLED = """
import sys, time
from pathlib import Path
from promopilot.experiments.config import RunConfig
from promopilot.experiments.run_folder import RunFolder
folder = RunFolder.open(Path(sys.argv[1]), RunConfig(), resume="--resume" in sys.argv)
if not folder.done("data"):
    with folder.stage("data") as work:
        (work / "data").mkdir()
        (work / "data" / "x.csv").write_text("a\\n1\\n")
with folder.stage("train") as work:
    (work / "policy").mkdir()
    (work / "policy" / "half.bin").write_bytes(b"half")
    print("half", flush=True)
    time.sleep(0 if "--resume" in sys.argv else 60)
print("end", flush=True)
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", KILLED, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def begun(path: Path, inputs: dict[str, str] | None = None) -> RunFolder:
    """A run folder with one finished stage; without `inputs` none were recorded."""
    folder = RunFolder.open(path, RunConfig())
    if inputs is not None:
        folder.record_inputs(inputs)
    with folder.stage("data") as work:
        (work / "data").mkdir()
    return folder


def test_a_killed_run_resumes_after_its_last_finished_stage(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started(str(run)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert names(run) - {f"{PARTIAL_PREFIX}train"} == {"config.yaml", "stages.json", "data"}
    kept = (run / "data" / "x.csv").stat().st_mtime_ns
    with started(str(run), "--resume") as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "half\nend\n", "")
    assert names(run) == {"config.yaml", "stages.json", "data", "policy"}
    assert (run / "data" / "x.csv").stat().st_mtime_ns == kept
    assert list(RunFolder.existing(run).seconds()) == ["data", "train"]


def test_a_second_process_is_kept_out_while_the_first_works(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started(str(run)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(RunFolderError, match="another promopilot run is working in"):
            RunFolder.open(run, RunConfig(), resume=True)
        process.kill()
        process.wait(timeout=30)
    assert RunFolder.open(run, RunConfig(), resume=True).done("data")


def test_a_used_folder_is_refused_unless_told_how_to_go_on(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(RunFolderError, match=r"--resume.*--overwrite"):
        RunFolder.open(tmp_path, RunConfig())
    with pytest.raises(RunFolderError, match="give one of them"):
        RunFolder.open(tmp_path, RunConfig(), resume=True, overwrite=True)


def test_resume_needs_the_same_config_and_names_what_differs(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(RunFolderError, match=r"\$\.budget\.total was None, now 9\.0"):
        RunFolder.open(tmp_path, make_config({}, ["budget.total=9"]), resume=True)


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_in_which_no_stage_made_anything_is_begun_anew(
    tmp_path: Path, options: dict[str, bool]
) -> None:
    folder = RunFolder.open(tmp_path, RunConfig())
    folder.record_inputs({"data/promotions.csv": "a"})
    with folder.stage("data"):  # tables from elsewhere: nothing to build
        pass
    (tmp_path / "error.log").write_text("Traceback")
    (tmp_path / "notes.txt").write_text("mine")
    again = RunFolder.open(tmp_path, make_config({}, ["seed=4"]), **options)
    again.record_inputs({"data/promotions.csv": "b"})
    assert again.finished == {}
    assert RunFolder.existing(tmp_path).config.seed == 4
    assert names(tmp_path) == {"config.yaml", "stages.json", "notes.txt"}


def test_outputs_are_never_lost_for_want_of_a_finished_stage(tmp_path: Path) -> None:
    """Where a stage runs again and is stopped, later stages' files are there without a record."""
    RunFolder.open(tmp_path, RunConfig())
    (tmp_path / "plan.csv").write_text("a plan")
    with pytest.raises(RunFolderError, match="holds a run already"):
        RunFolder.open(tmp_path, RunConfig())
    assert (tmp_path / "plan.csv").read_text() == "a plan"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"data/a.csv": "1", "data/b.csv": "3"}, r"b\.csv has changed since the run in"),
        ({"data/a.csv": "1"}, r"b\.csv is gone since the run in"),
        ({"data/a.csv": "1", "data/b.csv": "2", "data/c.csv": "1"}, r"c\.csv is new since the"),
        ({"data/a.csv": "9", "data/b.csv": "9"}, r"a\.csv has changed .*anew with --overwrite"),
    ],
)
def test_resume_needs_the_same_tables_and_names_the_first_that_differs(
    tmp_path: Path, now: dict[str, str], said: str
) -> None:
    before = {"data/a.csv": "1", "data/b.csv": "2"}
    begun(tmp_path, before)
    stored = (tmp_path / "stages.json").read_bytes()
    with pytest.raises(RunFolderError, match=said):
        RunFolder.open(tmp_path, RunConfig(), resume=True).record_inputs(now)
    assert (tmp_path / "stages.json").read_bytes() == stored
    RunFolder.open(tmp_path, RunConfig(), resume=True).record_inputs(before)
    RunFolder.open(tmp_path, RunConfig(), overwrite=True).record_inputs(now)
    assert RunFolder.existing(tmp_path).inputs == now


def test_resume_needs_the_same_promopilot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path / "old")
    with pytest.raises(RunFolderError, match="begun with an earlier promopilot and this is"):
        RunFolder.open(tmp_path / "old", RunConfig(), resume=True).record_inputs({})
    begun(tmp_path / "run", {})
    RunFolder.open(tmp_path / "run", RunConfig(), resume=True).record_inputs({})
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    with pytest.raises(RunFolderError, match=r"this is promopilot 99\.0, .*--overwrite"):
        RunFolder.open(tmp_path / "run", RunConfig(), resume=True).record_inputs({})


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_a_foreign_folder_is_left_alone(tmp_path: Path, options: dict[str, bool]) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    (tmp_path / "config.yaml").write_text("mine: true")
    with pytest.raises(RunFolderError, match="holds files that no promopilot run wrote"):
        RunFolder.open(tmp_path, RunConfig(), **options)
    assert names(tmp_path) == {"thesis.docx", "config.yaml"}


def test_overwrite_deletes_what_runs_write_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, RunConfig())
    with folder.stage("plan") as work:
        (work / "plan.csv").write_text("x")
        (work / "extra.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    again = RunFolder.open(tmp_path, make_config({}, ["seed=4"]), overwrite=True)
    assert names(tmp_path) == {"config.yaml", "stages.json", "notes.txt"}
    assert not again.done("plan")
    assert RunFolder.existing(tmp_path).config.seed == 4


def test_tables_are_never_inside_the_folder_that_overwrite_empties(tmp_path: Path) -> None:
    config = make_config({"data": {"folder": str(tmp_path / "data")}})
    with pytest.raises(RunFolderError, match="lies inside the run folder"):
        RunFolder.open(tmp_path, config)
    assert not names(tmp_path)


def test_a_stage_that_fails_leaves_nothing_and_does_not_count(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, RunConfig())

    def fail() -> None:
        with folder.stage("market") as work:
            (work / "market").mkdir()
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert names(tmp_path) == {"config.yaml", "stages.json"}
    assert not folder.done("market")


def test_a_stage_stopped_between_its_outputs_leaves_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.open(tmp_path, RunConfig())
    original = os.replace

    def replace(source: Path, target: Path) -> None:
        if target.name == "b.txt":
            raise KeyboardInterrupt
        original(source, target)

    monkeypatch.setattr(os, "replace", replace)

    def write() -> None:
        with folder.stage("plan") as work:
            for name in ("a.txt", "b.txt", "c.txt"):
                (work / name).write_text(name)

    with pytest.raises(KeyboardInterrupt):
        write()
    assert names(tmp_path) == {"config.yaml", "stages.json"}
    assert not folder.done("plan")
    monkeypatch.setattr(os, "replace", original)
    write()
    assert folder.done("plan")


def test_a_stage_whose_output_was_deleted_runs_again_with_all_after_it(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, RunConfig())
    ran: list[str] = []

    def write(name: str) -> None:
        def do(work: Path) -> None:
            ran.append(name)
            (work / f"{name}.txt").write_text(name)

        folder.run_stage(name, do, silent)

    for name in ("a", "b", "c"):
        write(name)
    (tmp_path / "b.txt").unlink()
    folder = RunFolder.open(tmp_path, RunConfig(), resume=True)
    for name in ("a", "b", "c"):
        write(name)
    assert ran == ["a", "b", "c", "b", "c"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunFolderError, match=r"cannot write to .*\(permission denied\)"):
            RunFolder.open(tmp_path / "run", RunConfig())
    finally:
        tmp_path.chmod(0o700)


def test_a_file_system_that_cannot_be_written() -> None:
    with pytest.raises(RunFolderError, match=r"cannot write to .*; choose another folder"):
        RunFolder.open(Path("/proc/promopilot"), RunConfig())


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    for path in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(RunFolderError, match=r"cannot write to .*choose another folder"):
            RunFolder.open(path, RunConfig())


def test_reading_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        RunFolder.existing(tmp_path)
    with pytest.raises(RunFolderError, match="is not a folder"):
        RunFolder.existing(tmp_path / "none")


def test_a_file_appears_under_its_name_only_when_complete(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "plan.csv", "old")

    def fail() -> None:
        with atomic_path(tmp_path / "plan.csv") as partial:
            partial.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "plan.csv").read_text() == "old"
    assert names(tmp_path) == {"plan.csv"}


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "name a place that can be written to"),
        (errno.EACCES, "name a place that can be written to"),
    ],
)
def test_a_place_that_cannot_be_written_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, mend: str
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code), source)

    monkeypatch.setattr(os, "replace", refuse)
    said = rf"cannot write .*plan\.csv \({os.strerror(code).lower()}\); {mend}"
    with pytest.raises(RunFolderError, match=said):
        write_text_atomic(tmp_path / "plan.csv", "x")
    with pytest.raises(RunFolderError, match=said), atomic_folder(tmp_path / "plan.csv"):
        pass
    assert not names(tmp_path)


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunFolderError, match=r"cannot write .*model \(not a directory\)"),
        atomic_folder(tmp_path / "file" / "model"),
    ):
        pass


def test_an_error_about_another_file_is_not_blamed_on_the_one_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "plan.csv"):
        (tmp_path / "other.csv").read_text()
    assert not names(tmp_path)


def test_the_manifest_tells_what_made_the_run_and_from_what(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("promotions.csv", "performance.parquet", "sources.json", "notes.txt"):
        (data / name).write_text(name)
    read = {f"data/{name}": value for name, value in digests(data).items() if name[0] != "n"}
    folder = RunFolder.open(tmp_path / "run", RunConfig())
    folder.record_inputs(input_digests(data))
    with folder.stage("plan") as work:
        (work / "plan.csv").write_text("x\n")
    (data / "promotions.csv").write_text("other tables, after the run began")
    write_manifest(folder.path, {"run": 3}, {"cpm": "assumption"})
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert set(manifest["outputs"]) == {"config.yaml", "plan.csv"}
    assert manifest["inputs"] == read
    assert len(read) == 3
    assert manifest["seeds"] == {"run": 3}
    assert manifest["parameter_sources"] == {"cpm": "assumption"}
    assert {"python", "promopilot", "torch", "numpy"} <= set(manifest["versions"])
    assert str(tmp_path) not in json.dumps(manifest)


def test_who_may_open_a_folder_may_read_its_files(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "out") as work:
        (work / "inner").mkdir()
        for path in (work / "a.safetensors", work / "inner" / "b"):
            path.touch(mode=0o600)
    allowed = (tmp_path / "out").stat().st_mode & 0o666
    for name in ("a.safetensors", "inner/b"):
        assert (tmp_path / "out" / name).stat().st_mode & 0o777 == allowed
