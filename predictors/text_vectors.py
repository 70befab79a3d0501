"""Text vectors by digest, so that a text seen again costs no pass of the encoder.

H is the width of a text's vector.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn, uint8

# 256 MiB hold 170,000 texts of MiniLM's last layer, 25,000 of all layers.
MOST_BYTES = 1 << 28


class VectorCache:
    """Vectors under a key each, the least recently used dropped first; safe between threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._vectors: OrderedDict[bytes, Tensor] = OrderedDict()  # key -> [H]
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Returns how many vectors are kept."""
        return len(self._vectors)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Tensor]:
        """Returns the vectors [H] that are kept of `keys`."""
        found = {}
        with self._lock:
            for key in keys:
                if key in self._vectors:
                    self._vectors.move_to_end(key)
                    found[key] = self._vectors[key]
        return found

    def keep(self, vectors: dict[bytes, Tensor]) -> None:
        """Keeps vectors [H], as far as the memory granted goes."""
        with self._lock:
            for key, vector in vectors.items():
                if key not in self._vectors:
                    # A copy: a view would hold the memory of the whole batch it was cut from.
                    self._vectors[key] = vector.clone()
                    self._bytes += vector.nbytes
            while self._bytes > self._most_bytes:
                _, dropped = self._vectors.popitem(last=False)
                self._bytes -= dropped.nbytes


def text_key(model_digest: bytes, text: str) -> bytes:
    """Returns the key of a text under a model: sha256 of both."""
    return hashlib.sha256(model_digest + text.encode("utf-8", "surrogatepass")).digest()


def model_digest(encoder: nn.Module, tokenizer: Any, way: str) -> bytes:
    """Returns a sha256 of everything that a text's vector depends on besides the text.

    Args:
        encoder: its weights.
        tokenizer: its word pieces.
        way: how they are used, such as the word pieces kept and the precision.
    """
    digest = hashlib.sha256(way.encode())
    for piece, index in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{piece}\0{index}\0".encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name}\0{tuple(tensor.shape)}\0{tensor.dtype}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(uint8).numpy())
    return digest.digest()
