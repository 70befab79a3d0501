"""A config as YAML in which every key carries the comment of the setting that it overrides."""

from __future__ import annotations

import inspect
import re

from pydantic import BaseModel

from promopilot.experiments.config_yaml import to_yaml

_FIELD = re.compile(r"^    (\w+): [^#\"']*(?:\"[^\"]*\"[^#\"']*)*(?:#\s*(.*))?$")


def commented_yaml(config: BaseModel, skip: frozenset[str] = frozenset()) -> str:
    """Every key of `config` with its value, below the comment that stands with it in the source.

    Keys whose path ("data.complete_journey") is in `skip` are left out.
    """
    return "\n".join(_lines(config, "", skip)) + "\n"


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


def _lines(config: BaseModel, path: str, skip: frozenset[str]) -> list[str]:
    comments = comments_of(type(config))
    values = config.model_dump(mode="json")
    depth = path.count(".") + 1 if path else 0
    indent = "  " * depth
    lines: list[str] = []
    for name in type(config).model_fields:
        below = f"{path}.{name}" if path else name
        if below in skip:
            continue
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            summary = (inspect.getdoc(type(value)) or "").splitlines()[0]
            lines += ["", f"{indent}# {summary}", f"{indent}{name}:"]
            lines += _lines(value, below, skip)
        else:
            lines += [f"{indent}# {comment}" for comment in comments.get(name, [])]
            lines += [indent + line for line in to_yaml({name: values[name]}).splitlines()]
    return lines
