"""From options to a config."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from promopilot.experiments.config import RunConfig, load_config, make_config


def configured(
    config: Path | None,
    sets: Sequence[str] | None,
    seed: int | None = None,
    workers: int | None = None,
) -> RunConfig:
    """The config of a file, or all defaults, with `--set`, `--seed` and `--workers` over it.

    Raises:
        ConfigError: See `load_config`.
    """
    overrides = list(sets or ())
    if seed is not None:
        overrides.append(f"seed={seed}")
    if workers is not None:
        overrides.append(f"ray.workers={workers}")
    return make_config({}, overrides, "--set") if config is None else load_config(config, overrides)


def packaged(name: str) -> Path:
    """The path of a config that comes with promopilot, for example "demo"."""
    return Path(str(files("promopilot.configs").joinpath(f"{name}.yaml")))
