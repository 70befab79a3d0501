"""The confidence of an evaluation's intervals, in words."""

from collections.abc import Mapping
from typing import Any


def confidence_text(result: Mapping[str, Any]) -> str:
    """The confidence that an evaluation, or a comparison of several, was made with: `95 %`."""
    return f"{100.0 * result.get('confidence', 0.95):.4g} %"
