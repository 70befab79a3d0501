"""A run folder: what a run has finished, kept so that a killed run resumes where it stopped."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import (
    PARTIAL_PREFIX,
    open_to_readers,
    remove,
    write_text_atomic,
)
from promopilot.experiments.config import RunConfig, dump_config, first_difference, load_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.progress import stage_of

CONFIG = "config.yaml"
STAGES = "stages.json"
CHECKPOINT = ".predictor.checkpoint"  # of a fit that was killed; gone when it is done
COURSE = ".training-"  # and an agent's name: of a training that was killed; gone when it is done
FORMAT = "promopilot run folder 1"  # marks a folder as ours: only such a folder is ever emptied

# What a run may write (contract): `--overwrite` deletes these names and no other.
OUTPUTS = (
    *("data", "predictor", "market", "policy", "ope", "plans", "updates", "simulations.json"),
    *("plan.csv", "plan_summary.csv", "columns.md", "plan_value.json", "scores.json"),
    *("limit_costs.json", "scenarios.json", "scenarios.csv"),
    *("explanations.json", "backtest.json", "afterwards.json", CHECKPOINT),
    *(f"{COURSE}{agent}" for agent in ("ppo", "dqn")),
    *("metrics.json", "manifest.json", "report.html", "error.log", CONFIG, STAGES),
)
_NO_WORK = frozenset({"error.log", CONFIG, STAGES})  # a folder with these alone is unused

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
    version: str | None = None  # of promopilot when the run began; None: not recorded yet
    inputs: dict[str, str] = field(default_factory=dict)  # "data/<file>" -> SHA-256 at that time

    @classmethod
    def open(
        cls, path: Path, config: RunConfig, resume: bool = False, overwrite: bool = False
    ) -> RunFolder:
        """Opens `path` for a run with `config`, making it where absent.

        A run folder without anything that a stage made, as a mistake in the input leaves it, is
        unused: the run starts anew there, whatever the options.

        Raises:
            RunFolderError: The folder is used and neither `resume` nor `overwrite` is given, is
                not writable, holds files that no run wrote, holds the tables to be read, was
                begun with another config, or another process works in it.
        """
        if resume and overwrite:
            raise RunFolderError("--resume goes on and --overwrite starts anew: give one of them")
        inside = config.data.folder
        if inside is not None and inside.resolve().is_relative_to(path.resolve()):
            raise RunFolderError(
                f"`$.data.folder` lies inside the run folder {path}, which --overwrite would "
                "empty; choose another --out"
            )
        make_writable(path)
        everything = sorted(p.name for p in path.iterdir())
        names = [n for n in everything if not n.startswith(PARTIAL_PREFIX)]
        ours = _is_run_folder(path)
        if names and not ours:
            raise RunFolderError(
                f"{path} holds files that no promopilot run wrote ({names[0]}, …); "
                "choose a new or empty folder with --out"
            )
        lock(path)
        used = ours and _is_used(path)
        if used and not (resume or overwrite):
            raise RunFolderError(
                f"{path} holds a run already; go on with --resume, start anew with --overwrite, "
                "or choose another --out"
            )
        _remove_leftovers(path)
        if used and resume:
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
        return cls._read(path, load_config(path / CONFIG))

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
        return cls._read(path, config)

    @classmethod
    def _read(cls, path: Path, config: RunConfig) -> RunFolder:
        document = _stages_document(path) or {}
        version, inputs = document.get("promopilot"), document.get("inputs", {})
        return cls(path, config, _read_finished(path), version, dict(inputs))

    def record_inputs(self, digests: dict[str, str]) -> None:
        """Notes what the run rests on, or, where it goes on, checks that this is still the same.

        Args:
            digests: SHA-256 of every file read from outside, by "data/<file>" and
                "limits/<file>"; see `manifest.input_digests`. Take them before the tables are read.

        Raises:
            RunFolderError: The run was begun with other tables or another promopilot.
        """
        version = metadata.version("promopilot")
        if self.finished:
            self._check_version(version)
            self._check_inputs(digests)
        self.version, self.inputs = version, dict(digests)
        self._save()

    def _check_version(self, now: str) -> None:
        if self.version != now:
            before = "an earlier promopilot" if self.version is None else self.version
            raise RunFolderError(
                f"{self.path} was begun with {before} and this is promopilot {now}, whose numbers "
                "may differ; start anew with --overwrite, or choose another --out"
            )

    def _check_inputs(self, now: dict[str, str]) -> None:
        for name in sorted(self.inputs | now):
            if self.inputs.get(name) == now.get(name):
                continue
            changed = "has changed"
            if name not in now:
                changed = "is gone"
            elif name not in self.inputs:
                changed = "is new"
            file = self.config.limits.file
            if file is None or name.startswith("data/"):
                file = (self.config.data.folder or Path()) / name.removeprefix("data/")
            raise RunFolderError(
                f"{file} {changed} since the run in {self.path} began, and its finished stages "
                "rest on it as it was; start anew with --overwrite, or put the file "
                "back as it was"
            )

    def done(self, name: str) -> bool:
        """Whether the stage is finished and everything it made is still there."""
        stage = self.finished.get(name)
        return stage is not None and all((self.path / o).exists() for o in stage.outputs)

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """Yields an empty folder to write into; at the end its contents become the run's.

        Each file and folder in it is renamed to the same name in the run folder, replacing what is
        there, then the stage counts as finished. After an error nothing of it is kept, not even
        what was renamed already. Records of stages that came after an earlier run of this one are
        dropped, since they rest on it.
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
        replaced: list[Path] = []
        try:
            yield work
            open_to_readers(work)
            outputs = sorted(p.name for p in work.iterdir())
            for output in outputs:
                target = self.path / output
                replaced.append(target)
                if target.is_dir() or (work / output).is_dir():
                    remove(target)
                os.replace(work / output, target)
            seconds = round(time.perf_counter() - started, 3)
            self.finished[name] = Finished(seconds, tuple(outputs))
            self._save()
        except BaseException:  # Ctrl-C too: some outputs without the others would mislead
            self.finished.pop(name, None)
            for target in replaced:
                remove(target)
            raise
        finally:
            remove(work)

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
        document = {
            "format": FORMAT,
            "promopilot": self.version,
            "inputs": self.inputs,
            "stages": stages,
        }
        write_text_atomic(self.path / STAGES, json.dumps(document, indent=2) + "\n")


def make_writable(path: Path) -> None:
    """Makes the folder where absent.

    Raises:
        RunFolderError: It cannot be written to.
    """
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


def lock(path: Path) -> None:
    """Keeps a second process out of the folder until this one ends, however it ends.

    Raises:
        RunFolderError: Another one is in it.
    """
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


def _made(path: Path) -> set[str]:
    """Names of everything that a run may have written into its folder."""
    made = {o for stage in _read_finished(path).values() for o in stage.outputs} | set(OUTPUTS)
    return {name for name in made if "/" not in name and name not in ("", ".", "..")}


def _is_used(path: Path) -> bool:
    return any(os.path.lexists(path / name) for name in _made(path) - _NO_WORK)


def _empty(path: Path) -> None:
    # stages.json goes last: until then a killed --overwrite leaves a folder known as ours.
    for name in [*sorted(_made(path) - {STAGES}), STAGES]:
        remove(path / name)
