"""Policies as they are named: a file, or one of some names."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from promopilot.experiments.errors import LogError


def policy_path(policy: str, names: Sequence[str], others: str = "a file") -> Path:
    """The file or folder that a policy is given by, where it is none of the names.

    Args:
        policy: what the user gave.
        names: the names that there are.
        others: what a policy may be besides, in words.

    Raises:
        LogError: neither, with the nearest name.
    """
    path = Path(policy)
    if path.suffix or path.exists():
        return path
    near = get_close_matches(policy, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise LogError(f"policy {policy!r} is neither {others} nor one of {', '.join(names)}{hint}")


def always_action(policy: str, actions: Sequence[str], log: str) -> int:
    """Index of the action that `always:<action>` takes.

    Args:
        policy: what the user gave.
        actions: those that the log shows.
        log: the log's name, for messages.

    Raises:
        LogError: the log has no such action; with the nearest one.
    """
    chosen = policy.removeprefix("always:")
    if chosen in actions:
        return list(actions).index(chosen)
    near = get_close_matches(chosen, actions, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it shows {', '.join(actions[:10])}."
    raise LogError(f"policy {policy!r}: {log} has no action {chosen!r}; {hint}")
