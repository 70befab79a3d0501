"""A run folder: what a run has finished, kept so that a killed run resumes where it stopped."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import PARTIAL_PREFIX, remove, write_text_atomic
from promopilot.experiments.config import RunConfig, dump_config, first_difference, load_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.progress import stage_of

CONFIG = "config.yaml"
STAGES = "stages.json"
FORMAT = "promopilot run folder 1"  # marks a folder as ours: only such a folder is ever emptied

# What a run may write (contract): `--overwrite` deletes these names and no other.
OUTPUTS = (
    *("data", "predictor", "market", "policy", "ope", "plans", "simulations.json"),
    *("plan.csv", "plan_summary.csv", "columns.md", "metrics.json", "manifest.json", "report.html"),
    *("error.log", CONFIG, STAGES),
)


_LOCKS: dict[Path, int] = {}  # folders this process has locked, and the open handles


@dataclass(frozen=True)
class Finished:
    """One finished stage."""

    seconds: float  # wall-clock
    outputs: tuple[str, ...]  # names in the run folder that it made


@dataclass
class RunFolder:
    """An open run folder; made by `RunFolder.open` or `RunFolder.existing`."""

    path: Path
    config: RunConfig
    finished: dict[str, Finished] = field(default_factory=dict)  # in the order of their end

    @classmethod
    def open(
        cls, path: Path, config: RunConfig, resume: bool = False, overwrite: bool = False
    ) -> RunFolder:
        """Opens `path` for a run with `config`, making it where absent.

        Raises:
            RunFolderError: The folder is used and neither `resume` nor `overwrite` is given, is
                not writable, holds files that no run wrote, holds the tables to be read, or was
                begun with another config.
        """
        if resume and overwrite:
            raise RunFolderError("--resume goes on and --overwrite starts anew: give one of them")
        inside = config.data.folder
        if inside is not None and inside.resolve().is_relative_to(path.resolve()):
            raise RunFolderError(
                f"`$.data.folder` lies inside the run folder {path}, which --overwrite would "
                "empty; choose another --out"
            )
        _make_writable(path)
        everything = sorted(p.name for p in path.iterdir())
        names = [n for n in everything if not n.startswith(PARTIAL_PREFIX)]
        ours = _is_run_folder(path)
        if names and not ours:
            raise RunFolderError(
                f"{path} holds files that no promopilot run wrote ({names[0]}, …); "
                "choose a new or empty folder with --out"
            )
        if ours and not (resume or overwrite):
            raise RunFolderError(
                f"{path} holds a run already; go on with --resume, start anew with --overwrite, "
                "or choose another --out"
            )
        _lock(path)
        _remove_leftovers(path)
        if ours and resume:
            return cls._resumed(path, config)
        if ours:
            _empty(path)
        folder = cls(path, config)
        folder._save()
        write_text_atomic(path / CONFIG, dump_config(config, path))
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Opens the folder of an earlier run for reading and for further outputs.

        Raises:
            RunFolderError: `path` is no run folder.
            ConfigError: Its `config.yaml` was altered into one that cannot be read.
        """
        if not path.is_dir():
            raise RunFolderError(f"{path} is not a folder; name the --out of an earlier run")
        if not _is_run_folder(path) or not (path / CONFIG).is_file():
            raise RunFolderError(
                f"{path} is not a run folder: it has no {STAGES} and {CONFIG} of a promopilot run"
            )
        return cls(path, load_config(path / CONFIG), _read_finished(path))

    @classmethod
    def _resumed(cls, path: Path, config: RunConfig) -> RunFolder:
        if (path / CONFIG).is_file():
            different = first_difference(load_config(path / CONFIG), config)
            if different is not None:
                key, before, now = different
                raise RunFolderError(
                    f"{path} was begun with another config: {key} was {before}, now {now}; "
                    "give the same config to --resume, or start anew with --overwrite"
                )
        else:  # killed before it was written
            write_text_atomic(path / CONFIG, dump_config(config, path))
        return cls(path, config, _read_finished(path))

    def done(self, name: str) -> bool:
        """Whether the stage is finished and everything it made is still there."""
        stage = self.finished.get(name)
        return stage is not None and all((self.path / o).exists() for o in stage.outputs)

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """Yields an empty folder to write into; at the end its contents become the run's.

        Each file and folder in it is renamed to the same name in the run folder, replacing what is
        there, then the stage counts as finished. After an error nothing of it is kept. Records of
        stages that came after an earlier run of this one are dropped, since they rest on it.
        """
        work = self.path / f"{PARTIAL_PREFIX}{name}"
        remove(work)
        names = list(self.finished)
        if name in names:
            for later in names[names.index(name) :]:
                del self.finished[later]
            self._save()
        work.mkdir()
        started = time.perf_counter()
        try:
            yield work
            outputs = sorted(p.name for p in work.iterdir())
            for output in outputs:
                target = self.path / output
                if target.is_dir() or (work / output).is_dir():
                    remove(target)
                os.replace(work / output, target)
        finally:
            remove(work)
        seconds = round(time.perf_counter() - started, 3)
        self.finished[name] = Finished(seconds, tuple(outputs))
        self._save()

    def run_stage(
        self, name: str, do: Callable[[Path], object], progress: Callable[[str, float], None]
    ) -> None:
        """Runs `do(work)` as the stage `name`, or skips it where it is finished already.

        `progress` hears the stage's start and end.
        """
        if self.done(name):
            return
        with stage_of(progress, name), self.stage(name) as work:
            do(work)

    def seconds(self) -> dict[str, float]:
        """Wall-clock seconds of every finished stage, in order; they do not overlap."""
        return {name: stage.seconds for name, stage in self.finished.items()}

    def _save(self) -> None:
        stages = {
            name: {"seconds": s.seconds, "outputs": list(s.outputs)}
            for name, s in self.finished.items()
        }
        document = {"format": FORMAT, "stages": stages}
        write_text_atomic(self.path / STAGES, json.dumps(document, indent=2) + "\n")


def _make_writable(path: Path) -> None:
    probe = path / f"{PARTIAL_PREFIX}probe"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(
            f"cannot write to {path} ({reason}); choose another folder with --out"
        ) from error


def _lock(path: Path) -> None:
    """Keeps a second process out of the folder until this one ends, however it ends."""
    key = path.resolve()
    if key in _LOCKS:
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise RunFolderError(
            f"another promopilot run is working in {path}; wait for it to end, or choose another "
            "--out"
        ) from error
    except OSError:  # a file system without locks: go on without
        os.close(handle)
        return
    _LOCKS[key] = handle


def _remove_leftovers(path: Path) -> None:
    for leftover in path.glob(f"{PARTIAL_PREFIX}*"):
        remove(leftover)


def _stages_document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads((path / STAGES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(document, dict) and document.get("format") == FORMAT
    return document if ours else None


def _is_run_folder(path: Path) -> bool:
    return _stages_document(path) is not None


def _read_finished(path: Path) -> dict[str, Finished]:
    document = _stages_document(path) or {"stages": {}}
    return {
        name: Finished(float(stage["seconds"]), tuple(stage["outputs"]))
        for name, stage in document["stages"].items()
    }


def _empty(path: Path) -> None:
    made = {o for stage in _read_finished(path).values() for o in stage.outputs}
    # stages.json goes last: until then a killed --overwrite leaves a folder known as ours.
    for name in [*sorted((made | set(OUTPUTS)) - {STAGES}), STAGES]:
        if "/" not in name and name not in ("", ".", ".."):
            remove(path / name)
