"""What a search rests on: a config, and the market that all its trials practise in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promopilot.experiments.config import RunConfig, load_config, make_config, require_data
from promopilot.experiments.config_yaml import read_yaml, yaml_text
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.manifest import input_digests
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import CONFIG, RunFolder
from promopilot.experiments.stages import Stages
from promopilot.experiments.tuning.settings import TuneSettings

BASE = "base"  # in a search's folder: the run whose market was made for it
# What a search may set otherwise than the run that it uses: nothing that the market comes from.
_OWN = ("agents", "simulate", "report", "ray", "tune")


def search_config(path: Path, overrides: Sequence[str]) -> RunConfig:
    """The config of a search; where it uses a run, the run's config with the search's parts.

    Raises:
        ConfigError: As `load_config`, or the file sets what the run has decided otherwise.
        RunFolderError: `tune.run` is no run.
    """
    alone = load_config(path, overrides)
    if alone.tune.run is None:
        require_data(alone)
        return alone
    try:
        run = RunFolder.existing(alone.tune.run).config
    except RunFolderError as error:
        raise RunFolderError(f"{path}: `$.tune.run` names no run: {error}") from error
    tree = read_yaml(yaml_text(path, "config"), str(path))
    for key in tree:
        if key not in _OWN and getattr(alone, key) != getattr(run, key):
            raise ConfigError(
                f"{path}: `$.{key}` is set, and the search uses {alone.tune.run}, which was made "
                "with another; leave it out, or set `$.tune.run` to null for a market of its own"
            )
    whole = run.model_dump(mode="json")
    for key in _OWN:
        _merge(whole[key], tree.get(key) or {})
    whole["tune"]["run"] = str(alone.tune.run)
    return make_config(whole, overrides, str(path))


def market_of(config: RunConfig, out: Path, progress: Progress) -> Path:
    """The folder of the market: of the run that is used, or made once in `out`.

    Raises:
        RunFolderError: The run that is used has no market.
        DataError, MarketError, PredictorDataError, ArtifactError: As `promopilot run`.
    """
    if config.tune.run is not None:
        run = RunFolder.existing(config.tune.run)
        if not run.done("market"):
            raise RunFolderError(
                f"{config.tune.run} has no market yet: finish the run with --resume, or set "
                "`$.tune.run` to null"
            )
        return run.path / "market"
    used = (out / BASE / CONFIG).is_file()
    folder = RunFolder.open(out / BASE, without_search(config), resume=used)
    stages = Stages(folder.config, folder, progress)
    folder.record_inputs(input_digests(config.data.folder, config.limits.file))
    stages.begin()
    folder.run_stage("data", stages.data, progress)
    folder.run_stage("predictor", stages.predictor, progress)
    folder.run_stage("market", stages.market, progress)
    return folder.path / "market"


def without_search(config: RunConfig) -> RunConfig:
    """The config of a run alone."""
    return config.model_copy(update={"tune": TuneSettings()})


def _merge(tree: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if key != "space" and isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value
