"""The predictor's folder: weights as safetensors, the rest as JSON, a digest for every file.

Nothing in it can run code. It appears under its name only when complete.
"""

import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.predictors.artifact_record import ENCODER, RECORD, read_record, write_record
from promopilot.predictors.base_model import CONFIG, TOKENIZER_FILES, WEIGHTS
from promopilot.predictors.baseline_files import (
    TENSORS,
    TEXTS,
    read_baselines,
    write_baselines,
)
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.calibration import Calibration
from promopilot.predictors.device import choose_device
from promopilot.predictors.encoder import empty_encoder, load_tokenizer
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.funnel import Funnel, FunnelShape
from promopilot.predictors.model_card import write_model_card
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread
from promopilot.predictors.vocabulary import Vocabulary


def save_predictor(predictor: Predictor, base_model: Path, folder: Path) -> None:
    """Writes a predictor beside `folder` and renames it there when it is complete.

    Raises:
        ArtifactError: `folder` holds something that is not a predictor, or cannot be written.
    """
    check_target(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ArtifactError(f"{folder.parent} cannot be written ({error.strerror}).") from None
    try:
        draft.chmod(0o755)  # mkdtemp's 0700 would shut out others who share the run folder
        _write(predictor, base_model, draft)
        _swap(draft, folder)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written ({error.strerror}).") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_target(folder: Path) -> None:
    """Refuses to replace anything but an earlier predictor or an empty folder.

    Raises:
        ArtifactError: something else is there.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / RECORD).is_file()):
        raise ArtifactError(f"{folder} exists and is not a predictor: choose another folder.")


def load_predictor(folder: Path, device: str) -> Predictor:
    """Reads a predictor, refusing any file whose digest is not the one recorded.

    Raises:
        ArtifactError: a file is missing, altered or unreadable, or from another format.
    """
    record = read_record(folder)
    where = choose_device(device)
    try:
        parts = _parts_of(record)
        if {TENSORS, TEXTS} <= set(record["digests"]):  # else nobody vouches for what lies there
            parts["baselines"] = read_baselines(folder)
        shape = FunnelShape(**record["shape"])
        funnel = Funnel(empty_encoder(folder / ENCODER, 0, shape.every_layer), shape)
        funnel.load_state_dict(load_file(folder / WEIGHTS))
        tokenizer = load_tokenizer(folder / ENCODER)
    except ArtifactError:
        raise
    except (
        *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError),
        *(RuntimeError, SafetensorError, OSError),
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"{folder / RECORD} does not describe its model ({reason}): fit the predictor again."
        ) from None
    return Predictor(
        funnel=funnel.to(where).eval(),
        tokenizer=tokenizer,
        device=where,
        **parts,
    )


def _parts_to_json(predictor: Predictor) -> dict[str, Any]:
    """What is not a tensor; `_parts_of` reads each key back."""
    return {
        # The folder is the machine's own matter: what was loaded is told by name and digests.
        "settings": predictor.settings.model_dump(mode="json", exclude={"base_model"}),
        "vocabulary": predictor.vocabulary.to_json(),
        "calendar": predictor.calendar.to_json(),
        "stages": list(predictor.stages),
        "calibration": asdict(predictor.calibration),
        "spreads": [spread.to_json() for spread in predictor.spreads],
        "record": predictor.record,
    }


def _parts_of(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": PredictorSettings.model_validate(record["settings"]),
        "vocabulary": Vocabulary.from_json(record["vocabulary"]),
        "calendar": Calendar.from_json(record["calendar"]),
        "stages": tuple(str(stage) for stage in record["stages"]),
        "calibration": Calibration(**{k: tuple(v) for k, v in record["calibration"].items()}),
        "spreads": tuple(StageSpread(**spread) for spread in record["spreads"]),
        "record": dict(record["record"]),
    }


def _write(predictor: Predictor, base_model: Path, draft: Path) -> None:
    encoder = draft / ENCODER
    encoder.mkdir()
    for name in (CONFIG, *TOKENIZER_FILES):
        if (base_model / name).is_file():
            shutil.copyfile(base_model / name, encoder / name)
    state = {
        name: value.cpu().contiguous() for name, value in predictor.funnel.state_dict().items()
    }
    save_file(state, draft / WEIGHTS)
    if predictor.baselines is not None:
        write_baselines(predictor.baselines, draft)
    write_record(
        _parts_to_json(predictor) | {"shape": asdict(predictor.funnel.shape)},
        draft,
    )
    write_model_card(draft)


def _swap(draft: Path, folder: Path) -> None:
    """Puts the draft under the final name, or back what stood there where that fails."""
    if folder.exists():
        earlier = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.rename(earlier / "earlier")
        try:
            os.replace(draft, folder)
        except BaseException:  # an interrupt too: what stood there is all there is
            (earlier / "earlier").rename(folder)
            earlier.rmdir()
            raise
        shutil.rmtree(earlier, ignore_errors=True)
    else:
        os.replace(draft, folder)
