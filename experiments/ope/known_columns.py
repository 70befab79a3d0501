"""Columns that a file may have: one that is misspelt is refused, one that is not known is told.

`x_*` among known names stands for all that begin with `x_`.
"""

from collections.abc import Sequence

from promopilot.experiments.errors import LogError


def require_names(
    there: Sequence[str], needed: Sequence[str], file: str, optional: Sequence[str] = ()
) -> None:
    """Refuses columns `there` without one that is needed, or with one that is written otherwise.

    A column that differs from a known one in case or spaces only would be passed over, and the
    file be taken for one that lacks it.

    Args:
        there: the columns of the file.
        needed: those it must have.
        file: its name.
        optional: others that it may have.

    Raises:
        LogError: naming the columns and their right names, or the first missing one and those
            there.
    """
    meant = [(name, right) for name in there if (right := _meant(name, (*needed, *optional)))]
    if meant:
        told = ", ".join(f"{name!r} must be written {right!r}" for name, right in meant)
        raise LogError(f"{file}: column {told}; as it stands it would not be read.")
    for name in needed:
        if name not in there:
            raise LogError(f"{file} has no column {name!r}; it has {', '.join(there) or 'none'}.")


def is_known(name: str, known: Sequence[str]) -> bool:
    """Whether a column is one of those known."""
    return name in known or any(name.startswith(start) for start in _starts(known))


def _meant(name: str, known: Sequence[str]) -> str | None:
    """The known column whose name this is but for case and spaces; None where it is right."""
    if is_known(name, known):
        return None
    plain = "_".join(name.split()).lower()
    return plain if is_known(plain, known) else None


def _starts(known: Sequence[str]) -> list[str]:
    return [name[:-1] for name in known if name.endswith("*")]
