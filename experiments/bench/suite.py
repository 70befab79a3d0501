"""All benches by name, and the file their figures go to."""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.bench.peers_process import check_interpreter
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.progress import stage_of
from promopilot.experiments.run_folder import RunFolder

# Each is made of modules of this package with `measure()`, which returns figures by name.
MODULES = {
    "market": ("market",),
    "predictor": ("predictor", "prediction"),  # how fast, how good
    "allocator": ("allocator",),
    "agents": ("agents",),
    "ope": ("ope",),
    "import": ("importing",),
    "studio": ("studio",),
    "scale": (
        *("scale_tune", "scale_host", "scale_flights", "scale_ope", "scale_rows"),
        "scale_first",
    ),
}
# Studies of minutes, `measure(folder, progress)`; what they keep lies beside bench.json.
STUDIES = {
    "agents": ("agent_worlds", "agent_transfer", "agent_placement"),
    "ope_study": ("ope_study.run",),
}
BENCHES = tuple(MODULES)
PEERS = "peers"  # one more, of the module of that name: only when named, it needs an interpreter
STUDIES_ALONE = ("ope_study",)  # these too, with no other figures
FILE = "bench.json"

STUDIED = "predictor"  # the bench that a study of headline tests belongs to
STUDY = "upworthy"  # its module, and the folder beside `out` that keeps its fits

Figures = dict[str, dict[str, Any]]  # figure -> value, unit, goal, holds


@dataclass(frozen=True)
class HeadlineStudy:
    """A study that takes long, and a file of one's own."""

    file: Path  # of headline tests
    ablations: bool


def measure_all(
    names: Sequence[str],
    out: Path,
    run: Path | None,
    progress: Callable[[str, float], None],
    study: HeadlineStudy | None = None,
    peers: Path | None = None,
) -> dict[str, Figures]:
    """Runs the benches named (all where none is) and puts their figures into the file `out`.

    Figures of other benches in it are kept, and those of an earlier study. With `run`, "stages"
    holds that run's seconds. With `study` the bench `predictor` has its figures too.
    The bench `peers` runs other simulators, with the interpreter `peers`.

    Raises:
        ConfigError: No bench has that name, or a study is wanted without the bench `predictor`, or
            `peers` without an interpreter, or an interpreter without it.
        DataError: The study's file is missing or breaks its rules; nothing is measured then.
        MissingPackageError: A simulator does not run with the interpreter `peers`.
        RunFolderError: `run` is no run folder, or `out` cannot be written.
    """
    known = (*BENCHES, PEERS, *STUDIES_ALONE)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"no bench is called {name!r}; {hint}")
    if study is not None and names and STUDIED not in names:
        raise ConfigError(f"headline tests are a study of the bench {STUDIED}: name it too")
    if PEERS in names:
        check_interpreter(peers)
    elif peers is not None:
        raise ConfigError(f"an interpreter for peers is of use to the bench {PEERS}: name it too")
    stages = {} if run is None else _stages(run)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"cannot write to {out}: {(error.strerror or '').lower()}") from error
    measured: dict[str, Figures] = {}
    later = None if study is None else _prepared(study, out.parent / STUDY, progress)
    for name in names or BENCHES:
        with stage_of(progress, f"bench {name}"):
            measured[name] = {}
            for part in MODULES.get(name, (name,) if name == PEERS else ()):
                module = importlib.import_module(f"promopilot.experiments.bench.{part}")
                measured[name] |= module.measure(peers) if name == PEERS else module.measure()
                _merge(out, {name: measured[name]})  # at once: a later one may be interrupted
            for part in STUDIES.get(name, ()):
                study_of = importlib.import_module(f"promopilot.experiments.bench.{part}")
                measured[name] |= study_of.measure(out.parent, progress)
                _merge(out, {name: measured[name]})
        if name == STUDIED and later is not None:
            measured[name] |= later()
            _merge(out, {name: measured[name]})
    if stages:
        measured["stages"] = stages
        _merge(out, {"stages": stages})
    return measured


def _prepared(
    study: HeadlineStudy, out: Path, progress: Callable[[str, float], None]
) -> Callable[[], Figures]:
    """Reads the study's file at once, so that a fault in it is told first; returns the rest."""
    from promopilot.experiments.bench import upworthy
    from promopilot.experiments.bench.upworthy_tables import write_stories

    stories = write_stories(study.file, out)

    def measure() -> Figures:
        found = upworthy.measure(stories, out, progress, study.ablations)
        return {name: dict(one) for name, one in found.items()}

    return measure


def _stages(run: Path) -> Figures:
    return {
        stage: {"value": seconds, "unit": "s", "goal": None, "holds": None}
        for stage, seconds in RunFolder.existing(run).seconds().items()
    }


def _merge(path: Path, measured: dict[str, Figures]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    if STUDIED in measured:  # a study may be hours old, and is not done anew each time
        rows = before.get(STUDIED, {})
        studied = {name: row for name, row in rows.items() if name.startswith(f"{STUDY}_")}
        measured = measured | {STUDIED: studied | measured[STUDIED]}
    write_text_atomic(path, json.dumps(before | measured, indent=2) + "\n")
