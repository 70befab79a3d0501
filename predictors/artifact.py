"""The predictor's folder: weights as safetensors, the rest as JSON, a digest for every file.

Nothing in it can run code. It appears under its name only when complete.
"""

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promopilot.predictors.calibration import Calibration
from promopilot.predictors.device import choose_device
from promopilot.predictors.encoder import CONFIG, WEIGHTS, empty_encoder, load_tokenizer
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.funnel import Funnel, FunnelShape
from promopilot.predictors.packaged import sha256_of
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread
from promopilot.predictors.vocabulary import Vocabulary

RECORD = "predictor.json"
ENCODER = "encoder"  # config and tokenizer of the base model
FORMAT = 1
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


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
    record = _read_record(folder)
    for name, expected in record["digests"].items():
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder / name} is missing: fit the predictor again.")
        found = sha256_of(folder / name)
        if found != expected:
            raise ArtifactError(
                f"{folder / name} has sha256 {found} but {expected} was recorded when the "
                "predictor was fitted: restore the file or fit again."
            )
    where = choose_device(device)
    try:
        settings = PredictorSettings.model_validate(record["settings"])
        vocabulary = Vocabulary.from_json(record["vocabulary"])
        shape = FunnelShape(**record["shape"])
        calibration = Calibration(**{k: tuple(v) for k, v in record["calibration"].items()})
        spreads = tuple(StageSpread(**spread) for spread in record["spreads"])
        funnel = Funnel(empty_encoder(folder / ENCODER, settings.trainable_layers), shape)
        funnel.load_state_dict(load_file(folder / WEIGHTS))
    except ArtifactError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ArtifactError(f"{folder / RECORD} does not describe its model ({reason}).") from None
    return Predictor(
        funnel=funnel.to(where).eval(),
        tokenizer=load_tokenizer(folder / ENCODER),
        vocabulary=vocabulary,
        calibration=calibration,
        spreads=spreads,
        settings=settings,
        device=where,
        record=record["record"],
    )


def _write(predictor: Predictor, base_model: Path, draft: Path) -> None:
    encoder = draft / ENCODER
    encoder.mkdir()
    for name in (CONFIG, *_TOKENIZER_FILES):
        if (base_model / name).is_file():
            shutil.copyfile(base_model / name, encoder / name)
    state = {
        name: value.cpu().contiguous() for name, value in predictor.funnel.state_dict().items()
    }
    save_file(state, draft / WEIGHTS)
    digests = {
        path.relative_to(draft).as_posix(): sha256_of(path)
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    record = {
        "format": FORMAT,
        "promopilot": _own_version(),
        # The folder is the machine's own matter: what was loaded is told by the digests.
        "settings": predictor.settings.model_dump(mode="json", exclude={"base_model"}),
        "shape": asdict(predictor.funnel.shape),
        "vocabulary": predictor.vocabulary.to_json(),
        "calibration": asdict(predictor.calibration),
        "spreads": [spread.to_json() for spread in predictor.spreads],
        "record": predictor.record,
        "digests": digests,
    }
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (draft / RECORD).write_text(text + "\n", encoding="utf-8")


def _swap(draft: Path, folder: Path) -> None:
    """Puts the draft under the final name; an earlier predictor stands there until the rename."""
    if folder.exists():
        earlier = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.rename(earlier / "earlier")
        try:
            os.replace(draft, folder)
        except OSError:
            (earlier / "earlier").rename(folder)
            raise
        finally:
            shutil.rmtree(earlier, ignore_errors=True)
    else:
        os.replace(draft, folder)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: {folder} is not a predictor.") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is not readable JSON ({error}).") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else None
        raise ArtifactError(f"{path} has format {found}, but {FORMAT} is needed: fit again.")
    missing = [key for key in ("digests", "settings", "vocabulary") if key not in record]
    if missing or WEIGHTS not in record["digests"]:
        raise ArtifactError(f"{path} lacks {', '.join(missing) or WEIGHTS}: fit again.")
    return record


def _own_version() -> str:
    try:
        return version("promopilot")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
