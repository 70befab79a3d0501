"""What the policies of one evaluation are called, in tables, on pages and as folders."""

import re
from collections.abc import Sequence
from pathlib import Path

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.out_folder import CANDIDATES


def candidate_names(policies: Sequence[str]) -> list[str]:
    """A name for each policy: a file's without its ending, a run folder's, or the name given.

    Where two would be called alike both are called as they were given.

    Raises:
        LogError: a policy given twice.
    """
    places = [_place(policy) for policy in policies]
    for at, policy in enumerate(policies):
        if places[at] in places[:at]:
            raise LogError(f"policy {policy!r} is given twice; give each once.")
    short = [_short(policy) for policy in policies]
    return [
        name if short.count(name) == 1 else policy
        for name, policy in zip(short, policies, strict=True)
    ]


def folders_of(names: Sequence[str]) -> dict[str, str]:
    """Where each candidate's files go in the folder of an evaluation, no two in the same place."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "policy"
        place, more = f"{CANDIDATES}/{plain}", 2
        while place in found.values():
            place, more = f"{CANDIDATES}/{plain}-{more}", more + 1
        found[name] = place
    return found


def _place(policy: str) -> str:
    """The same for one file or folder, however its path is written."""
    path = Path(policy)
    return str(path.resolve()) if path.exists() else policy


def _short(policy: str) -> str:
    path = Path(policy)
    if path.is_dir():
        return path.resolve().name
    return path.stem if path.suffix in (".csv", ".parquet") else policy
