"""A fit's state after each pass, so that a killed fit goes on where it was, to the same result.

Tensors as safetensors, the rest as JSON. A checkpoint belongs to one fit: its key is a digest of
settings, seed, rows and base model, and another fit's checkpoint is not touched but overwritten.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

_TENSORS, _STATE = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit keeps its state."""

    folder: Path
    key: str  # digest of all that decides the fit

    def save(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Replaces what is kept; a kill in between leaves what was kept before."""
        draft = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        save_file(own, draft / _TENSORS)
        text = json.dumps({"key": self.key} | state, allow_nan=False)
        (draft / _STATE).write_text(text, encoding="utf-8")
        earlier = self.folder.with_name(self.folder.name + ".old")
        shutil.rmtree(earlier, ignore_errors=True)
        if self.folder.exists():
            os.replace(self.folder, earlier)
        os.replace(draft, self.folder)
        shutil.rmtree(earlier, ignore_errors=True)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Returns what was kept for this very fit; None where there is nothing usable."""
        for folder in (self.folder, self.folder.with_name(self.folder.name + ".old")):
            try:
                state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
                if isinstance(state, dict) and state.get("key") == self.key:
                    return load_file(folder / _TENSORS), state
            except (OSError, ValueError, SafetensorError):
                continue
        return None


def forget(folder: Path) -> None:
    """Removes a fit's state: the fit is done."""
    for suffix in ("", ".new", ".old"):
        shutil.rmtree(folder.with_name(folder.name + suffix), ignore_errors=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Returns an optimizer's running means, by parameter and name."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
