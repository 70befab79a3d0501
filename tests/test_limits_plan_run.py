"""Limits in a run: named by the config, kept by its market, checked before anything is fitted."""

from pathlib import Path

import numpy as np
import pytest

from promopilot.envs.errors import InfeasibleError
from promopilot.envs.world_files import save_world
from promopilot.experiments.config import RunConfig, dump_config, load_config, make_config
from promopilot.experiments.dates import Dates, resolve_dates
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.example import write_example
from promopilot.experiments.limits.beforehand import check_beforehand
from promopilot.experiments.limits.of_run import save_unlimited, unlimited_world
from promopilot.experiments.manifest import input_digests
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.tables import Tables, read_tables
from promopilot.experiments.world_builder import BuiltWorld, build_world
from tests.test_world_builder import START, Fixed, tables

LIMITS = "bounds: [{promotion: a, max: 35}]\nstep: {max_change: 0.2}\nbudget: {total: 400}\n"


def config_with(limits: Path, text: str = LIMITS) -> RunConfig:
    limits.write_text(text, encoding="utf-8")
    return make_config(
        {
            "flight": {"start": START.isoformat(), "days": 7},
            "limits": {"file": str(limits)},
        }
    )


def built_with(config: RunConfig) -> BuiltWorld:
    given = tables()
    return build_world(given, Fixed(), config, resolve_dates(config, given.performance))  # type: ignore[arg-type]


def test_a_runs_market_is_under_its_limits_and_kept_without_them_too(tmp_path: Path) -> None:
    config = config_with(tmp_path / "limits.yaml")
    built = built_with(config)
    assert built.world.limits is not None
    assert (built.world.limits.max_step, built.world.budget) == (0.2, 400)
    assert built.world.limits.groups[0].most_text == "promotion a may spend at most 35 a day"
    assert built.unlimited.limits is None
    market = tmp_path / "run" / "market"
    market.mkdir(parents=True)
    save_world(built.world, market)
    save_unlimited(built, config.limits.file, market)
    assert (market / "limits.yaml").read_text(encoding="utf-8") == LIMITS
    free = unlimited_world(tmp_path / "run")
    assert free.limits is None
    assert free.budget == built.unlimited.budget != 400


def test_a_run_without_limits_keeps_one_market(tmp_path: Path) -> None:
    given = tables()
    config = make_config({"flight": {"start": START.isoformat(), "days": 7}})
    built = build_world(given, Fixed(), config, resolve_dates(config, given.performance))  # type: ignore[arg-type]
    assert built.world is built.unlimited
    (tmp_path / "market").mkdir()
    save_world(built.world, tmp_path / "market")
    save_unlimited(built, None, tmp_path / "market")
    assert sorted(p.name for p in (tmp_path / "market").iterdir()) == [
        *("world.json", "world.safetensors"),
    ]
    np.testing.assert_array_equal(unlimited_world(tmp_path).live, built.world.live)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (LIMITS, None, ""),
        ("locks: [{promotion: d}]", ConfigError, "no promotion of the flight has that id"),
        (
            "bounds: [{promotion: a, min: 90}, {placement: home, max: 80}]",
            InfeasibleError,
            r"bounds\[0\]: promotion a needs at least 90 a day; bounds\[1\]: placement home",
        ),
    ],
)
def test_limits_are_checked_without_a_predictor(
    tmp_path: Path, text: str, error: type[Exception] | None, message: str
) -> None:
    config, given = config_with(tmp_path / "limits.yaml", text), tables()
    dates = resolve_dates(config, given.performance)
    if error is None:
        check_beforehand(given, config, dates)
        return
    with pytest.raises(error, match=message):
        check_beforehand(given, config, dates)


def test_the_example_can_keep_its_limits(tmp_path: Path) -> None:
    write_example(tmp_path / "shop")
    config = load_config(tmp_path / "shop" / "config.yaml")
    assert config.limits.file == tmp_path / "shop" / "limits.yaml"
    read: Tables = read_tables(tmp_path / "shop" / "data")
    dates: Dates = resolve_dates(config, read.performance)
    check_beforehand(read.known_on(dates.start), config, dates)


def test_the_limits_file_starts_at_the_config_and_moves_with_it(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("limits: {file: ours/limits.yaml}")
    config = load_config(tmp_path / "c.yaml")
    assert config.limits.file == tmp_path / "ours" / "limits.yaml"
    assert "file: ../ours/limits.yaml" in dump_config(config, tmp_path / "run")


def test_a_run_does_not_go_on_under_changed_limits(tmp_path: Path) -> None:
    config = config_with(tmp_path / "limits.yaml")
    folder = RunFolder.open(tmp_path / "run", config)
    folder.record_inputs(input_digests(None, config.limits.file))
    with folder.stage("data") as work:
        (work / "data").mkdir()
    assert set(folder.inputs) == {"limits/limits.yaml"}
    (tmp_path / "limits.yaml").write_text("step: {max_change: 0.3}")
    with pytest.raises(RunFolderError, match=r"limits\.yaml has changed since the run"):
        folder.record_inputs(input_digests(None, config.limits.file))
