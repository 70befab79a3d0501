"""Where the network runs, and how exactly: the device at run time and mixed precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from promopilot.predictors.errors import ArtifactError, PredictorDataError

Precision = Literal["auto", "fp32", "bf16"]


def choose_device(name: str) -> torch.device:
    """Returns the device that `auto`, `cpu`, `cuda` or `mps` names.

    Raises:
        PredictorDataError: it is not one of these.
        ArtifactError: this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, is_there in available.items() if is_there)
    if name not in available:
        raise PredictorDataError(f"predictor.device is {name!r}: use auto, cpu, cuda or mps.")
    if not available[name]:
        raise ArtifactError(f"predictor.device is {name!r}, which this machine has not: use auto.")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
    return False  # Apple's chips: nothing tells, so float32


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Returns the context in which the network multiplies at `precision`; weights stay float32.

    `auto` is bfloat16 where the device has it in hardware, else float32. Its exponent is float32's,
    so that gradients need no loss scaling (Kalamkar et al. 2019).

    Raises:
        ArtifactError: `bf16` is asked for on a device that has it not.
    """
    if precision == "fp32" or (precision == "auto" and not has_bf16(device)):
        return nullcontext()
    if not has_bf16(device):
        raise ArtifactError(
            f"predictor.precision is 'bf16', which this machine's {device.type} has not in "
            "hardware: use auto."
        )
    return torch.autocast(device.type, dtype=torch.bfloat16)


def prediction_precision(device: torch.device, precision: Precision) -> Precision:
    """Returns the precision of predictions under a setting made for the fit.

    float32 unless `bf16` was asked for by name and is there: bfloat16 moves rates by up to 2 % of
    themselves (6 % of their standard error; the demo's 296,000 rows, MiniLM), which would make
    them differ between machines.
    """
    return "bf16" if precision == "bf16" and has_bf16(device) else "fp32"
