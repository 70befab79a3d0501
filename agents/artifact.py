"""Files of trained policies: `policy.safetensors` and `policy.json`, sealed against alteration.

Nothing in them can run code. The card holds digests of the weights and of itself.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from promopilot.agents.errors import PolicyError
from promopilot.agents.statistics import FEATURES, ObservationStatistics

_WEIGHTS, _CARD = "policy.safetensors", "policy.json"
_STATISTICS = ("mean", "sd", "low", "high")
# Of which each must have the same entries where a policy is used as where it was trained.
Seen = dict[str, list[str]]


def write_artifact(
    folder: Path, weights: dict[str, Tensor], card: dict[str, Any], notes: dict[str, Any]
) -> None:
    """Write a policy's two files into `folder`.

    Args:
        folder: An existing one.
        weights: By name.
        card: What is needed to use them: `algorithm`, what was seen, shape, statistics.
        notes: What else a reader of the card may want to know.
    """
    save_file(weights, folder / _WEIGHTS)
    sealed = card | {"weights_sha256": _digest((folder / _WEIGHTS).read_bytes())}
    whole = sealed | {"card_sha256": card_digest(sealed), "notes": notes}
    (folder / _CARD).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read_artifact(
    folder: Path, algorithms: tuple[str, ...], seen: Seen
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Card and weights of a policy.

    Args:
        folder: Where they are.
        algorithms: The kinds that can be used here.
        seen: What is seen here, by kind of entry.

    Raises:
        PolicyError: A file is missing or altered, or the policy is of another kind or was trained
            on other observations.
    """
    with readable(folder):
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        if card["algorithm"] not in algorithms:
            raise PolicyError(
                f"The policy in {folder} is of the kind {card['algorithm']!r}; "
                f"{' or '.join(algorithms)} is needed here."
            )
        weights = (folder / _WEIGHTS).read_bytes()
        sealed = {k: v for k, v in card.items() if k not in ("card_sha256", "notes")}
        check_digest(folder / _WEIGHTS, _digest(weights), card["weights_sha256"])
        check_digest(folder / _CARD, card_digest(sealed), card["card_sha256"])
        _check_seen(card, folder, seen)
        return card, load_file(folder / _WEIGHTS)


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Say in one sentence why a policy in `folder` cannot be read.

    Raises:
        PolicyError: Instead of what reading it, or filling a network with it, raised.
    """
    try:
        yield
    except PolicyError:
        raise
    except FileNotFoundError as error:
        raise PolicyError(f"There is no trained policy in {folder}.") from error
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise PolicyError(f"The policy in {folder} cannot be read: {error}.") from error


def _check_seen(card: dict[str, Any], folder: Path, seen: Seen) -> None:
    for name, entries in seen.items():
        if card[name] != entries:
            other = sorted(set(card[name]) ^ set(entries)) or card[name]
            raise PolicyError(
                f"The policy in {folder} was trained on other {name} than there are here: they "
                f"differ in {', '.join(map(str, other[:4]))}."
            )


def statistics_card(statistics: ObservationStatistics) -> dict[str, list[float]]:
    """Observation statistics for a card."""
    return {name: getattr(statistics, name).tolist() for name in _STATISTICS}


def read_statistics(card: dict[str, Any], folder: Path) -> ObservationStatistics:
    """Observation statistics of a card.

    Raises:
        PolicyError: They are missing or of another size.
    """
    if "observation" not in card:
        raise PolicyError(f"The policy in {folder} lacks its observation statistics.")
    with readable(folder):
        found = {name: np.asarray(card["observation"][name], np.float32) for name in _STATISTICS}
        size = len(card["globals"]) + FEATURES
    for name, values in found.items():
        if values.shape != (size,) or not np.isfinite(values).all():
            raise PolicyError(
                f"The policy in {folder} has {name} of shape {values.shape} among its observation "
                f"statistics; it must be {size} finite numbers."
            )
    return ObservationStatistics(**found)


def check_digest(path: Path, found: str, told: str | None) -> None:
    """Refuse a file that is not as it was written.

    Raises:
        PolicyError: The digests differ.
    """
    if found != told:
        raise PolicyError(f"{path} was altered: its digest is {found}, not {told}.")


def card_digest(card: dict[str, Any]) -> str:
    """SHA-256 of what a card says."""
    return _digest(json.dumps(card, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
