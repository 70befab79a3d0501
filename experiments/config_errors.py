"""What is wrong with a config, in one sentence: its path, the value, the rule, the nearest key."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from promopilot.experiments.config_yaml import type_name

Location = Sequence[int | str]
Overrides = Mapping[tuple[str, ...], str]  # `--set …` by the keys that it sets, in their order
_NONE: Overrides = {}
_TYPE_ERRORS = ("_type", "int_from_float", "model_attributes_type")


def explain(
    error: ValidationError, root: type[BaseModel], source: str, overrides: Overrides = _NONE
) -> str:
    """The first problem as a sentence, and how many more there are.

    Unknown keys come first: a mistyped key often explains the rest.

    Args:
        error: What is wrong.
        root: The whole config's model.
        source: The file, which is named unless an override has set what is wrong.
        overrides: What to name instead, by the keys that it set; the last one counts.
    """
    problems = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first = problems[0]
    path, value = path_of(first["loc"]), first["input"]
    if first["type"] == "extra_forbidden":
        text = _unknown_key(first["loc"], path, root)
    elif first["type"].endswith(_TYPE_ERRORS):
        expected = _expected(_annotation_at(root, first["loc"]))
        text = f"Expected `{expected}`, got `{type_name(value)}` - at `{path}`"
        text += "" if isinstance(value, dict | list) else f" (the value is {value!r})"
    else:
        rule = re.sub(r"^\w+ should ", "it must ", first["msg"]).removeprefix("Value error, ")
        text = f"`{path}` is {value!r}: {rule}"
    for keys, override in overrides.items():
        source = override if tuple(map(str, first["loc"][: len(keys)])) == keys else source
    more = len(problems) - 1
    return f"{source}: {text}" + (f" (and {more} more)" if more else "")


def path_of(location: Location) -> str:
    """A location as `$.agents.layers[1]`."""
    return "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)


def _unknown_key(location: Location, path: str, root: type[BaseModel]) -> str:
    owner = _annotation_at(root, location[:-1])
    model = next((m for m in _members(owner) if _is_model(m)), None)
    fields = model.model_fields if model is not None else {}
    valid = [field.alias or name for name, field in fields.items()]
    near = difflib.get_close_matches(str(location[-1]), valid, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"valid here: {', '.join(valid)}"
    return f"unknown key `{path}`; {hint}"


def _annotation_at(root: type[BaseModel], location: Location) -> Any:
    """The declared type at a location; Any where it cannot be told."""
    annotation: Any = root
    for part in location:
        below: Any = Any
        for member in _members(annotation):
            if _is_model(member) and part in member.model_fields:
                below = member.model_fields[str(part)].annotation
            elif get_origin(member) in (dict, list, tuple, set) and get_args(member):
                arguments = [a for a in get_args(member) if a is not Ellipsis]
                fixed = get_origin(member) is tuple and len(arguments) > 1
                below = arguments[int(part)] if fixed else arguments[-1]
        annotation = below
    return annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in _members(part))
    return (annotation,)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _expected(annotation: Any) -> str:
    return " | ".join(_type_word(member) for member in _members(annotation))


def _type_word(annotation: Any) -> str:
    plain = {type(None): "null", date: "date", Path: "path", Any: "value"}
    if annotation in plain:
        return plain[annotation]
    if _is_model(annotation):
        return "object"
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(repr(choice) for choice in get_args(annotation))
    names = {dict: "object", list: "array", tuple: "array", set: "array"}
    if origin in names:
        return names[origin]
    return getattr(annotation, "__name__", str(annotation))
