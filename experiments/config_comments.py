"""A config as YAML in which every key carries the comment of the setting that it overrides."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from promopilot.experiments.config_yaml import to_yaml

_FIELD = re.compile(r"^    (\w+): [^#\"']*(?:\"[^\"]*\"[^#\"']*)*(?:#\s*(.*))?$")
_WIDE = 100
REST = "# ---- Everything below has good defaults. ----"


def commented_yaml(
    config: BaseModel, skip: frozenset[str] = frozenset(), first: Sequence[str] = ()
) -> str:
    """Every key of `config` with its value and the comment that stands with it in the source.

    Args:
        config: What is written.
        skip: Paths ("data.complete_journey") that are left out.
        first: Paths that come before their neighbours, in this order; a line below the last of
            them says that the rest may stay as it is.
    """
    order = {path: at for at, path in enumerate(first)}
    return "\n".join(_Writer(skip, order).lines(config, "")).lstrip("\n") + "\n"


def comments_of(model: type[BaseModel]) -> dict[str, list[str]]:
    """For each field the comment lines above it and the one at its end."""
    found: dict[str, list[str]] = {}
    above: list[str] = []
    for line in inspect.getsource(model).splitlines():
        text = line.strip()
        if text.startswith("#"):
            above.append(text.lstrip("# "))
            continue
        match = _FIELD.match(line)
        if match and match[1] in model.model_fields:
            found[match[1]] = [*above, *([match[2]] if match[2] else [])]
        above = []
    return found


@dataclass(frozen=True)
class _Writer:
    skip: frozenset[str]
    order: dict[str, int]  # path -> place, of those that come first

    def lines(self, config: BaseModel, path: str) -> list[str]:
        """The keys below `path`, a section after a blank line."""
        comments, values = comments_of(type(config)), config.model_dump(mode="json")
        indent = "  " * (path.count(".") + 1 if path else 0)
        lines: list[str] = []
        after_section = False
        for below in self._paths(config, path):
            name = below.rpartition(".")[2]
            value = getattr(config, name)
            if isinstance(value, BaseModel):
                after_section = True
                summary = (inspect.getdoc(type(value)) or "").splitlines()[0]
                lines += ["", *_said([f"{indent}{name}:"], [summary], indent)]
                lines += self.lines(value, below)
            else:
                lines += [""] * after_section
                after_section = False
                written = [indent + line for line in to_yaml({name: values[name]}).splitlines()]
                lines += _said(written, comments.get(name, []), indent)
            if self.order.get(below) == len(self.order) - 1:
                lines += ["", f"{indent}{REST}", ""]
        return lines

    def _paths(self, config: BaseModel, path: str) -> list[str]:
        paths = [f"{path}.{name}" if path else name for name in type(config).model_fields]
        kept = [below for below in paths if below not in self.skip]
        return sorted(kept, key=lambda below: self.order.get(below, len(self.order)))


def _said(written: list[str], comments: list[str], indent: str) -> list[str]:
    """A key with its comment: behind it where there is room, else above it."""
    beside = f"{written[0]}  # {' '.join(comments)}"
    if comments and len(written) == 1 and len(beside) <= _WIDE:
        return [beside]
    return [*(f"{indent}# {comment}" for comment in comments), *written]
