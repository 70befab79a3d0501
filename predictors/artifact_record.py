"""predictor.json: what it must hold before anything it names is read.

It seals itself: `seal` is the digest of all its other keys, so that a changed number is noticed as
a changed weight is. Files are read only where they are plain files inside the predictor's folder
and have the digest recorded for them.
"""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from promopilot.predictors.base_model import CONFIG, WEIGHTS
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.packaged import sha256_of

RECORD = "predictor.json"
ENCODER = "encoder"  # config and tokenizer of the base model
# Rises when an older promopilot could not read, or would misread, what is written now.
FORMAT = 3
_NEEDED = (WEIGHTS, f"{ENCODER}/{CONFIG}")


def write_record(content: dict[str, Any], folder: Path) -> None:
    """Writes predictor.json over the files that are in `folder`, with their digests and the seal.

    Args:
        content: everything to be told beside format, version, digests and seal.
        folder: complete but for the record.
    """
    digests = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    record = {"format": FORMAT, "promopilot": own_version(), **content, "digests": digests}
    record["seal"] = seal_of(record)
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """Returns what predictor.json holds, every file that it names having been checked.

    Raises:
        ArtifactError: it or a file is missing, altered, a link or elsewhere, or of another format.
    """
    record = _parsed(folder)
    _check_format(folder / RECORD, record)
    digests = record.get("digests")
    if not isinstance(digests, dict) or record.get("seal") != seal_of(record):
        raise ArtifactError(
            f"{folder / RECORD} has been altered since the predictor was fitted: restore the file "
            "or fit again."
        )
    for name in _NEEDED:
        if name not in digests:
            raise ArtifactError(f"{folder / RECORD} lacks the digest of {name}: fit again.")
    for name, expected in digests.items():
        _check_file(folder, str(name), expected)
    for path in sorted((folder / ENCODER).iterdir()):  # a tokenizer reads whatever lies there
        if f"{ENCODER}/{path.name}" not in digests:
            raise ArtifactError(f"{path} was not there when the predictor was fitted: remove it.")
    return record


def seal_of(record: dict[str, Any]) -> str:
    """Returns the digest of a record's keys and values, `seal` left out."""
    told = json.loads(json.dumps({key: record[key] for key in record if key != "seal"}))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def own_version() -> str:
    """The version of this promopilot."""
    try:
        return version("promopilot")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"


def _parsed(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    _check_place(folder, RECORD)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: {folder} is not a predictor.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not readable JSON ({error}): fit again.") from None
    if not isinstance(record, dict):
        raise ArtifactError(f"{path} holds no JSON object: fit again.")
    return record


def _check_format(path: Path, record: dict[str, Any]) -> None:
    found = record.get("format")
    by = f"promopilot {record.get('promopilot', 'unknown')}"
    if not isinstance(found, int) or isinstance(found, bool):
        raise ArtifactError(f"{path} names no format, so that it cannot be read: fit again.")
    if found > FORMAT:
        raise ArtifactError(
            f"{path} was written by {by} with format {found}, and this one ({own_version()}) reads "
            f"up to {FORMAT}: upgrade promopilot."
        )
    if found < FORMAT:
        raise ArtifactError(
            f"{path} was written by {by} with format {found}, and this one ({own_version()}) "
            f"reads {FORMAT}: fit the predictor again."
        )


def _check_file(folder: Path, name: str, expected: object) -> None:
    _check_place(folder, name)
    path = folder / name
    if not path.is_file():
        raise ArtifactError(f"{path} is missing: restore the file or fit again.")
    found = sha256_of(path)
    if found != expected:
        raise ArtifactError(
            f"{path} has sha256 {found} but {expected} was recorded when the predictor was fitted: "
            "restore the file or fit again."
        )


def _check_place(folder: Path, name: str) -> None:
    """Refuses a name that leads out of the folder, be it by itself or by a link on its way."""
    parts = PurePosixPath(name).parts
    plain = name and name == "/".join(parts) and not {"/", "..", "."} & {*parts, name[0]}
    if not plain or {"\\", ":", "\0"} & set(name):  # as another system writes paths
        raise ArtifactError(f"{folder / RECORD} names {name!r}, no file of its folder: fit again.")
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise ArtifactError(f"{path} is a link: put the file itself there.")
