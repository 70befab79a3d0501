"""What a limit does to a row of the plan, told from the row's reason."""

from __future__ import annotations

import re

# Reasons of rows that a limit keeps from less money; all others that bind keep them from more.
_KEEPS = re.compile(
    r"at its minimum|at its share for testing|may not fall faster|makes room for|^tested: "
)


def effect(limit: str, reason: str) -> str:
    """`locks`, `keeps` (money there) or `stops` (more money).

    Args:
        limit: `binding_limit` of the row.
        reason: Its reason.
    """
    if limit == "lock":
        return "locks"
    return "keeps" if _KEEPS.search(reason) else "stops"
