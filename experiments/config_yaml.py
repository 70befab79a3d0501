"""YAML as configs use it: 1e-3 is a number, `no` is a word, a key given twice is an error."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from promopilot.experiments.errors import ConfigError

_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?$"
    r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
)


class _Loader(yaml.SafeLoader):
    """Reads as YAML 1.2 where 1.1 surprises: booleans and floats."""


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would not read back as text."""


def _resolve_like_1_2(cls: Any) -> None:
    replaced = (":bool", ":float", ":timestamp")  # dates stay text, which the config checks
    plain = {
        first: [(tag, rule) for tag, rule in rules if not tag.endswith(replaced)]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    cls.yaml_implicit_resolvers = plain
    cls.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
    cls.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


_resolve_like_1_2(_Loader)
_resolve_like_1_2(_Dumper)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None:
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be plain text", key_node.start_mark
            )
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str, source: str) -> dict[str, Any]:
    """Parses a YAML document that is a mapping (or empty); keys are text as written.

    Raises:
        ConfigError: It is not; the message names `source`, the line and the column.
    """
    tree = _parse(text, source)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{source} is not a mapping of keys to values but {type_name(tree)}")
    return tree


def read_override(override: str) -> tuple[list[str], object]:
    """Splits "a.b=value"; the value is read as YAML.

    Raises:
        ConfigError: There is no `=`, or no key before it.
    """
    path, equals, text = override.partition("=")
    keys = path.strip().removeprefix("$.").split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: write it as a.b=value, for example budget.total=5000")
    return keys, _parse(text, f"--set {override}")


def to_json(tree: dict[str, Any], source: str) -> str:
    """The tree as JSON, which pydantic reads strictly.

    Raises:
        ConfigError: A number in it is infinite or not a number.
    """
    _refuse_non_finite(tree, "$", source)
    return json.dumps(tree)


def yaml_text(path: Path, what: str) -> str:
    """The text of a YAML file, with or without a byte order mark; `what` it is, for messages.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read the {what} {path}: {reason}") from error
    except UnicodeDecodeError as error:
        verb = "are" if what.endswith("s") else "is"
        raise ConfigError(
            f"the {what} {path} {verb} not UTF-8 text (byte {error.start})"
        ) from error


def to_yaml(tree: dict[str, Any]) -> str:
    """A JSON-like tree as YAML, keys in their order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def type_name(value: object) -> str:
    """The name of a value's type as config messages write it."""
    if value is None:
        return "null"
    names = {dict: "object", list: "array", bool: "bool", int: "int", float: "float", str: "str"}
    return names.get(type(value), type(value).__name__)


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{source}{where}: {error.problem or 'not valid YAML'}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source} is not valid YAML: {error}") from error


def _refuse_non_finite(value: object, path: str, source: str) -> None:
    if isinstance(value, dict):
        for key, below in value.items():
            _refuse_non_finite(below, f"{path}.{key}", source)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            _refuse_non_finite(below, f"{path}[{index}]", source)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"`{path}` in {source} is {value}: it must be a finite number")
