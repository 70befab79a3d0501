"""Which language model texts are read with: the packaged one, a local folder, or one of the hub."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.packaged import PACKAGE, packaged_minilm, sha256_of

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# What a tokenizer may consist of; which of these there are depends on its kind.
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model"),
)
# All that is fetched from the hub: no pickle, which could run code, and no code.
FETCHED = (CONFIG, WEIGHTS, *TOKENIZER_FILES)
# "owner/name" as the hub allows it, and a branch, tag or commit after "@" where one is wanted.
_HUB_NAME = re.compile(r"([\w][\w.-]*/[\w][\w.-]*?)(?:@([\w][\w./-]*))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")

# Gets a hub name and a revision or None, returns the folder that holds the fetched files.
Download = Callable[[str, str | None], Path]


def is_hub_name(base_model: str) -> bool:
    """Whether a name has the form of the hub's; a folder of that name comes first."""
    return _HUB_NAME.fullmatch(base_model) is not None


def resolve(base_model: Path | str | None, download: Download | None = None) -> Path:
    """Returns the folder of a base model, fetching it only where it is a name of the hub.

    Args:
        base_model: None for the packaged MiniLM, a folder, or "owner/name" or
            "owner/name@revision" on the hub. A folder of that name comes first.
        download: in place of the hub's own, in tests.

    Raises:
        MissingPackageError: the packaged model is wanted and not installed.
        ArtifactError: there is no such folder, or the hub cannot be reached or has no such model.
    """
    if base_model is None:
        return packaged_minilm()
    folder = Path(base_model).expanduser()
    if folder.is_dir():
        return folder
    named = _HUB_NAME.fullmatch(str(base_model))
    if named is None:
        raise ArtifactError(
            f"predictor.base_model is {str(base_model)!r}, which is no folder: name a folder with "
            f"{CONFIG}, tokenizer.json and {WEIGHTS}, or a model on the hub as owner/name."
        )
    name, revision = named.groups()
    try:
        fetched = (download or _from_hub)(name, revision)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"predictor.base_model {str(base_model)!r} is no folder here and cannot be fetched "
            f"from the hub ({reason}): check the name and the network, or download the model and "
            "name its folder."
        ) from None
    missing = [file for file in (CONFIG, WEIGHTS) if not (fetched / file).is_file()]
    if missing:
        raise ArtifactError(
            f"the model {name} on the hub has no {' and no '.join(missing)}: choose one with "
            "weights as a single safetensors file."
        )
    return fetched


def describe(base_model: Path | str | None, folder: Path) -> dict[str, Any]:
    """Returns what a model card tells of a base model; not where its folder is.

    Args:
        base_model: the setting.
        folder: what `resolve` made of it.

    Returns:
        source (packaged, local or hub), name, on the hub the revision, and the digests of config
        and weights.

    Raises:
        ArtifactError: a file cannot be read.
    """
    digests = {name: sha256_of(folder / name) for name in (CONFIG, WEIGHTS)}
    if base_model is None:
        return {"source": "packaged", "name": PACKAGE, "digests": digests}
    named = _HUB_NAME.fullmatch(str(base_model))
    if Path(base_model).expanduser().is_dir() or named is None:
        return {"source": "local", "name": folder.resolve().name, "digests": digests}
    # The hub's cache names the folder by the commit, whatever revision was asked for.
    revision = folder.name if _COMMIT.fullmatch(folder.name) else named.group(2)
    return {"source": "hub", "name": named.group(1), "revision": revision, "digests": digests}


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, allow_patterns=list(FETCHED)))
