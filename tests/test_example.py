"""What `promopilot init` writes is valid, the same every time, and never on top of other files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments.atomic import digests
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import RunConfig, load_config, require_data
from promopilot.experiments.config_comments import REST
from promopilot.experiments.config_yaml import read_yaml
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.example import DAYS, PROMOTIONS, example_tables, write_example
from promopilot.experiments.tables import read_tables

runner = CliRunner()


def test_init_writes_tables_and_a_config_that_pass_their_checks(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    result = runner.invoke(app, ["init", str(shop), "--json"])
    assert result.exit_code == 0, result.output
    assert "config.yaml" in json.loads(result.stdout)["files"]
    check = runner.invoke(app, ["data", "check", str(shop / "data"), "--json"])
    assert check.exit_code == 0
    found = json.loads(check.stdout)
    assert found["ok"] is True
    assert found["problems"] == found["warnings"] == found["notes"] == []
    config = load_config(shop / "config.yaml")
    require_data(config)
    tables = read_tables(shop / "data")
    assert tables.performance["date"].nunique() == DAYS
    dates = resolve_dates(config, tables.performance)
    assert (dates.start - tables.performance["date"].max().date()).days == 1
    assert not dates.choose(tables.performance).empty


def leaves(tree: object, path: str = "") -> list[str]:
    """Paths of all values; what is empty counts as one."""
    if isinstance(tree, dict) and tree:
        return [leaf for key, below in tree.items() for leaf in leaves(below, f"{path}.{key}")]
    return [path]


def test_the_config_holds_every_key_once_and_what_a_first_plan_needs_comes_first(
    tmp_path: Path,
) -> None:
    write_example(tmp_path / "shop")
    text = (tmp_path / "shop" / "config.yaml").read_text(encoding="utf-8")
    given = leaves(read_yaml(text, "config.yaml"))  # refuses a key that is given twice
    every = leaves(RunConfig().model_dump(mode="json"))
    built = (".data.complete_journey.", ".data.synthetic.")  # of tables that are not the user's
    assert sorted(given) == sorted(path for path in every if not path.startswith(built))
    screen = text.splitlines()[:40]
    for line in (
        *("folder: data", "start: null", "days: 28", "total: null", "file: limits.yaml"),
        *("currency: USD", "margin: 0.3", "objective: net_profit", "language: en"),
    ):
        assert any(each.strip().startswith(line) for each in screen), line
    assert [line.strip() for line in screen].count(REST) == 1
    assert text.index("margin:") < text.index(REST) < text.index("seed:")


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_example(tmp_path / name / "shop", seed=3)
    write_example(tmp_path / "c", seed=4)
    first, second, other = (digests(tmp_path / n) for n in ("a/shop", "b/shop", "c"))
    assert first == second
    assert first["data/performance.csv"] != other["data/performance.csv"]


def test_the_example_has_something_to_decide() -> None:
    tables = example_tables(0)
    performance = tables["performance"].merge(tables["promotions"], on="promotion_id")
    margin = performance["price"] * (performance["margin"] - performance["discount"])
    performance["net"] = performance["conversions"] * margin - performance["spend"]
    net = performance.groupby(["promotion_id", "segment_id"])["net"].sum()
    assert len(tables["promotions"]) == len(PROMOTIONS)
    assert (net > 0).any()  # some line items pay
    assert (net < 0).any()  # others do not


def test_init_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    for target in (tmp_path, tmp_path / "mine.txt"):
        result = runner.invoke(app, ["init", str(target)])
        assert result.exit_code == 2
        assert "is not empty: name a new or empty folder" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("below", ["below", "below/deeper"])
def test_init_where_it_cannot_write(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    result = runner.invoke(app, ["init", str(tmp_path / "file" / below)])
    assert result.exit_code == 2
    assert "cannot write to" in result.stderr
