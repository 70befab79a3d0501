"""The same seed gives the same bytes, and the caller's random state is left as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Leaves the caller's random state as it was, and lets no operation add up in random order.

    Without it two threads add the gradients of an index in the order in which they come.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    devices = [device] if device.type == "cuda" else []
    try:
        if device.type == "cpu":  # elsewhere some operations have no such version
            torch.use_deterministic_algorithms(True)
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
