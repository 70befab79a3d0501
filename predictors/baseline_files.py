"""The baselines in the predictor's folder: coefficients as safetensors, names as JSON.

Nothing in either can run code; the predictor's record holds their digests.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from promopilot.predictors.baselines import NAMES, Baselines, Linear, StoredBaselines
from promopilot.predictors.calibration import Calibration
from promopilot.predictors.columns import Columns
from promopilot.predictors.text_features import Frozen, Tfidf

TENSORS, TEXTS = "baselines.safetensors", "baselines.json"
_BASE = "base_model."  # prefix of the base model's weights that the fit changed


def write_baselines(stored: StoredBaselines, folder: Path) -> None:
    """Writes both files into `folder`."""
    fitted = stored.baselines
    arrays = {
        "tfidf.idf": fitted.tfidf.idf,
        "frozen.centre": fitted.frozen.centre,
        "frozen.inverse_scale": fitted.frozen.inverse_scale,
    }
    for name, model in fitted.linear.items():
        arrays |= {f"{name}.beta.{z}": beta for z, beta in enumerate(model.beta)}
    tensors: dict[str, Tensor] = {
        name: torch.tensor(values, dtype=torch.float64) for name, values in arrays.items()
    }
    tensors |= {f"{_BASE}{name}": value for name, value in stored.base_weights.items()}
    save_file(tensors, folder / TENSORS)
    told = {
        "base": list(fitted.base),
        "columns": fitted.columns.to_json(),
        "words": list(fitted.tfidf.words),
        "linear": {
            name: {
                "with_fields": list(model.with_fields),
                "penalty": list(model.penalty),
                "calibration": asdict(model.calibration),
            }
            for name, model in fitted.linear.items()
        },
    }
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / TEXTS).write_text(text + "\n", encoding="utf-8")


def read_baselines(folder: Path) -> StoredBaselines:
    """Reads what `write_baselines` wrote, the digests having been checked.

    Raises:
        KeyError, TypeError, ValueError, SafetensorError, OSError: a file is not what was written.
    """
    told: dict[str, Any] = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    tensors = load_file(folder / TENSORS)

    def array(name: str) -> np.ndarray:
        return np.asarray(tensors[name].double().numpy())

    fitted = Baselines(
        base=tuple(float(rate) for rate in told["base"]),
        columns=Columns.from_json(told["columns"]),
        tfidf=Tfidf(tuple(str(word) for word in told["words"]), array("tfidf.idf")),
        frozen=Frozen(array("frozen.centre"), array("frozen.inverse_scale")),
        linear={name: _linear(name, told["linear"][name], array) for name in NAMES},
    )
    changed = {
        name.removeprefix(_BASE): value for name, value in tensors.items() if name.startswith(_BASE)
    }
    return StoredBaselines(fitted, changed)


def _linear(name: str, told: dict[str, Any], array: Any) -> Linear:
    stages = range(len(told["penalty"]))
    return Linear(
        beta=tuple(array(f"{name}.beta.{z}") for z in stages),
        with_fields=tuple(bool(flag) for flag in told["with_fields"]),
        penalty=tuple(float(value) for value in told["penalty"]),
        calibration=Calibration(**{k: tuple(v) for k, v in told["calibration"].items()}),
    )
