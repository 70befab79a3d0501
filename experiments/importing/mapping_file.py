"""A mapping as a YAML file: read strictly, written complete."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from promopilot.experiments.config_errors import explain
from promopilot.experiments.config_yaml import read_yaml, to_json, to_yaml, yaml_text
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.tables.schema import MAPPING_FILE

_HEAD = """\
# How the rows of the export became promotions, placements and segments.
# Edit it and import again: promopilot data import --platform {platform} --mapping {file} …
# docs/import.md explains each key.
"""


def read_mapping(path: Path, platform: Platform) -> Mapping:
    """Reads a mapping; a relative file of texts in it starts at its folder.

    Args:
        path: The YAML file.
        platform: That of the import.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value of a wrong type or range, or a
            mapping for another platform.
    """
    text = yaml_text(path, "mapping")
    tree = read_yaml(text, str(path))
    try:
        mapping = Mapping.model_validate_json(to_json(tree, str(path)), strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, Mapping, str(path))) from error
    if mapping.platform not in (None, platform):
        raise ConfigError(
            f"{path} is a mapping for {mapping.platform}, but the import is for {platform}; "
            "name the same platform in both"
        )
    if mapping.texts is None:
        return mapping
    file = str(path.parent / mapping.texts.file)
    return mapping.model_copy(update={"texts": mapping.texts.model_copy(update={"file": file})})


def mapping_text(mapping: Mapping) -> str:
    """The mapping as YAML with a word on how to use it."""
    head = _HEAD.format(platform=mapping.platform, file=MAPPING_FILE)
    return head + to_yaml(mapping.tree())
