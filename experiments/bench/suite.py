"""All benches by name, and the file their figures go to."""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.progress import stage_of
from promopilot.experiments.run_folder import RunFolder

# Each is a module of this package with `measure()`, which returns figures by name.
BENCHES = ("market", "predictor", "agents")
FILE = "bench.json"

Figures = dict[str, dict[str, Any]]  # figure -> value, unit, goal, holds


def measure_all(
    names: Sequence[str], out: Path, run: Path | None, progress: Callable[[str, float], None]
) -> dict[str, Figures]:
    """Runs the benches named (all where none is) and puts their figures into the file `out`.

    Figures of other benches in it are kept. With `run`, "stages" holds that run's seconds.

    Raises:
        ConfigError: No bench has that name.
        RunFolderError: `run` is no run folder, or `out` cannot be written.
    """
    for name in names:
        if name not in BENCHES:
            near = difflib.get_close_matches(name, BENCHES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BENCHES)}"
            raise ConfigError(f"no bench is called {name!r}; {hint}")
    stages = {} if run is None else _stages(run)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"cannot write to {out}: {(error.strerror or '').lower()}") from error
    measured: dict[str, Figures] = {}
    for name in names or BENCHES:
        with stage_of(progress, f"bench {name}"):
            module = importlib.import_module(f"promopilot.experiments.bench.{name}")
            measured[name] = module.measure()
            _merge(out, {name: measured[name]})  # at once: a later bench may be interrupted
    if stages:
        measured["stages"] = stages
        _merge(out, {"stages": stages})
    return measured


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
    write_text_atomic(path, json.dumps(before | measured, indent=2) + "\n")
